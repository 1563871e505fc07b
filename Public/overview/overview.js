// Is everything safe? One sentence per person first, then what it rests on.

import { call } from '../core/api.js';
import { add, fill, h } from '../core/dom.js';
import { events, every, lifetime } from '../core/events.js';
import { refresh } from '../core/refresh.js';
import { list as activityList, together } from '../activity/entries.js';
import { card as deviceCard } from '../devices/devices.js';
import { legend } from '../devices/parts.js';
import { disk } from './disk.js';
import { missing } from './missing.js';
import { people } from './people.js';
import { uploads } from './uploads.js';

// Logins and the like stand on the activity screen.
const worthwhile = 'stored,duplicate,rejected,broken,trashed,restored,deleted,alarm,login_failed,device_revoked,os_changed,client_changed';

export async function show(root, { user, greeting }) {
  const [signal, leave] = lifetime();
  const parts = Object.fromEntries(['people', 'uploads', 'devices', 'disk', 'activity', 'missing', 'asOf'].map((name) => [name, h('div', { class: `part-${name}` })]));
  add(root,
    h('h1', {}, greeting ?? `Hello, ${user.name}`),
    parts.people, parts.uploads,
    h('div', { class: 'wide-columns' },
      h('section', { class: 'part' }, h('div', { class: 'heading' }, h('h2', {}, 'Devices'), h('a', { href: '#/devices' }, 'All devices')), parts.devices),
      h('div', { class: 'part' },
        h('section', {}, h('h2', {}, 'Room'), parts.disk),
        h('section', {}, h('div', { class: 'heading' }, h('h2', {}, 'Lately'), h('a', { href: '#/activity' }, 'All activity')), parts.activity),
        parts.missing)),
    parts.asOf);

  // Many things happen at once while a phone sends: one look at them all is enough.
  let waiting = null;
  let resting = [];
  const soon = () => { waiting ??= setTimeout(async () => { waiting = null; if (!signal.aborted) await draw().catch(() => {}); }, 1500); };
  const outbound = call('GET', '/backup/outbound'); // changes with the settings only
  const draw = async () => {
    const [{ connections }, now, happened] = await Promise.all([
      outbound, call('GET', '/backup/overview'), call('GET', `/backup/activity?limit=60&kind=${worthwhile}`)]);
    if (signal.aborted) return;
    refresh(parts.people, now.people, () => people(now.people, user));
    resting = now.uploads.filter(({ isActive }) => !isActive);
    refresh(parts.uploads, now.uploads, () => uploads(now.uploads, user, soon));
    refresh(parts.devices, now.devices, () => (now.devices.length ? [now.devices.slice(0, 8).map((device) => deviceCard(device, user)), legend()] : noDevice()));
    refresh(parts.disk, now.disk, () => disk(now.disk));
    refresh(parts.activity, happened.items, () => h('div', { class: 'card' }, activityList(together(happened.items).slice(0, 7), { user })));
    refresh(parts.missing, now.missing, () => missing(now.missing, connections, user));
    fill(parts.asOf, h('p', { class: 'hint' }, `As of ${new Date(now.at).toLocaleTimeString()}; it follows what happens.`));
  };
  await draw();

  signal.addEventListener('abort', () => clearTimeout(waiting));
  events.on('activity', soon, signal);
  events.on('devices', soon, signal);
  events.on('reset', soon, signal);
  events.on('progress', ({ uploads: open }) => {
    // What moves, and what waited at the last look and does not move now: it has another number then.
    const all = [...open, ...resting.filter((one) => !open.some((other) => isSame(one, other)))];
    refresh(parts.uploads, all, () => uploads(all, user, soon));
  }, signal);
  every(60, soon, signal);
  return leave;
}

const isSame = (one, other) => one.userId === other.userId && one.name === other.name && one.totalBytes === other.totalBytes;

function noDevice() {
  return h('section', { class: 'card empty' },
    h('p', {}, 'No phone backs up here yet. It takes two minutes to connect one.'),
    h('a', { class: 'button', href: '#/connect' }, 'Connect a phone'));
}
