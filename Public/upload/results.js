// The list of files: what needs the visitor first, then what moves, then what is done.

import { h } from '../core/dom.js';
import { action } from '../core/form.js';
import { bytes, plural } from '../core/format.js';
import { icon } from '../core/icons.js';
import { save } from '../core/save.js';

const shown = 100; // lines per part

const words = {
  waiting: 'waits', hashing: 'is read', hashed: 'is compared', ready: 'waits', sending: 'is sent', stored: 'Stored', duplicate: 'Was here already',
  rejected: 'Rejected', failed: 'Failed', lost: 'Unfinished',
  recalled: 'is asked for', trashed: 'In the trash',
};

/** The parts, each with what it shows: one that shows the same is left as it is. */
export function results(queue) {
  const of = (...states) => queue.items.filter(({ state }) => states.includes(state));
  const lost = of('lost');
  const trashed = of('trashed');
  const done = of('stored', 'duplicate').reverse();
  return [
    part(`Unfinished since the last visit: ${plural(lost.length, 'file')}`, lost, lost.length > 0 && h('div', {},
      h('p', {}, 'The browser may not open these again by itself. Choose the same files or the same folder, and they go on where they stopped.'),
      action('Forget them', () => queue.forget(lost)))),
    part('Not stored', of('rejected', 'failed')),
    part(`In the trash: ${plural(trashed.length, 'file')}`, trashed, trashed.length > 0 && h('div', {},
      h('p', {}, 'These are on the server, but in the trash, and are deleted for good in time. They were not sent again.'),
      h('div', { class: 'row' }, action('Restore them', () => queue.restore(trashed)), h('a', { href: '#/trash' }, 'Look into the trash')))),
    part('On the way', of('sending', 'hashing')),
    part('Next', of('hashed', 'ready', 'waiting', 'recalled')),
    part('Done', done, done.length > 20 && action('Save the whole list', () => save(new Response(list(queue.items)), 'nightstand-upload.csv'))),
  ];
}

function part(title, items, more = null) {
  return { title, key: items.slice(0, shown).map(({ id, state, sent, note }) => [id, state, sent, note]).concat(items.length), make: () => (items.length === 0 ? null : drawn(title, items, more)) };
}

function drawn(title, items, more) {
  return h('section', {}, h('h2', { class: 'day' }, title),
    h('div', { class: 'card' }, more, h('ul', { class: 'results' }, items.slice(0, shown).map(line)),
      items.length > shown && h('p', { class: 'hint' }, `and ${items.length - shown} more`)));
}

function line(item) {
  const { state, path, size, sent, reason, note, asset } = item;
  const colour = { stored: 'green', duplicate: 'green', rejected: 'red', failed: 'red', lost: 'amber', trashed: 'amber' }[state] ?? '';
  return h('li', { class: `happened ${colour}`, data: { state } },
    icon({ stored: 'check', duplicate: 'check', rejected: 'warning', failed: 'warning', lost: 'warning', trashed: 'trash' }[state] ?? 'upload'),
    h('span', { class: 'grow' },
      asset ? h('a', { class: 'subject', href: state === 'trashed' ? '#/trash' : `#/photos/${asset}` }, path) : h('span', { class: 'subject' }, path),
      (reason || note) && h('span', { class: 'outcome' }, reason ?? `${note} Tries again.`),
      state === 'sending' && h('progress', { max: Math.max(1, size), value: sent, 'aria-label': `Progress of ${path}` })),
    h('span', { class: 'hint' }, `${words[state]}${state === 'sending' ? `, ${bytes(sent)} of ${bytes(size)}` : `, ${bytes(size)}`}`));
}

/** Comma separated, with every field in quotes; a leading sign must not become a formula. */
function list(items) {
  const field = (value) => `"${String(value ?? '').replace(/^([=+\-@\t])/, "'$1").replaceAll('"', '""')}"`;
  const rows = items.map(({ path, size, state, reason, sha1 }) => [path, size, words[state], reason, sha1].map(field).join(','));
  return ['"file","bytes","result","reason","sha1"', ...rows].join('\r\n');
}
