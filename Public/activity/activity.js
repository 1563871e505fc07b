// Everything that happened, by the time it was received; live.

import { call } from '../core/api.js';
import { attempt } from '../core/attempt.js';
import { add, fill, h } from '../core/dom.js';
import { events, every, lifetime } from '../core/events.js';
import { action, field, tick } from '../core/form.js';
import { bytes, count, plural } from '../core/format.js';
import { refresh } from '../core/refresh.js';
import { byDay } from './entries.js';
import { groups } from './words.js';

const kept = 1000; // entries on the page; older ones are found with the filters

export async function show(root, { user, query }) {
  const [signal, leave] = lifetime();
  const filter = { kind: query.get('kind') ?? '', userId: query.get('userId') ?? '', deviceId: query.get('deviceId') ?? '',
    olderCaptures: query.get('olderCaptures') === 'true' };
  const summary = h('div', { class: 'summary' });
  const body = h('div', { class: 'activity' });
  const foot = h('div', { class: 'row' });
  let items = [];
  let isKnown = true; // else the list did not come, and what happens now is not all of it
  let next = null;

  const ask = (cursor) => {
    const fields = Object.entries({ ...filter, limit: 50, cursor }).filter(([, value]) => value);
    return call('GET', `/backup/activity?${new URLSearchParams(fields)}`);
  };
  const draw = () => {
    refresh(body, items, () => (items.length ? byDay(items, { user }) : h('p', { class: 'card empty' }, 'Nothing that fits.')));
    fill(foot, next && items.length < kept && action('Older entries', more));
  };
  let asked = 0;
  const reload = async () => {
    const mine = ++asked;
    const isOld = () => signal.aborted || mine !== asked;
    try {
      const page = await ask();
      if (isOld()) return;
      ({ items, next } = page);
      isKnown = true;
    } catch (error) {
      if (isOld()) return;
      [items, next, isKnown] = [[], null, false];
      fill(foot);
      throw error;
    }
    draw();
  };
  const more = async () => {
    const page = await ask(next);
    items = items.concat(page.items);
    next = page.next;
    draw();
  };
  const change = (name, value) => {
    filter[name] = value;
    attempt(body, reload);
  };

  const { devices } = await call('GET', '/backup/devices?withRevoked=true');
  const people = new Map(devices.map(({ userId, userName }) => [userId, userName]));
  add(root, h('h1', {}, 'Activity'), summary,
    h('div', { class: 'filters' },
      field('What', { options: groups, value: filter.kind, onchange: (event) => change('kind', event.target.value) }),
      people.size > 1 && field('Whose', { options: [['', 'Everybody'], ...people], value: filter.userId, onchange: (event) => change('userId', event.target.value) }),
      field('Device', {
        options: [['', 'Every device'], ...devices.map(({ id, name, userName, userId }) => [id, userId === user.id ? name : `${name} (${userName})`])],
        value: filter.deviceId, onchange: (event) => change('deviceId', event.target.value),
      }),
      tick('Only older photos that came late', { checked: filter.olderCaptures, onchange: (event) => change('olderCaptures', event.target.checked) })),
    body, foot);
  await Promise.all([reload(), sum(summary)]);

  let gathering = null;
  let summing = null;
  const addUp = () => { summing ??= setTimeout(async () => { summing = null; if (!signal.aborted) await sum(summary).catch(() => {}); }, 3000); };
  every(300, addUp, signal); // midnight comes, too
  events.on('reset', addUp, signal);
  events.on('activity', (entry) => {
    addUp();
    if (!isKnown) return void attempt(body, reload);
    if (!fits(entry, filter) || items.some(({ id }) => id === entry.id)) return;
    items = [entry, ...items].slice(0, kept);
    gathering ??= setTimeout(() => { gathering = null; if (!signal.aborted) draw(); }, 1000); // an import brings hundreds a second
  }, signal);
  events.on('reset', () => attempt(body, reload), signal);
  return leave;
}

function fits(entry, filter) {
  if (filter.kind && !filter.kind.split(',').includes(entry.kind)) return false;
  if (filter.userId && entry.userId !== filter.userId) return false;
  if (filter.deviceId && entry.deviceId !== filter.deviceId) return false;
  return !filter.olderCaptures || (entry.kind === 'stored' && Date.parse(entry.at) - Date.parse(entry.capturedAt) > 7 * 86_400_000);
}

/** Today in one line, and where old photos are that came today. */
async function sum(box) {
  const from = new Date();
  from.setHours(0, 0, 0, 0);
  const today = await call('GET', `/backup/activity/summary?from=${encodeURIComponent(from.toISOString())}`);
  const parts = [today.stored > 0 ? `${count(today.stored)} stored (${bytes(today.bytes)})` : 'nothing new', today.duplicates > 0 && `${count(today.duplicates)} were here already`,
    today.rejected > 0 && `${count(today.rejected)} rejected`, today.broken > 0 && `${count(today.broken)} broken off`,
    today.deleted > 0 && `${count(today.deleted)} deleted`];
  fill(box, h('p', { class: 'lead' }, 'Today: ', parts.filter(Boolean).join(', '), '.'),
    today.olderCaptures > 0 && h('p', { class: 'banner' }, `${plural(today.olderCaptures, 'older photo')} arrived today and stand further back on the timeline. `,
      h('a', { href: '#/activity?olderCaptures=true' }, 'Show them')));
}
