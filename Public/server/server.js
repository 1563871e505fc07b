// The machine's side: room, what runs in the background, and every connection that goes out.

import { call } from '../core/api.js';
import { add, fill, h } from '../core/dom.js';
import { lifetime, every } from '../core/events.js';
import { action } from '../core/form.js';
import { ago, count, moment } from '../core/format.js';
import { disk } from '../overview/disk.js';
import { missing } from '../overview/missing.js';
import { hosts } from './hosts.js';

export async function show(root, { user }) {
  const [signal, leave] = lifetime();
  const [overview, outgoing, about] = await Promise.all([
    call('GET', '/backup/overview'), call('GET', '/backup/outbound'), call('GET', '/server/about')]);
  const jobs = h('div', {});
  add(root, h('h1', {}, 'Server'),
    h('div', { class: 'columns' },
      h('section', { class: 'part' }, h('h2', {}, 'Room'), disk(overview.disk)),
      h('section', { class: 'part' }, h('h2', {}, 'Version'), h('div', { class: 'card' },
        h('p', { class: 'big' }, overview.version), h('p', { class: 'hint' }, `Speaks Immich API ${about.version.replace(/^v/, '')}. It looks for no updates by itself.`)))),
    outbound(outgoing), user.isAdmin && await hosts(), user.isAdmin && jobs, missing(overview.missing, outgoing.connections, user));
  if (user.isAdmin) {
    const draw = async () => fill(jobs, work(await call('GET', '/jobs'), draw));
    await draw();
    every(5, () => draw().catch(() => {}), signal);
  }
  return leave;
}

const purposes = { push: 'Push', webpush: 'Alerts in browsers', ntfy: 'Alerts by ntfy', webhook: 'Alerts by webhook', mail: 'Alerts by mail' };
const word = (purpose) => purposes[purpose] ?? purpose;

/** The whole list: what is not on it is not done. And what was done lately, for the admin. */
function outbound({ connections, recent }) {
  return h('section', {}, h('h2', {}, 'Outbound connections'),
    h('div', { class: 'card' }, connections.length === 0
      ? h('p', {}, 'None. This server opens no connection to anybody: no updates, no statistics, no maps. This page loads nothing from elsewhere either.')
      : table('What it may do', ['What for', 'Where to', 'State', 'Setting'], connections.map(({ purpose, host, isOn, setting }) =>
        [word(purpose), long(host) ?? 'addresses of other people here', isOn ? latest(host, recent) : 'off', h('code', {}, setting)])),
    recent?.length > 0 && h('details', {}, h('summary', {}, 'What it did lately'),
      table('What it did lately', ['When', 'What for', 'Where to', 'Result'], recent.map(({ at, purpose, host, outcome }) => [moment(at), word(purpose), long(host), ending(outcome)])))));
}

/** How the newest send to a host ended; admins alone are told what was sent. */
function latest(host, recent) {
  const last = recent?.find((one) => one.host === host);
  return last ? `on; ${ago(last.at)}: ${ending(last.outcome)}` : 'on';
}

const endings = {
  unknown_host: 'nobody knows this name', resolver_failed: 'names could not be looked up', cannot_connect: 'no connection', tls: 'certificate not trusted',
  timed_out: 'no answer in time', broken: 'the connection broke', busy: 'the server was too busy', unavailable: 'libcurl is missing',
  refused_address: 'refused: in a private network', refused_plain: 'refused: http', refused_port: 'refused: its port',
  '2xx': 'taken', '3xx': 'leads elsewhere (3xx)', '4xx': 'refused (4xx)', '5xx': 'a fault there (5xx)',
};

/** In words; what has none yet is shown as it is. */
const ending = (outcome) => endings[outcome] ?? outcome.replaceAll('_', ' ');

/** A host's name may be longer than a phone is wide; nothing else in a table breaks within a word. */
const long = (host) => (host ? h('span', { class: 'host' }, host) : host);

function table(caption, heads, rows) {
  return h('table', {}, h('caption', { class: 'unseen' }, caption),
    h('thead', {}, h('tr', {}, heads.map((text) => h('th', { scope: 'col' }, text)))),
    h('tbody', {}, rows.map((cells) => h('tr', {}, cells.map((cell) => h('td', {}, cell))))));
}

const queues = { metadataExtraction: 'Reading dates and places', thumbnailGeneration: 'Small pictures' };

function work(all, redraw) {
  const command = (name, command) => async () => {
    await call('PUT', `/jobs/${name}`, { command, force: false });
    await redraw();
  };
  return h('section', {}, h('h2', {}, 'In the background'), h('div', { class: 'card' }, Object.entries(queues).map(([name, text]) => {
    const { jobCounts, queueStatus } = all[name];
    const state = queueStatus.isPaused ? 'paused' : jobCounts.active ? `${count(jobCounts.active)} at work` : 'at rest';
    return h('div', { class: 'advice between' },
      h('div', {}, h('h3', {}, text), h('p', { class: 'hint' }, `${state}, ${count(jobCounts.waiting)} waiting, ${count(jobCounts.failed)} failed`)),
      h('span', { class: 'row' },
        queueStatus.isPaused ? action('Go on', command(name, 'resume'), { 'aria-label': `${text}: go on` })
          : action('Pause', command(name, 'pause'), { 'aria-label': `${text}: pause` }),
        jobCounts.failed > 0 && action('Try failed ones again', command(name, 'start'), { 'aria-label': `${text}: try again` })));
  })));
}
