// Every device that ever logged in, worst first; one of them in full.

import { call } from '../core/api.js';
import { attempt } from '../core/attempt.js';
import { add, h } from '../core/dom.js';
import { events, lifetime } from '../core/events.js';
import { tick } from '../core/form.js';
import { ago, bytes, count } from '../core/format.js';
import { refresh } from '../core/refresh.js';
import { badge, identity, kindIcon, legend, strip } from './parts.js';
import { line } from './waking.js';

export async function show(root, context) {
  if (context.rest[0]) return (await import('./device.js')).show(root, context);
  const [signal, leave] = lifetime();
  const list = h('div', { class: 'devices' });
  let withRevoked = false;
  let asked = 0;
  const draw = async () => {
    const mine = ++asked;
    const { devices } = await call('GET', `/backup/devices?withRevoked=${withRevoked}`);
    if (signal.aborted || mine !== asked) return;
    const watched = devices.filter(({ state }) => state.level !== 'none');
    const others = devices.filter(({ state }) => state.level === 'none');
    refresh(list, devices, () => [
      watched.length ? [legend(), watched.map((device) => card(device, context.user, 'h2'))] : nothing(),
      others.length > 0 && h('section', {}, h('h2', {}, 'Browsers and programs'),
        h('ul', { class: 'card list' }, others.map((device) => row(device, context.user))))]);
  };
  add(root,
    h('div', { class: 'heading' }, h('h1', {}, 'Devices'), h('a', { class: 'button quiet', href: '#/connect' }, 'Connect another')),
    list,
    tick('Show revoked devices too', { onchange: (event) => { withRevoked = event.target.checked; attempt(list, draw); } }));
  await draw();
  const follow = () => draw().catch(() => {}); // what stands there stays until the next look
  events.on('devices', follow, signal);
  events.on('reset', follow, signal);
  return leave;
}

function nothing() {
  return h('section', { class: 'card empty' }, h('p', {}, 'No phone or computer has backed up yet.'),
    h('a', { class: 'button', href: '#/connect' }, 'Connect a phone'));
}

const whose = (device, user) => (device.userId === user.id ? null : `${device.userName} · `);

/** @param heading the level that fits where it stands */
export function card(device, user, heading = 'h3') {
  return h('article', { class: `card device ${device.state.level}` },
    h('div', { class: 'device-head' }, kindIcon(device.kind),
      h('div', {}, h(heading, {}, h('a', { href: `#/devices/${device.id}` }, device.name)), h('p', { class: 'hint' }, whose(device, user), identity(device))),
      badge(device.state.level)),
    h('p', { class: 'sentence' }, device.state.sentence),
    strip(device.days),
    line(device),
    h('p', { class: 'hint facts' },
      h('span', {}, `Last upload ${ago(device.lastUpload)}`), h('span', {}, `${count(device.stored)} stored, ${bytes(device.storedBytes)}`),
      device.remaining > 0 && h('span', {}, `${count(device.remaining)} still on it`)));
}

function row(device, user) {
  return h('li', {}, h('a', { class: 'entry', href: `#/devices/${device.id}` }, kindIcon(device.kind),
    h('span', { class: 'grow' }, device.name, device.isCurrent && h('span', { class: 'badge' }, 'This one'),
      h('span', { class: 'hint' }, whose(device, user), identity(device))),
    h('span', { class: 'hint' }, ago(device.lastContact))));
}
