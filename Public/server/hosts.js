// Hosts of one's own network that the server may send to: an ntfy at home, say. For admins.

import { call } from '../core/api.js';
import { fill, h } from '../core/dom.js';
import { action, field, form } from '../core/form.js';

const path = '/backup/outbound/hosts';

/** The card, with its list as it is now. */
export async function hosts() {
  const card = h('div', { class: 'card' });
  const draw = ({ configured, added, wanted }) => {
    const set = async (list) => draw(await call('PUT', path, { hosts: list }));
    // Several phones can ask for one host.
    const asked = [...new Set(wanted.map(({ host }) => host))];
    fill(card,
      h('p', { class: 'hint' }, 'Pushes go to https on the public internet only. A host that is listed here may lie in your network, or speak http.'),
      asked.map((host) => line(host, 'A phone wants to be woken through it', action('Allow', () => set([...added, host]), { 'aria-label': `Allow ${host}` }))),
      configured.map((host) => line(host, 'By the settings: --push-allow-hosts')),
      added.map((host) => line(host, 'Allowed', action('Remove', () => set(added.filter((other) => other !== host)), { 'aria-label': `Remove ${host}` }))),
      form([field('Host', { name: 'host', placeholder: 'ntfy.lan:2586', required: true, autocapitalize: 'none', spellcheck: 'false' },
        'Without a port: 443 and 80')], 'Allow a host', ({ host }) => set([...added, host.trim()])));
  };
  draw(await call('GET', path));
  return h('section', {}, h('h2', {}, 'Allowed hosts'), card);
}

function line(host, hint, button = null) {
  return h('div', { class: 'advice between' }, h('div', {}, h('h3', {}, host), h('p', { class: 'hint' }, hint)), button);
}
