// The picture or film itself, in the best form that the server and the browser have.

import { address } from '../core/api.js';
import { h } from '../core/dom.js';
import { icon } from '../core/icons.js';
import { describe, thumbnail } from './cell.js';
import { zoomable } from './zoom.js';

const original = (photo) => address(`/assets/${photo.id}/original`);

export function media(photo) {
  return photo.isImage ? still(photo) : film(photo);
}

/** The preview; where there is none the original, which browsers show when it is JPEG, PNG, WebP …; else a way to get it. */
function still(photo) {
  const image = h('img', { class: 'full', alt: describe(photo), draggable: 'false' });
  const sources = [photo.thumbhash && thumbnail(photo, 'preview'), original(photo)].filter(Boolean);
  image.addEventListener('error', () => {
    sources.shift();
    if (sources.length) image.src = sources[0];
    else frame.replaceChildren(cannot('This browser cannot show the format, and the server has made no small picture of it (yet).', original(photo)));
  });
  image.src = sources[0];
  const frame = h('div', { class: 'frame' }, image);
  zoomable(frame, image);
  if (photo.motion) frame.append(motion(photo, image, frame));
  return frame;
}

/** A live photo's three seconds. */
function motion(photo, image, frame) {
  const button = h('button', { type: 'button', class: 'live' }, icon('play'), 'Live');
  button.addEventListener('click', () => {
    const clip = h('video', { class: 'full', src: address(`/assets/${photo.motion}/video/playback`), autoplay: true, playsinline: true });
    const end = () => { clip.replaceWith(image); button.hidden = false; };
    clip.addEventListener('ended', end);
    clip.addEventListener('error', end);
    button.hidden = true;
    frame.querySelector('img').replaceWith(clip);
  });
  return button;
}

function film(photo) {
  const video = h('video', {
    class: 'full', src: address(`/assets/${photo.id}/video/playback`), poster: photo.thumbhash && thumbnail(photo, 'preview'), controls: true, playsinline: true,
    preload: 'metadata', 'aria-label': describe(photo),
  });
  const frame = h('div', { class: 'frame' }, video);
  video.addEventListener('error', () => frame.replaceChildren(cannot('This browser cannot play the format.', original(photo))));
  return frame;
}

function cannot(text, href) {
  return h('div', { class: 'cannot' }, h('p', {}, text), h('p', {}, h('a', { class: 'button', href, download: '' }, 'Download the original')));
}
