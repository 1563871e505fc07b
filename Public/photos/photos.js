// The photos of the person: the timeline, the viewer over it, and the trash, which is a timeline too.

import { call } from '../core/api.js';
import { add, h } from '../core/dom.js';
import { confirm } from '../core/dialog.js';
import { events, lifetime } from '../core/events.js';
import { action } from '../core/form.js';
import { plural } from '../core/format.js';
import { wall } from './wall.js';

export async function show(root, { name, rest: [id], user }) {
  const [signal, leave] = lifetime();
  const isTrash = name === 'trash';
  const heading = h('div', { class: 'heading' }, h('h1', {}, isTrash ? 'Trash' : 'Photos'));
  const number = h('p', { class: 'hint count' }, '…');
  heading.append(number);
  const shown = wall({
    kind: isTrash ? 'trash' : 'photos', filter: isTrash ? { isTrashed: true } : { visibility: 'timeline' }, user, signal,
    counted: (total) => { number.textContent = plural(total, 'item'); },
    empty: isTrash ? h('p', { class: 'card empty' }, 'The trash is empty.')
      : h('section', { class: 'card empty' }, h('p', {}, 'No photos yet.'),
        h('a', { class: 'button', href: '#/connect' }, 'Connect a phone'), h('a', { class: 'button quiet', href: '#/upload' }, 'Upload from this browser')),
  });
  if (isTrash) heading.append(await trashActions(shown));
  root.classList.add('wide');
  add(root, heading, shown.element);
  await shown.load();
  if (id) {
    shown.open(id).then(() => { if (!signal.aborted) history.replaceState(null, '', '#/photos'); }, (error) => { number.textContent = error.message; });
  }

  let waiting = null;
  events.on('activity', (entry) => {
    if (entry.userId !== user.id || !['stored', 'trashed', 'restored', 'deleted'].includes(entry.kind)) return;
    waiting ??= setTimeout(() => { waiting = null; if (!signal.aborted) shown.load().catch(() => {}); }, 2000);
  }, signal);
  signal.addEventListener('abort', () => clearTimeout(waiting));
  return leave;
}

async function trashActions(shown) {
  const { trashDays } = await call('GET', '/server/config');
  return h('div', { class: 'row' }, h('p', { class: 'hint' }, `Deleted for good ${plural(trashDays, 'day')} after it came here.`),
    action('Restore all', async () => { await call('POST', '/trash/restore'); await shown.load(); }),
    action('Empty it', async () => {
      if (await confirm('Empty the trash', 'Everything in it is deleted for good.', 'Empty it', () => call('POST', '/trash/empty'))) await shown.load();
    }, { class: 'quiet danger' }));
}
