// One album: its photos, its name, and who may see it.

import { call } from '../core/api.js';
import { add, fill, h } from '../core/dom.js';
import { ask, confirm, dialog } from '../core/dialog.js';
import { lifetime } from '../core/events.js';
import { action, field } from '../core/form.js';
import { plural } from '../core/format.js';
import { wall } from '../photos/wall.js';

export async function show(root, { rest: [id], user, restart }) {
  const [signal, leave] = lifetime();
  const path = `/albums/${id}`;
  const album = await call('GET', path);
  const mine = album.albumUsers.find((member) => member.user.id === user.id);
  const isOwner = album.albumUsers[0]?.user.id === user.id;
  const after = async (isDone) => { if (isDone) await restart(); };
  const count = h('p', { class: 'hint count' }, plural(album.assetCount, 'item'));
  const shown = wall({
    kind: 'album', filter: { albumId: id, visibility: 'timeline' }, user, signal, album: mine ? album : null,
    counted: (total) => { count.textContent = plural(total, 'item'); },
    empty: h('p', { class: 'card empty' }, 'Nothing in it yet. Choose photos, then “Add to album”.'),
  });
  root.classList.add('wide');
  add(root,
    h('p', { class: 'crumb' }, h('a', { href: '#/albums' }, 'Albums')),
    h('div', { class: 'heading' }, h('h1', {}, album.albumName || 'Untitled'), count,
      h('div', { class: 'row' },
        (isOwner || mine?.role === 'editor') && action('Rename', () => ask('Rename', [field('Name', { name: 'name', value: album.albumName, required: true, maxlength: 200 })],
          'Rename', ({ name }) => call('PATCH', path, { albumName: name })).then(after)),
        isOwner && action('Share', () => share(album).then(() => after(true))),
        isOwner && action('Delete', async () => {
          if (await confirm('Delete the album', 'The photos in it stay where they are.', 'Delete', () => call('DELETE', path))) location.hash = '#/albums';
        }, { class: 'quiet danger' }),
        !isOwner && mine && action('Leave', async () => {
          await call('DELETE', `${path}/user/me`);
          location.hash = '#/albums';
        }))),
    album.description && h('p', { class: 'lead' }, album.description),
    album.albumUsers.length > 1 && h('p', { class: 'hint' }, `With ${album.albumUsers.map((member) => member.user.name).join(', ')}`),
    shown.element);
  await shown.load();
  return leave;
}

const roles = [['viewer', 'looks'], ['editor', 'looks and adds']];

/** Who is in it, with a role each; and who could be. */
async function share(album) {
  const path = `/albums/${album.id}`;
  const everybody = await call('GET', '/users');
  return dialog('Share', (close) => {
    const problem = h('p', { class: 'problem', role: 'alert' });
    const list = h('ul', { class: 'list' });
    const change = async (act) => {
      problem.textContent = '';
      try {
        await act();
      } catch (error) {
        problem.textContent = error.message;
      }
      await draw();
    };
    const draw = async () => {
      const { albumUsers } = await call('GET', path);
      const inside = new Map(albumUsers.map((member) => [member.user.id, member.role]));
      fill(list, everybody.filter(({ id }) => inside.get(id) !== 'owner').map((person) => {
        const options = [['', 'not in it'], ...roles];
        return h('li', {}, field(person.name, { options, value: inside.get(person.id) ?? '', onchange: ({ target: { value } }) => change(() => {
          if (!value) return call('DELETE', `${path}/user/${person.id}`);
          if (inside.has(person.id)) return call('PUT', `${path}/user/${person.id}`, { role: value });
          return call('PUT', `${path}/users`, { albumUsers: [{ userId: person.id, role: value }] });
        }) }));
      }));
      if (!list.children.length) fill(list, h('li', {}, 'There is nobody else on this server.'));
    };
    draw();
    return [list, problem, h('button', { type: 'button', onclick: () => close(true) }, 'Done')];
  });
}
