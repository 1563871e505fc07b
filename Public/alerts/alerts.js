// Where and when somebody is told that a device is in trouble, while they do not look at the page.

import { call } from '../core/api.js';
import { add, fill, h } from '../core/dom.js';
import { plural } from '../core/format.js';
import { mine } from './browser.js';
import { adding, list } from './channels.js';
import { holiday, quietHours } from './rest.js';

export async function show(root, { user }) {
  const [where, when, others] = ['part', 'columns', ''].map((name) => h('div', { class: name }));
  add(root,
    h('p', { class: 'crumb' }, h('a', { href: '#/account' }, 'Account')),
    h('h1', {}, 'Alerts'),
    h('p', { class: 'lead' }, 'Where you hear of a device of yours that stops backing up: once when it needs a look, once when it gets worse, and once when all is well again.'),
    h('section', { class: 'part' }, h('h2', {}, 'Where'), where), when, others);
  const draw = async () => {
    const alerts = await call('GET', '/backup/alerts');
    const here = await mine(user, alerts.channels).catch(() => null);
    fill(where, list(alerts.channels, here, user, draw), adding(alerts, here, user, draw));
    rest(alerts.settings);
    if (user.isAdmin) fill(others, ofOthers(alerts.adminAfterHours));
  };
  const rest = (settings) => {
    // What has passed is no setting any more, and would be refused.
    const isAway = Date.parse(settings.snoozedUntil) > Date.now();
    const save = async (change) => {
      const now = await call('PUT', '/backup/alerts', { ...settings, snoozedUntil: isAway ? settings.snoozedUntil : null, ...change });
      if ('snoozedUntil' in change) {
        rest(now);
        when.lastElementChild.querySelector('button').focus();
      } else Object.assign(settings, now);
    };
    fill(when, quietHours(settings, save), holiday(settings, save));
  };
  await draw();
}

function ofOthers(hours) {
  return h('section', { class: 'card' }, h('h2', {}, 'Other people’s devices'),
    h('p', {}, hours === 0 ? 'As an admin you hear of everybody’s devices, at the same time as their owners.'
      : `As an admin you hear of everybody’s devices: ${plural(hours, 'hour')} after their owners, where it is still so then.`),
    h('p', { class: 'hint' }, 'Set by ', h('code', {}, '--alert-admin-hours'), '. Your quiet hours and your holiday hold for them too.'));
}
