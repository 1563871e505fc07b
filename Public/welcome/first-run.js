// No user yet: the visitor creates the admin, is logged in at once, and goes on to connect a phone.

import { call, Problem } from '../core/api.js';
import { add, h } from '../core/dom.js';
import { field, form } from '../core/form.js';
import { focusFirst } from './login.js';

export function show(root, { restart }) {
  const again = field('Password again', { name: 'again', type: 'password', autocomplete: 'new-password', required: true });
  add(root, h('section', { class: 'card narrow' },
    h('h1', {}, 'Welcome'),
    h('p', {}, 'Nobody has an account on this server yet. The first one is the admin.'),
    form([
      field('Name', { name: 'name', autocomplete: 'name', required: true, maxlength: 200 }),
      field('E-mail', { name: 'email', type: 'email', autocomplete: 'username', required: true, maxlength: 254 }),
      field('Password', { name: 'password', type: 'password', autocomplete: 'new-password', required: true }),
      again,
    ], 'Create the admin', async (values) => {
      if (values.password !== values.again) {
        again.querySelector('input').focus();
        throw new Problem('The two passwords differ.');
      }
      const { name, email, password } = values;
      await call('POST', '/auth/admin-sign-up', { name, email, password });
      await call('POST', '/auth/login', { email, password });
      await restart('#/connect', `All set, ${name}`);
    })));
  focusFirst(root);
}
