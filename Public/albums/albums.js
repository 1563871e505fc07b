// Albums of one's own and those that others share; one of them as a wall of photos.

import { address, call } from '../core/api.js';
import { add, h } from '../core/dom.js';
import { ask } from '../core/dialog.js';
import { action, field } from '../core/form.js';
import { plural } from '../core/format.js';
import { icon } from '../core/icons.js';
import { show as showOne } from './album.js';

export async function show(root, context) {
  if (context.rest[0]) return showOne(root, context);
  const albums = await call('GET', '/albums');
  const make = async () => {
    let made;
    if (await ask('New album', [field('Name', { name: 'name', required: true, maxlength: 200 })], 'Make it',
      async ({ name }) => { made = await call('POST', '/albums', { albumName: name }); })) location.hash = `#/albums/${made.id}`;
  };
  add(root,
    h('div', { class: 'heading' }, h('h1', {}, 'Albums'), action('New album', make, { class: '' })),
    albums.length === 0
      ? h('p', { class: 'card empty' }, 'No albums yet. Choose photos, then “Add to album”; albums of the phone come with its backup.')
      : h('ul', { class: 'albums' }, albums.map((album) => tile(album, context.user))));
}

function tile(album, user) {
  const owner = album.albumUsers[0]?.user;
  const image = album.albumThumbnailAssetId && h('img', { alt: '', loading: 'lazy', src: address(`/assets/${album.albumThumbnailAssetId}/thumbnail?size=thumbnail`) });
  image?.addEventListener?.('error', () => image.replaceWith(icon('albums')));
  return h('li', {}, h('a', { class: 'album', href: `#/albums/${album.id}` },
    h('span', { class: 'cover' }, image || icon('albums')),
    h('strong', {}, album.albumName || 'Untitled'),
    h('span', { class: 'hint' }, [plural(album.assetCount, 'item'), owner && owner.id !== user.id ? `by ${owner.name}` : album.shared && 'shared'].filter(Boolean).join(' · '))));
}
