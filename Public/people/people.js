// Who has an account, how much they use, and how much they may.

import { call } from '../core/api.js';
import { add, fill, h } from '../core/dom.js';
import { action } from '../core/form.js';
import { bytes, count, day, plural } from '../core/format.js';
import { initials } from '../core/navigation.js';
import { edit, invite, remove } from './dialogs.js';

export async function show(root, { user }) {
  const list = h('ul', { class: 'card list' });
  const draw = async () => {
    const [people, { usageByUser }, { userDeleteDelay }] = await Promise.all([
      call('GET', '/admin/users?withDeleted=true'), call('GET', '/server/statistics'), call('GET', '/server/config')]);
    const usage = new Map(usageByUser.map((one) => [one.userId, one]));
    people.sort((one, other) => Number(Boolean(one.deletedAt)) - Number(Boolean(other.deletedAt)) || one.name.localeCompare(other.name));
    fill(list, people.map((person) => row(person, usage.get(person.id), userDeleteDelay, user, draw)));
  };
  add(root, h('div', { class: 'heading' }, h('h1', {}, 'People'), action('Add a person', async () => { if (await invite()) await draw(); }, { class: '' })),
    h('p', { class: 'lead' }, 'Everybody sees their own photos, and what others share with them in albums. Admins see numbers, not photos.'), list);
  await draw();
}

function row(person, usage, delay, user, draw) {
  const after = async (isDone) => { if (isDone) await draw(); };
  const used = person.quotaUsageInBytes ?? 0;
  return h('li', {}, h('div', { class: 'entry person-row' },
    initials(person),
    h('span', { class: 'grow' },
      h('strong', {}, person.name), person.isAdmin && h('span', { class: 'badge' }, 'Admin'), person.id === user.id && h('span', { class: 'badge' }, 'You'),
      h('span', { class: 'hint' }, [person.email, usage && `${count(usage.photos)} photos, ${count(usage.videos)} videos`].filter(Boolean).join(' · ')),
      person.deletedAt ? h('span', { class: 'hint warn' }, `Removed ${day(person.deletedAt)}; the photos go ${plural(delay, 'day')} later`) : quota(person, used)),
    person.deletedAt
      ? person.status === 'deleted' && action('Bring back', async () => {
        await call('POST', `/admin/users/${person.id}/restore`);
        await draw();
      }, { 'aria-label': `Bring back ${person.name}` })
      : [action('Change', () => edit(person, user).then(after), { 'aria-label': `Change ${person.name}` }),
        person.id !== user.id && action('Remove', () => remove(person).then(after), { class: 'quiet danger', 'aria-label': `Remove ${person.name}` })]));
}

function quota(person, used) {
  const limit = person.quotaSizeInBytes;
  if (limit === null) return h('span', { class: 'hint' }, `${bytes(used)}, no limit`);
  return h('span', { class: 'quota' },
    h('progress', { max: Math.max(1, limit), value: Math.min(used, limit), 'aria-label': `Quota of ${person.name}` }),
    h('span', { class: used >= limit * 0.9 ? 'hint warn' : 'hint' }, `${bytes(used)} of ${bytes(limit)}`));
}
