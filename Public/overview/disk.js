// How full the disk is, and for how long it lasts at the pace of late.

import { h } from '../core/dom.js';
import { bytes, plural } from '../core/format.js';

export function disk({ freeBytes, totalBytes, usedPercent, bytesPerDay, daysUntilFull, reserveBytes }) {
  const level = usedPercent >= 95 ? 'red' : usedPercent >= 90 ? 'amber' : 'green';
  return h('div', { class: `card disk ${level}` },
    h('p', { class: 'big' }, `${bytes(freeBytes)} free`),
    h('progress', { max: 100, value: usedPercent, 'aria-label': `Disk in use: ${usedPercent} %` }),
    h('p', { class: 'hint' }, `${usedPercent} % of ${bytes(totalBytes)} in use. `, lasts(daysUntilFull, bytesPerDay)),
    level !== 'green' && h('p', { class: 'hint warn' },
      `Uploads are refused when ${bytes(reserveBytes)} are left; what is stored stays readable. Empty the trash, or add a disk.`));
}

function lasts(days, perDay) {
  if (perDay === null) return 'It is too early to say how long that lasts.';
  if (days === null) return perDay > 0 ? 'That lasts for many years.' : 'Hardly anything new comes: that lasts.';
  if (days > 3650) return `At ${bytes(perDay)} on a usual day that lasts for many years.`;
  if (days > 730) return `At ${bytes(perDay)} on a usual day it is full in about ${Math.round(days / 365)} years.`;
  return `At ${bytes(perDay)} on a usual day it is full in ${plural(Math.round(days), 'day')}.`;
}
