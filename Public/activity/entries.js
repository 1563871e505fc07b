// A list of what happened, newest first.

import { h } from '../core/dom.js';
import { day, exact } from '../core/format.js';
import { icon } from '../core/icons.js';
import { look, saying, when } from './words.js';

/** One line. What was stored leads to the photo. */
export function entry(item, { withDevice = true, user = null } = {}) {
  const { subject, outcome } = saying(item);
  const [name, colour] = look(item);
  const who = [user?.isAdmin && item.userId !== user.id ? item.userName : null, withDevice ? item.deviceName : null].filter(Boolean).join(', ');
  const mine = !user || item.userId === user.id;
  return h('li', { class: `happened ${colour}`, data: { id: item.id } },
    icon(name),
    h('span', { class: 'grow' },
      item.assetId && mine && item.kind !== 'deleted'
        ? h('a', { class: 'subject', href: `#/photos/${item.assetId}` }, subject) : h('span', { class: 'subject' }, subject),
      outcome && h('span', { class: 'outcome' }, outcome),
      who && h('span', { class: 'hint' }, who)),
    h('time', { class: 'hint', ...exact(item.at) }, when(item)));
}

export function list(items, options) {
  if (!items.length) return h('p', { class: 'hint' }, 'Nothing yet.');
  return h('ul', { class: 'happenings' }, items.map((item) => entry(item, options)));
}

/** Several in a row of one kind and device as one line: a phone sends twenty at once. */
export function together(items) {
  const lines = [];
  for (const item of items) {
    const last = lines.at(-1);
    if (last?.kind === 'stored' && item.kind === 'stored' && last.deviceId === item.deviceId && Date.parse(last.at) - Date.parse(item.at) < 6 * 3_600_000) {
      Object.assign(last, { together: (last.together ?? 1) + 1, bytes: last.bytes + item.bytes, capturedAt: null, assetId: null });
    } else lines.push({ ...item });
  }
  return lines;
}

/** The same under a heading for each day. */
export function byDay(items, options) {
  const days = [];
  for (const item of items) {
    const text = day(item.at);
    if (days.at(-1)?.text !== text) days.push({ text, items: [] });
    days.at(-1).items.push(item);
  }
  return days.map((one) => h('section', {}, h('h2', { class: 'day' }, one.text), h('div', { class: 'card' }, list(one.items, options))));
}
