// Which album photos go into: one that is there, or a new one.

import { call } from '../core/api.js';
import { announce, h } from '../core/dom.js';
import { dialog } from '../core/dialog.js';
import { field, form } from '../core/form.js';
import { plural } from '../core/format.js';

/** Puts the photos into an album that the visitor names; false where they changed their mind. */
export async function chooseAlbum(ids) {
  const albums = await call('GET', '/albums');
  return dialog('Add to album', (close) => {
    const problem = h('p', { class: 'problem', role: 'alert' });
    const add = async (album) => {
      try {
        const results = await call('PUT', `/albums/${album.id}/assets`, { ids });
        const refused = results.filter(({ success, error }) => !success && error !== 'duplicate').length;
        if (refused) {
          problem.textContent = `${plural(refused, 'item')} could not be added: only your own can.`;
          return;
        }
        announce(`Added to ${album.albumName}`);
        close(true);
      } catch (error) {
        problem.textContent = error.message;
      }
    };
    return [
      albums.length > 0 && h('ul', { class: 'list choose' }, albums.map((album) =>
        h('li', {}, h('button', { type: 'button', class: 'entry', onclick: () => add(album) },
          h('span', { class: 'grow' }, album.albumName || 'Untitled'), h('span', { class: 'hint' }, plural(album.assetCount, 'item')))))),
      problem,
      form([field('New album', { name: 'name', required: true, maxlength: 200 })], 'Make it', async ({ name }) => {
        await call('POST', '/albums', { albumName: name, assetIds: ids });
        announce(`Added to ${name}`);
        close(true);
      }, h('button', { type: 'button', class: 'quiet', onclick: () => close(false) }, 'Cancel')),
    ];
  });
}
