// One sentence per person, that somebody who knows nothing of servers can read.

import { h } from '../core/dom.js';
import { bytes, count, plural } from '../core/format.js';
import { badge } from '../devices/parts.js';

export function people(list, user) {
  return h('ul', { class: 'people' }, list.map((person) => h('li', { class: `card person ${person.level}` },
    h('span', { class: 'lamp', 'aria-hidden': 'true' }),
    h('div', { class: 'grow' },
      h('p', { class: 'sentence' }, list.length > 1 && h('strong', {}, person.userId === user.id ? 'You' : person.name, ': '), person.sentence),
      h('p', { class: 'hint facts' },
        h('span', {}, plural(person.assets, 'photo or video', 'photos and videos')),
        h('span', {}, person.quotaBytes === null ? bytes(person.usedBytes) : `${bytes(person.usedBytes)} of ${bytes(person.quotaBytes)}`),
        person.remaining > 0 && h('span', {}, `${count(person.remaining)} still on the phone`))),
    person.level !== 'none' && badge(person.level))));
}
