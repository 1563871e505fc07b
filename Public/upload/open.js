// Uploads of the person's devices that were begun and are not finished: what lies in staging, and since when.

import { call } from '../core/api.js';
import { confirm } from '../core/dialog.js';
import { h } from '../core/dom.js';
import { action } from '../core/form.js';
import { ago, bytes, moment } from '../core/format.js';
import { queue } from './queue.js';
import { fields } from './tus.js';

/** Those of other devices and of earlier visits; what this browser is sending stands in its own list. */
export async function unfinished() {
  const open = await call('GET', '/backup/uploads', undefined, { headers: fields });
  const own = new Set(queue.items.map(({ token }) => token));
  return open.filter(({ id, isReceiving }) => !own.has(id) && !isReceiving);
}

/** @param changed called after one was discarded */
export function unfinishedList(open, changed) {
  if (!open.length) return null;
  return h('section', {}, h('h2', { class: 'day' }, 'Begun and not finished'),
    h('div', { class: 'card' },
      h('p', { class: 'hint' }, 'These go on by themselves when the device sends again. Until then they count against the quota.'),
      h('ul', { class: 'results' }, open.map((upload) => line(upload, changed)))));
}

function line({ id, name, device, offset, length, activeAt, expiresAt }, changed) {
  const text = name ?? 'A file without a name';
  const discard = async () => {
    if (await confirm('Discard it', `${text}: what has arrived is thrown away. The device begins anew.`, 'Discard it', () => call('DELETE', `/backup/uploads/${id}`, undefined, { headers: fields }))) await changed();
  };
  return h('li', { class: 'happened' },
    h('span', { class: 'grow' }, h('span', { class: 'subject' }, text),
      h('span', { class: 'outcome' }, `${bytes(offset)}${length === null || length === undefined ? '' : ` of ${bytes(length)}`}, from ${device || 'an unknown device'}, last byte ${ago(activeAt)}`),
      h('span', { class: 'hint' }, `Kept until ${moment(expiresAt)}`)),
    action('Discard', discard, { 'aria-label': `Discard ${text}` }));
}
