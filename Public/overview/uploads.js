// What is coming in just now, and what was begun and waits to go on.

import { call } from '../core/api.js';
import { confirm } from '../core/dialog.js';
import { h } from '../core/dom.js';
import { action } from '../core/form.js';
import { ago, bytes, duration } from '../core/format.js';

/** @param changed called after one was discarded */
export function uploads(open, user, changed) {
  if (!open.length) return null;
  return h('section', { class: 'card' }, h('h2', {}, 'Coming in'),
    h('ul', { class: 'uploads' }, open.slice(0, 12).map((one) => line(one, user, changed))),
    open.length > 12 && h('p', { class: 'hint' }, `and ${open.length - 12} more`));
}

function line({ id, userId, name, userName, receivedBytes, totalBytes, bytesPerSecond, startedAt, lastByteAt, isActive, isResumable }, user, changed) {
  const text = name ?? 'A file';
  const left = isActive && bytesPerSecond > 0 && totalBytes ? `, ${duration((totalBytes - receivedBytes) / bytesPerSecond)} left` : '';
  const state = isActive ? `${bytes(bytesPerSecond)}/s${left}` : `last byte ${ago(lastByteAt)}${isResumable ? ', goes on where it stopped' : ''}`;
  const discard = async () => {
    if (await confirm('Discard it', `${text}: what has arrived is thrown away, and the device begins anew.`, 'Discard it', () => call('DELETE', `/backup/overview/uploads/${id}`))) changed();
  };
  return h('li', {},
    h('div', { class: 'between' }, h('span', { class: 'subject' }, text), h('span', { class: 'hint' }, userName)),
    h('progress', { max: totalBytes ?? 1, value: totalBytes ? receivedBytes : null, 'aria-label': `Progress of ${text}` }),
    h('div', { class: 'between hint' }, h('span', {}, totalBytes ? `${bytes(receivedBytes)} of ${bytes(totalBytes)}` : bytes(receivedBytes)),
      h('span', {}, `${state}; begun ${ago(startedAt)}`)),
    !isActive && (user.isAdmin || userId === user.id) && action('Discard', discard, { 'aria-label': `Discard ${text}` }));
}
