// On a phone: the places that the bar has no room for.

import { add, h } from './dom.js';
import { icon } from './icons.js';
import { initials, open } from './navigation.js';

export function show(root, { user }) {
  add(root,
    h('h1', {}, 'More'),
    h('ul', { class: 'card list' },
      open(user).filter((place) => !place.isFirst).map((place) =>
        h('li', {}, h('a', { class: 'entry', href: `#/${place.name}` }, icon(place.icon), place.text))),
      h('li', {}, h('a', { class: 'entry', href: '#/account' }, initials(user), user.name))));
}
