import { call, Problem } from '../core/api.js';
import { add, h } from '../core/dom.js';
import { field, form } from '../core/form.js';

export function show(root, { restart }) {
  const email = field('E-mail', { name: 'email', type: 'email', autocomplete: 'username', required: true });
  const password = field('Password', { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  add(root, h('section', { class: 'card narrow' }, h('h1', {}, 'Log in'), form([email, password], 'Log in', async (credentials) => {
    let login;
    try {
      login = await call('POST', '/auth/login', credentials);
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      password.querySelector('input').select();
      throw new Problem(problem.message, 'Forgotten? On the server, “nightstand user password” sets a new one.', 401);
    }
    // Whoever got a first password from the admin chooses their own.
    if (login.shouldChangePassword) await restart('#/account', 'Choose a password of your own');
    else await restart();
  })));
  focusFirst(root);
}

/** Where there is a keyboard the first field takes it; on a phone that would throw the keyboard over the page. */
export function focusFirst(root) {
  if (matchMedia('(pointer: fine)').matches) setTimeout(() => root.querySelector('input')?.focus());
}
