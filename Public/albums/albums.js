// Albums of one's own and those that others share; one of them as a wall of photos.

import { call } from '../core/api.js';
import { add, h } from '../core/dom.js';
import { ask } from '../core/dialog.js';
import { action, field } from '../core/form.js';
import { plural } from '../core/format.js';
import { icon } from '../core/icons.js';
import { thumbnail } from '../photos/cell.js';
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
  return h('li', {}, h('a', { class: 'album', href: `#/albums/${album.id}` },
    cover(album.albumThumbnailAssetId),
    h('strong', {}, album.albumName || 'Untitled'),
    h('span', { class: 'hint' }, [plural(album.assetCount, 'item'), owner && owner.id !== user.id ? `by ${owner.name}` : album.shared && 'shared'].filter(Boolean).join(' · '))));
}

// Albums say which photo stands for them, not whether there is a small picture of it: that is asked for when the album comes into sight.
const inSight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    inSight.unobserve(target);
    draw(target).catch(() => {}); // its place says that it is an album
  }
});

function cover(asset) {
  const place = h('span', { class: 'cover' }, icon('albums'));
  if (asset) {
    place.dataset.asset = asset;
    inSight.observe(place);
  }
  return place;
}

async function draw(place) {
  const asset = await call('GET', `/assets/${place.dataset.asset}`);
  if (!asset.thumbhash) return;
  const image = h('img', { alt: '' });
  image.addEventListener('load', () => place.replaceChildren(image));
  image.src = thumbnail(asset);
}
