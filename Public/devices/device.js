// One device: what it says, what it needs, what it sent, and what may be done with it.

import { call } from '../core/api.js';
import { h } from '../core/dom.js';
import { events, every, lifetime } from '../core/events.js';
import { ago, bytes, count, duration, exact, moment, plural } from '../core/format.js';
import { refresh } from '../core/refresh.js';
import { list as activityList } from '../activity/entries.js';
import { canary } from '../welcome/canary.js';
import { actions } from './actions.js';
import { checklist } from './checklist.js';
import { badge, identity, kindIcon, legend, strip } from './parts.js';
import { policy } from './policy.js';
import { waking } from './waking.js';

const shownTickles = 6;

export async function show(root, { rest: [id], user }) {
  const [signal, leave] = lifetime();
  let isWaiting = false;
  const draw = async () => {
    const [device, { items }, { tickles }] = await Promise.all([
      call('GET', `/backup/devices/${id}`), call('GET', `/backup/activity?deviceId=${id}&limit=20`),
      call('GET', `/backup/devices/${id}/tickles?limit=${shownTickles}`)]);
    const push = device.revokedAt ? null : await call('GET', `/backup/devices/${id}/push`);
    isWaiting = tickles.some(({ outcome }) => outcome === 'waiting');
    if (!signal.aborted && !root.contains(document.activeElement?.closest('form, dialog'))) {
      refresh(root, [device, items, tickles, push], () => screen(device, items, tickles, push));
    }
  };
  const screen = (device, items, tickles, push) => [
    h('p', { class: 'crumb' }, h('a', { href: '#/devices' }, 'Devices')),
    h('div', { class: 'heading' },
      h('div', { class: 'title' }, kindIcon(device.kind), h('div', {}, h('h1', {}, device.name),
        h('p', { class: 'hint' }, [device.userName, identity(device)].filter(Boolean).join(' · ')))),
      badge(device.state.level)),
    stateCard(device),
    h('div', { class: 'columns' },
      device.checklist.items.length > 0 && checklist(device),
      h('section', { class: 'card' }, h('h2', {}, 'What it did'), strip(device.days), legend(), facts(device))),
    waking(device, tickles, push, draw),
    device.checkIn && said(device),
    device.kind !== 'browser' && device.state.level !== 'revoked' && policy(device, draw),
    actions(device, user, draw),
    device.kind === 'phone' && test,
    h('section', { class: 'card' }, h('h2', {}, 'Activity'), activityList(items, { withDevice: false }),
      h('p', {}, h('a', { href: `#/activity?deviceId=${id}` }, 'All of it'))),
  ];
  const test = h('section', { class: 'card' }, h('h2', {}, 'Test it'), canary(signal, id));
  await draw();
  events.on('devices', ({ ids }) => { if (ids.includes(id)) draw(); }, signal);
  every(5, () => { if (isWaiting) draw().catch(() => {}); }, signal); // that there was no answer is no event
  return leave;
}

function stateCard({ state, snoozedUntil, nudge, recommendedVersion, client, clientVersion }) {
  return h('section', { class: `card state-card ${state.level}` },
    h('p', { class: 'sentence' }, state.sentence),
    h('p', { class: 'hint' }, `Since ${moment(state.since)}`,
      state.missedWindows > 0 && `, ${plural(state.missedWindows, 'usual time')} missed`,
      snoozedUntil && `, snoozed until ${moment(snoozedUntil)}`),
    nudge && h('p', { class: 'banner' }, nudge),
    recommendedVersion && h('p', { class: 'hint' }, `${client} ${clientVersion} is older than ${recommendedVersion}, which fits this server best. It goes on working; update it when it suits.`),
    state.steps.length > 0 && [h('h2', {}, 'What helps'), h('ol', { class: 'steps' }, state.steps.map((step) => h('li', {}, step)))]);
}

