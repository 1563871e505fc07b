// One photo on the grid.

import { address } from '../core/api.js';
import { h } from '../core/dom.js';
import { clock } from '../core/format.js';
import { icon } from '../core/icons.js';
import { meanColour } from './thumbhash.js';

const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });

/** `Video of 12 May 2026 at 14:03, favourite`; the time is that of the wall clock where it was taken. */
export function describe(photo) {
  return `${photo.isImage ? 'Photo' : 'Video'} of ${dates.format(new Date(photo.taken))}${photo.isFavorite ? ', favourite' : ''}`;
}

export const thumbnail = (photo, size = 'thumbnail') =>
  address(`/assets/${photo.id}/thumbnail?size=${size}${photo.thumbhash ? `&c=${encodeURIComponent(photo.thumbhash)}` : ''}`);

/** An empty place, until its month is known. */
export function cell() {
  return h('a', { class: 'photo', tabindex: -1 });
}

/** Puts a photo into its place. The picture itself comes with `picture`. */
export function dress(element, photo, { isSelected, isSelecting }) {
  const look = `${photo.id} ${photo.thumbhash} ${photo.isFavorite}`;
  element.photo = photo;
  if (element.look !== look) {
    if (!element.look?.startsWith(photo.id) || !photo.thumbhash) element.pictured = null;
    const image = element.pictured && element.querySelector('img');
    element.look = look;
    element.href = `#/photos/${photo.id}`;
    element.replaceChildren(
      image || '',
      h('span', { class: 'mark' }, icon('check')),
      photo.isFavorite ? h('span', { class: 'favourite' }, icon('heart')) : '',
      photo.isImage ? (photo.motion ? h('span', { class: 'length' }, 'LIVE') : '')
        : h('span', { class: 'length' }, icon('play'), photo.duration ? clock(photo.duration) : ''));
    element.style.backgroundColor = meanColour(photo.thumbhash) ?? '';
  }
  element.setAttribute('aria-label', `${describe(photo)}${isSelecting ? (isSelected ? ', selected' : ', not selected') : ''}`);
  element.classList.toggle('selected', isSelected);
}

/** Asks for the picture, once. Where there is none (yet), the place says what it is. */
export function picture(element) {
  const { photo } = element;
  const key = photo && `${photo.id} ${photo.thumbhash}`;
  if (!photo || element.pictured === key) return;
  element.pictured = key;
  element.querySelector('img, .no-picture')?.remove();
  const none = () => h('span', { class: 'no-picture' }, icon(photo.isImage ? 'photos' : 'play'));
  // A small picture and the thumbhash are made together: without one there is no other.
  if (!photo.thumbhash) return void element.prepend(none());
  const image = h('img', { alt: '', decoding: 'async', draggable: 'false' });
  image.addEventListener('load', () => image.classList.add('there'));
  image.addEventListener('error', () => image.replaceWith(none()));
  image.src = thumbnail(photo);
  element.prepend(image);
}

/** Stops what is still being loaded. */
export function drop(element) {
  const image = element.querySelector('img');
  if (image && !image.complete) image.src = '';
  element.remove();
}
