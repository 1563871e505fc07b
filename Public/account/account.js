// One's own name, password, alerts and logins.

import { call, Problem } from '../core/api.js';
import { add, fill, h } from '../core/dom.js';
import { confirm } from '../core/dialog.js';
import { action, field, form } from '../core/form.js';
import { ago, bytes } from '../core/format.js';

const hasUploads = ({ id }) => localStorage.getItem(`nightstand-uploads-open-${id}`) === '1';

export async function show(root, { user, restart, greeting }) {
  const said = h('p', { class: 'good-word', role: 'status' });
  const end = async () => {
    await quiet(user);
    try {
      await call('POST', '/auth/logout');
    } catch (problem) {
      if (problem.status !== 401) throw problem;
    }
    return true;
  };
  // The question is gone before the form for the next one comes: below an open dialog nothing can be typed.
  const leave = async () => {
    const isOver = hasUploads(user)
      ? await confirm('Log out', 'Uploads from this browser are not finished. What has not arrived is forgotten here: choose it again next time.', 'Log out', end)
      : await end();
    if (isOver) await restart('#/', null, user.id);
  };
  const sessions = h('ul', { class: 'card list' });
  const told = h('div', { class: 'card between' });
  add(root,
    h('div', { class: 'heading' }, h('h1', {}, user.name), action('Log out', leave, { id: 'log-out' })),
    h('p', { class: 'lead' }, `${user.email} · ${bytes(user.quotaUsageInBytes)}${user.quotaSizeInBytes === null ? ' stored' : ` of ${bytes(user.quotaSizeInBytes)} used`}`),
    greeting && h('p', { class: 'banner', role: 'status' }, `${greeting}: the one you logged in with is known to the admin.`),
    said,
    h('div', { class: 'columns' },
      h('section', { class: 'card' }, h('h2', {}, 'Name'), form([field('Name', { name: 'name', value: user.name, required: true, maxlength: 200 })], 'Save', async ({ name }) => {
        await call('PUT', '/users/me', { name });
        await restart();
      })),
      h('section', { class: 'card' }, h('h2', {}, 'Password'), form([
        field('Password now', { name: 'password', type: 'password', autocomplete: 'current-password', required: true }),
        field('New password', { name: 'newPassword', type: 'password', autocomplete: 'new-password', required: true }),
        field('New password again', { name: 'again', type: 'password', autocomplete: 'new-password', required: true }),
      ], 'Change it', async ({ password, newPassword, again }, element) => {
        if (newPassword !== again) throw new Problem('The two new passwords differ.');
        await call('POST', '/auth/change-password', { password, newPassword, invalidateSessions: false });
        element.reset();
        said.textContent = 'The password is changed. Other logins stay; end them below where that is wanted.';
      }))),
    h('section', {}, h('h2', {}, 'Alerts'), told),
    h('section', {}, h('h2', {}, 'Logins'), sessions));
  const draw = async () => {
    const list = await call('GET', '/sessions');
    fill(sessions, list.map((session) => h('li', {}, h('div', { class: 'entry' },
      h('span', { class: 'grow' }, [session.deviceType, session.deviceOS].filter(Boolean).join(', ') || 'Unknown', session.current && h('span', { class: 'badge' }, 'This one'),
        h('span', { class: 'hint' }, `since ${ago(session.createdAt)}, last seen ${ago(session.updatedAt)}`)),
      !session.current && action('End it', async () => {
        await call('DELETE', `/sessions/${session.id}`);
        await draw();
      }, { 'aria-label': `End the login ${session.deviceType}` })))));
  };
  const [{ channels }] = await Promise.all([call('GET', '/backup/alerts'), draw()]);
  fill(told, h('p', {}, channels.length ? `You hear of devices in trouble: ${[...new Set(channels.map(({ kind }) => words[kind] ?? kind))].join(', ')}.`
    : 'Nobody tells you when a device stops backing up: trouble shows on this page alone.'), h('a', { class: 'button quiet', href: '#/alerts' }, channels.length ? 'Change' : 'Set it up'));
}

const words = { webpush: 'in a browser', ntfy: 'by ntfy', webhook: 'by a webhook', mail: 'by mail' };

/** Who logs out here is told elsewhere: the next one at this browser may be somebody else. */
async function quiet(user) {
  if (localStorage.getItem(`nightstand-alerts-${user.id}`)) await (await import('../alerts/browser.js')).leave(user).catch(() => {});
}
