// What stands for a device wherever one is shown: its state, its icon, its strip of days.

import { h } from '../core/dom.js';
import { bytes, day, plural } from '../core/format.js';
import { icon } from '../core/icons.js';

const words = {
  green: 'Safe', amber: 'Look', red: 'Act', new: 'New', snoozed: 'Snoozed', paused: 'Paused by the phone', deferred: 'Videos wait',
  none: 'Not watched', revoked: 'Revoked',
};

/** A colour never stands alone: the word beside it says the same. */
export function badge(level) {
  return h('span', { class: `badge ${level}` }, words[level] ?? level);
}

export function kindIcon(kind) {
  return icon({ phone: 'phone', desktop: 'desktop', browser: 'browser' }[kind] ?? 'program');
}

/** What the device is: `Pixel 8 · Android 16 · Immich 3.1.0`. */
export function identity(device) {
  const model = device.model && device.maker && !device.model.startsWith(device.maker) ? `${device.maker} ${device.model}` : device.model;
  return [model, [device.os, device.osVersion].filter(Boolean).join(' '), [device.client, device.clientVersion].filter(Boolean).join(' ')]
    .filter(Boolean).join(' · ');
}

/** One cell per day: stored, in contact, something failed, nothing. */
export function strip(days) {
  const stored = days.reduce((sum, { stored }) => sum + stored, 0);
  const quiet = days.filter((cell) => kindOf(cell) === 'none').length;
  const label = `The last ${days.length} days: ${plural(stored, 'item')} stored, ${plural(quiet, 'day')} without contact`;
  return h('div', { class: 'strip', role: 'img', 'aria-label': label },
    days.map((cell) => h('span', { class: kindOf(cell), title: title(cell) })));
}

function kindOf({ stored, duplicates, rejected, broken, hours }) {
  if (stored > 0) return stored > 20 ? 'much' : 'some';
  if (rejected > 0 || broken > 0) return 'bad';
  return duplicates > 0 || hours > 0 ? 'seen' : 'none';
}

function title({ date, stored, bytes: size, rejected, broken, hours }) {
  const parts = [stored ? `${plural(stored, 'item')} stored (${bytes(size)})` : hours ? 'in contact, nothing new' : 'no contact'];
  if (rejected) parts.push(`${rejected} rejected`);
  if (broken) parts.push(`${broken} broken off`);
  return `${day(`${date}T00:00`)}: ${parts.join(', ')}`;
}

export const legend = () => h('p', { class: 'hint legend' },
  [['much', 'many'], ['some', 'some'], ['seen', 'in contact, nothing new'], ['bad', 'failed'], ['none', 'no contact']]
    .map(([kind, text]) => h('span', {}, h('i', { class: kind }), text)));