function facts(device) {
  const { latency, recentTransfers: recent } = device;
  const rows = [
    ['Last contact', h('time', exact(device.lastContact), ago(device.lastContact))],
    ['Last upload', h('time', exact(device.lastUpload), ago(device.lastUpload))],
    ['First contact', moment(device.firstContact)],
    ['Stored', `${count(device.stored)}, ${bytes(device.storedBytes)}`],
    ['Were here already', count(device.duplicates)],
    ['Rejected', count(device.rejected)],
    ['Broken off', recent.broken ? `${count(device.broken)}; of the last ${recent.count} transfers ${recent.broken}`
      + (recent.brokenAfterSeconds ? `, after about ${duration(recent.brokenAfterSeconds)}` : '') : count(device.broken)],
    ['From taken to safe', latency?.samples ? `${duration(latency.medianSeconds)} usually, ${duration(latency.p95Seconds)} at the latest (19 of 20)` : 'not known yet'],
    ['Works by itself', setup(device)],
    ['Last test photo', device.canary ? `${duration(device.canary.latencySeconds)} until it was here, ${ago(device.canary.at)}` : null],
    ['Tried with an old login', device.refusedLogins.count ? `${count(device.refusedLogins.count)} times, last ${ago(device.refusedLogins.lastAt)}` : null],
    ['Logged in by', device.credentials.map(credential).join('; ') || 'signed out'],
  ];
  return h('dl', { class: 'facts-list' }, rows.filter(([, value]) => value !== null).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

/** Switches that are ticked prove nothing; a photo that came while nobody looked does. */
function setup({ setup: { isComplete, backgroundUploadAt } }) {
  if (isComplete === null) return null;
  return isComplete ? `yes: a photo came with the app closed, first ${ago(backgroundUploadAt)}` : 'not seen yet: no photo came while the app was closed';
}

function credential({ kind, name, permissions }) {
  if (kind === 'session') return `login (${name})`;
  return `key “${name}”, ${permissions.includes('all') ? 'may do everything' : permissions.join(' ')}`;
}

const yes = (value, good, bad) => (value === null || value === undefined ? 'not said' : value ? good : bad);

/** What is on the device alone, as far as it says so. */
function lost(remaining, outside) {
  if (!remaining && !outside) return remaining === 0 ? `nothing would be gone${outside === 0 ? '' : ' of what it backs up'}` : 'not known: it did not say what is left';
  const gone = `${plural((remaining ?? 0) + (outside ?? 0), 'item')} would be gone`;
  return `${remaining === null ? 'at least ' : ''}${gone}${outside ? `, ${count(outside)} of them outside the chosen albums` : ''}`;
}

/** What the device's own app reported. */
function said({ checkIn, remaining }) {
  const { albumsSelected, albumsTotal, itemsOutside, total } = checkIn;
  const albums = [albumsSelected !== null && (albumsTotal === null ? plural(albumsSelected, 'album') : `${count(albumsSelected)} of ${plural(albumsTotal, 'album')}`),
    itemsOutside !== null && `${plural(itemsOutside, 'item')} outside`].filter(Boolean);
  const came = checkIn.remaining !== remaining;
  const rows = [
    ['Still to come', remaining === null ? 'not said' : [`${count(remaining)}${total === null ? '' : ` of ${count(total)}`}`,
      came ? `${count(checkIn.remaining)} then, the rest came since` : [checkIn.remainingBytes && bytes(checkIn.remainingBytes), checkIn.remainingVideos && plural(checkIn.remainingVideos, 'video')]]
      .flat().filter(Boolean).join(', ')],
    ['If it were lost now', lost(remaining, itemsOutside)],
    ['Covers', albums.join(', ') || 'not said'],
    ['May see', { full: 'all photos', limited: 'only chosen photos', denied: 'no photos' }[checkIn.permission] ?? 'not said'],
    ['In the background', yes(checkIn.isBackgroundOn, 'on', 'off')],
    ['Sends over', yes(checkIn.wifiOnly, 'Wi-Fi only', 'Wi-Fi and mobile data')],
    ['Low power mode', yes(checkIn.lowPower, 'on', 'off')],
  ];
  return h('section', { class: 'card' },
    h('h2', {}, 'What it says of itself'), h('p', { class: 'hint' }, `As of ${moment(checkIn.at)}`),
    h('dl', { class: 'facts-list' }, rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
    checkIn.failures?.length > 0 && [h('h3', {}, 'What it could not send'),
      h('ul', { class: 'plain' }, checkIn.failures.map(({ name, reason }) => h('li', {}, h('strong', {}, name ?? 'A file'), `: ${reason}`)))]);
}
