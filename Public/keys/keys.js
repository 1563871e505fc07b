// API keys: who holds one, what it may do, and its end.

import { call } from '../core/api.js';
import { add, fill, h } from '../core/dom.js';
import { ask, confirm, dialog } from '../core/dialog.js';
import { action, field, form } from '../core/form.js';
import { day, plural } from '../core/format.js';
import { newKey } from '../welcome/connect.js';

/** What keys are for, and the permissions that it takes. */
const scopes = [
  ['asset.upload', 'Upload only: cannot see or delete anything'],
  ['asset.upload,asset.read,asset.view,asset.download,asset.statistics,album.read,user.read,server.about', 'Upload and look: cannot delete anything'],
  ['asset.read,asset.view,asset.download,asset.statistics,album.read,user.read,server.about', 'Look only: photo frames'],
  ['all', 'Everything that you may do'],
];

export async function show(root) {
  const list = h('ul', { class: 'card list' });
  const draw = async () => {
    const keys = await call('GET', '/api-keys');
    fill(list, keys.length ? keys.map((key) => row(key, draw)) : h('li', { class: 'empty' }, 'No keys yet.'));
  };
  add(root, h('div', { class: 'heading' }, h('h1', {}, 'API keys'), action('New key', () => make(draw), { class: '' })),
    h('p', { class: 'lead' }, 'Programs log in with a key instead of your password. Give each its own, and no more than it needs. When one was last used stands under ',
      h('a', { href: '#/devices' }, 'Devices'), '.'), list);
  await draw();
}

async function make(draw) {
  let made = null;
  const isMade = await dialog('New key', (close) => form([
    field('What is it for?', { name: 'name', required: true, maxlength: 100, placeholder: 'Laptop, photo frame …' }),
    field('It may', { name: 'scope', options: scopes }),
  ], 'Make the key', async ({ name, scope }) => {
    made = { name, ...await call('POST', '/api-keys', { name, permissions: scope.split(',') }) };
    close(true);
  }, h('button', { type: 'button', class: 'quiet', onclick: () => close(false) }, 'Cancel')));
  if (!isMade) return;
  await draw();
  await dialog('The new key', (close) => h('div', {}, newKey(made.name, made.secret), h('button', { type: 'button', onclick: () => close() }, 'Done')));
}

function row(key, draw) {
  return h('li', {}, h('div', { class: 'entry' },
    h('span', { class: 'grow' }, h('strong', {}, key.name), h('span', { class: 'hint' }, `${may(key.permissions)} · made ${day(key.createdAt)}`)),
    h('span', { class: 'row' }, action('Rename', async () => {
      if (await ask('Rename', [field('Name', { name: 'name', value: key.name, required: true, maxlength: 100 })], 'Rename',
        ({ name }) => call('PUT', `/api-keys/${key.id}`, { name }))) await draw();
    }, { 'aria-label': `Rename ${key.name}` }),
    action('Delete', async () => {
      if (await confirm('Delete the key', `What uses “${key.name}” is locked out at once.`, 'Delete', () => call('DELETE', `/api-keys/${key.id}`))) await draw();
    }, { class: 'quiet danger', 'aria-label': `Delete ${key.name}` }))));
}

function may(permissions) {
  const known = scopes.find(([scope]) => scope === permissions.join(',') || scope.split(',').sort().join() === [...permissions].sort().join());
  return known ? known[1] : `${plural(permissions.length, 'permission')}: ${permissions.join(', ')}`;
}
