// The way around: a column beside the content, on a phone a bar below it with the rest under “More”.

import { fill, h } from './dom.js';
import { icon } from './icons.js';

const bar = document.getElementById('navigation');

export const places = [
  { name: '', text: 'Overview', icon: 'overview', isFirst: true },
  { name: 'photos', text: 'Photos', icon: 'photos', isFirst: true },
  { name: 'upload', text: 'Upload', icon: 'upload', isFirst: true },
  { name: 'devices', text: 'Devices', icon: 'devices', isFirst: true },
  { name: 'albums', text: 'Albums', icon: 'albums' },
  { name: 'activity', text: 'Activity', icon: 'activity' },
  { name: 'connect', text: 'Connect', icon: 'connect' },
  { name: 'people', text: 'People', icon: 'people', isForAdmins: true },
  { name: 'keys', text: 'API keys', icon: 'keys' },
  { name: 'trash', text: 'Trash', icon: 'trash' },
  { name: 'server', text: 'Server', icon: 'server' },
];

/** The places that `user` may go to. */
export const open = (user) => places.filter((place) => user.isAdmin || !place.isForAdmins);

/** Draws the navigation; without a user there is none. */
export function navigation(user, current = '') {
  bar.hidden = !user;
  document.body.classList.toggle('inside', Boolean(user));
  if (!user) return fill(bar);
  const links = open(user).map((place) => link(place, current));
  const inMore = !places.some((place) => place.isFirst && place.name === current);
  const more = h('a', { href: '#/more', class: 'more', 'aria-current': inMore ? 'page' : null }, icon('more'), h('span', {}, 'More'));
  const account = h('a', { href: '#/account', class: 'account second', 'aria-current': current === 'account' ? 'page' : null },
    initials(user), h('span', {}, user.name));
  return fill(bar, links, more, account);
}

function link(place, current) {
  return h('a', {
    href: `#/${place.name}`, class: place.isFirst ? null : 'second', 'aria-current': place.name === current ? 'page' : null,
  }, icon(place.icon), h('span', {}, place.text));
}

/** A person's letters on their colour. */
export function initials(person) {
  const letters = person.name.trim().split(/\s+/).slice(0, 2).map((word) => [...word][0] ?? '').join('').toUpperCase();
  return h('span', { class: `initials ${person.avatarColor ?? ''}`, 'aria-hidden': 'true' }, letters || '?');
}
