// What is not there, and what to do about it; and to whom the server talks.

import { h } from '../core/dom.js';

const words = {
  media_tools: (detail) => ['Small pictures are not made', `Backup works the same. Install ${detail}, then restart the server.`],
  tls: () => ['The connection is not encrypted', 'At home that may do. From outside use HTTPS: --tls-cert and --tls-key, or a reverse proxy.'],
  second_copy: () => ['There is no second copy', 'A disk can die. Copy the data directory to another disk or place now and then.'],
};

/** A list of things to do; nothing where nothing is missing, and for people who can change nothing. */
export function missing(list, outbound, user) {
  if (!user.isAdmin) return null;
  return h('section', {},
    h('h2', {}, 'Good to know'),
    h('div', { class: 'card' },
      list.map(({ code, detail }) => {
        const [head, text] = words[code]?.(detail) ?? [code.replaceAll('_', ' '), detail];
        return h('div', { class: 'advice' }, h('h3', {}, head), h('p', { class: 'hint' }, text));
      }),
      h('div', { class: 'advice' }, h('h3', {}, outbound.length ? `The server may talk to ${outbound.length} others` : 'The server talks to nobody'),
        h('p', { class: 'hint' }, h('a', { href: '#/server' }, 'Every outbound connection it may make')))));
}
