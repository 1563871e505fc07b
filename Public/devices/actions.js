// Rename, merge, snooze, support bundle, revoke.

import { call, Problem, send } from '../core/api.js';
import { h } from '../core/dom.js';
import { ask, confirm } from '../core/dialog.js';
import { action, field, tick } from '../core/form.js';
import { save } from '../core/save.js';

const day = 86_400_000;

export function actions(device, user, redraw) {
  const path = `/backup/devices/${device.id}`;
  const isRevoked = device.state.level === 'revoked';
  const after = async (isDone) => { if (isDone) await redraw(); };

  const rename = () => ask('Rename', [field('Name', { name: 'name', value: device.isNamed ? device.name : '', placeholder: device.name, maxlength: 100 },
    'Empty: named after what it is.')], 'Rename', ({ name }) => call('PATCH', path, { name: name.trim() || null })).then(after);

  const snooze = () => ask('Snooze', [
    h('p', {}, 'No alarm while a phone lies in a drawer or is on a journey.'),
    field('For', { name: 'days', value: '7', options: [['1', 'a day'], ['7', 'a week'], ['14', 'two weeks'], ['30', 'a month'], ['180', 'half a year']] }),
  ], 'Snooze', ({ days }) => call('PATCH', path, { snoozedUntil: new Date(Date.now() + days * day).toISOString() })).then(after);

  const merge = async () => {
    const { devices } = await call('GET', `/backup/devices?userId=${device.userId}`);
    const others = devices.filter(({ id }) => id !== device.id);
    if (!others.length) throw new Problem('There is no other device of the same person.');
    await ask('Merge', [
      h('p', {}, 'After a new installation the same phone looks like two. The other becomes part of this one, with its logins and its history.'),
      field('The other one', { name: 'from', options: others.map(({ id, name, lastContact }) => [id, `${name} (${lastContact.slice(0, 10)})`]) }),
    ], 'Merge', ({ from }) => call('POST', `${path}/merge`, { from })).then(after);
  };

  const revoke = () => confirm('Revoke', `${device.name} is logged out at once, and its API keys end. What it stored stays.`, 'Revoke',
    () => call('DELETE', path)).then((isDone) => { if (isDone) location.hash = '#/devices'; });

  const bundle = () => ask('Support bundle', [
    h('p', {}, 'A JSON file for whoever helps you: state, settings and the last 200 events. No passwords, keys or addresses are in it.'),
    tick('With file names', { name: 'names' }),
  ], 'Download', async ({ names }) => save(await send('GET', `${path}/support?names=${names === 'on'}`), `nightstand-support-${device.id.slice(0, 8)}.json`));

  const isSnoozed = Boolean(device.snoozedUntil) && Date.parse(device.snoozedUntil) > Date.now();
  return h('section', { class: 'row actions', 'aria-label': 'Actions' },
    action('Rename', rename),
    !isRevoked && (isSnoozed
      ? action('End the snooze', async () => { await call('PATCH', path, { snoozedUntil: null }); await redraw(); })
      : action('Snooze', snooze)),
    !isRevoked && action('Merge', merge),
    action('Support bundle', bundle),
    !isRevoked && !device.isCurrent && action('Revoke', revoke, { class: 'quiet danger' }));
}
