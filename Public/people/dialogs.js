// Adding, changing and removing a person.

import { call, Problem } from '../core/api.js';
import { h } from '../core/dom.js';
import { ask } from '../core/dialog.js';
import { field, tick } from '../core/form.js';

const gigabyte = 1e9;

const quotaField = (value = '') => field('Quota in GB', { name: 'quota', type: 'number', min: 0, step: 'any', value, inputmode: 'decimal' }, 'Empty: no limit.');

function quotaOf(text) {
  if (text.trim() === '') return null;
  const number = Math.round(Number(text) * gigabyte);
  if (!(number >= 0)) throw new Problem('The quota must be a number.');
  return number;
}

export const invite = () => ask('Add a person', [
  field('Name', { name: 'name', required: true, maxlength: 200 }),
  field('E-mail', { name: 'email', type: 'email', required: true, maxlength: 254 }),
  field('First password', { name: 'password', type: 'password', autocomplete: 'new-password', required: true }, 'Tell it to them; they change it at their first login.'),
  quotaField(),
  tick('May manage the server (admin)', { name: 'isAdmin' }),
], 'Add', ({ name, email, password, quota, isAdmin }) => call('POST', '/admin/users', {
  name, email, password, quotaSizeInBytes: quotaOf(quota), isAdmin: isAdmin === 'on', shouldChangePassword: true,
}));

export const edit = (person, user) => ask(`Change ${person.name}`, [
  field('Name', { name: 'name', required: true, maxlength: 200, value: person.name }),
  field('E-mail', { name: 'email', type: 'email', required: true, maxlength: 254, value: person.email }),
  field('New password', { name: 'password', type: 'password', autocomplete: 'new-password' }, 'Empty: it stays. A new one ends all their logins.'),
  quotaField(person.quotaSizeInBytes === null ? '' : person.quotaSizeInBytes / gigabyte),
  person.id !== user.id && tick('May manage the server (admin)', { name: 'isAdmin', checked: person.isAdmin }),
], 'Save', ({ name, email, password, quota, isAdmin }) => call('PUT', `/admin/users/${person.id}`, {
  name, email, quotaSizeInBytes: quotaOf(quota),
  ...(person.id === user.id ? {} : { isAdmin: isAdmin === 'on' }),
  ...(password ? { password } : {}),
}));

export const remove = (person) => ask(`Remove ${person.name}`, [
  h('p', {}, 'They are logged out at once. Their photos stay for 7 days, in which they can be brought back; then they are deleted.'),
], 'Remove', () => call('DELETE', `/admin/users/${person.id}`, {}));
