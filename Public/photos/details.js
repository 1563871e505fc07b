// What is known of a photo: file, camera, times, and what proves that it is whole.

import { call, shown } from '../core/api.js';
import { h } from '../core/dom.js';
import { bytes, moment } from '../core/format.js';

const wall = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short', timeZone: 'UTC' });

export async function details(photo) {
  const asset = await call('GET', `/assets/${photo.id}`);
  const exif = asset.exifInfo ?? {};
  const held = asset.ownerId === shown() ? (await call('GET', `/backup/assets/${photo.id}/devices`)).devices : [];
  const rows = [
    ['File', asset.originalFileName],
    ['Size', [exif.fileSizeInByte && bytes(exif.fileSizeInByte), exif.exifImageWidth && `${exif.exifImageWidth} × ${exif.exifImageHeight}`].filter(Boolean).join(', ')],
    ['Taken', wall.format(new Date(asset.localDateTime))],
    ['Received', asset.createdAt && moment(asset.createdAt)],
    ['Came from', ways(held)],
    ['Camera', [exif.make, exif.model].filter(Boolean).join(' ')],
    ['Lens', exif.lensModel],
    ['Exposure', [exif.exposureTime && `${exif.exposureTime} s`, exif.fNumber && `f/${exif.fNumber}`, exif.iso && `ISO ${exif.iso}`, exif.focalLength && `${exif.focalLength} mm`].filter(Boolean).join(', ')],
    ['Place', exif.latitude !== null && exif.latitude !== undefined ? `${exif.latitude.toFixed(5)}, ${exif.longitude.toFixed(5)}` : null],
    ['Description', exif.description],
    ['Path', asset.originalPath],
    ['SHA-1', hex(asset.checksum)],
  ];
  return [h('h2', {}, 'Details'), h('dl', { class: 'facts-list' }, rows.filter(([, value]) => value).map(([name, value]) =>
    h('div', {}, h('dt', {}, name), h('dd', {}, value))))];
}

/** One photo, many ways: which device brought it, and which others have it. */
function ways(held) {
  const name = ({ name }) => name ?? 'a device that is forgotten';
  const [first] = held.filter(({ isFirst }) => isFirst);
  const others = held.filter(({ isFirst }) => !isFirst).map(name);
  return [first && [name(first), first.client && `(${first.client})`].filter(Boolean).join(' '), others.length > 0 && `also on ${others.join(', ')}`].filter(Boolean).join('; ');
}

const hex = (base64) => [...atob(base64)].map((character) => character.charCodeAt(0).toString(16).padStart(2, '0')).join('');
