// Where somebody is told: what there is, what can be added, and whether it arrives.

import { call, Problem } from '../core/api.js';
import { announce, fill, h } from '../core/dom.js';
import { ask, confirm, dialog } from '../core/dialog.js';
import { action, copyable, field } from '../core/form.js';
import { ago, day, duration } from '../core/format.js';
import { icon } from '../core/icons.js';
import { leave, obstacle, subscribe } from './browser.js';
import { kinds, problem } from './words.js';

const path = '/backup/alerts/channels';

/** One line for each; `mine` is the one of this browser. */
export function list(channels, mine, user, redraw) {
  if (!channels.length) return h('div', { class: 'card empty' }, h('p', {}, 'Nowhere yet: trouble shows on this page alone.'));
  return h('ul', { class: 'card list' }, channels.map((channel) => row(channel, channel.id === mine?.id, user, redraw)));
}

function row(channel, isMine, user, redraw) {
  const kind = kinds[channel.kind] ?? { text: channel.kind, icon: 'bell' };
  const place = channel.target.replace(/^https:\/\//, '');
  const said = h('span', { class: 'good-word' });
  const isOpen = channel.kind === 'mail' && channel.confirmedAt === null;
  const name = isMine ? 'This browser' : `${kind.text}, ${place}`;
  const test = async () => {
    fill(said);
    const result = await call('POST', `${path}/${channel.id}/test`).catch((problem) => {
      throw problem.status === 429 ? new Problem(`Not so soon: again in ${duration(problem.retryAfter)}.`) : problem;
    });
    if (!result.isDelivered) throw new Problem(`Not delivered: ${problem(result.problem)}.`);
    fill(said, icon('check'), 'Sent');
    announce(`Sent: ${name}`);
  };
  const remove = async () => {
    const text = isMine ? 'Nothing is shown in this browser any more.' : `Nothing is sent to ${place} any more.`;
    if (!await confirm(`Remove ${isMine ? 'this browser' : kind.text}`, text, 'Remove', () => (isMine ? leave(user) : call('DELETE', `${path}/${channel.id}`)))) return;
    await redraw();
  };
  return h('li', {}, h('div', { class: 'entry' }, icon(kind.icon),
    h('span', { class: 'grow' }, h('strong', {}, isMine ? 'This browser' : kind.text), ' ', h('span', { class: 'place' }, place),
      h('span', { class: 'hint' }, `Added ${day(channel.createdAt)}, ${channel.deliveredAt ? `last message ${ago(channel.deliveredAt)}` : 'no message so far'}`),
      isOpen && h('span', { class: 'hint warn' }, 'Nothing else goes there until you enter the code of its first mail.'),
      channel.problem && h('span', { class: 'hint warn' }, `${channel.isDisabled ? 'Switched off: ' : 'Last time: '}${problem(channel.problem)}.`)),
    h('span', { class: 'row' },
      isOpen && action('Enter the code', async () => { if (await code(channel)) await redraw(); }, { class: '' }),
      action(isOpen ? 'Send it again' : 'Send a test', test, { 'aria-label': `${isOpen ? 'Send it again' : 'Send a test'}: ${name}` }),
      action('Remove', remove, { class: 'quiet danger', 'aria-label': `Remove ${name}` }), said)));
}

/** Buttons for what this server can tell by. */
export function adding({ channels, kinds: able, channelsPerPerson }, mine, user, redraw) {
  if (channels.length >= channelsPerPerson) return h('p', { class: 'hint' }, `These are all ${channelsPerPerson} that one person can have.`);
  const hindrance = obstacle();
  const add = (text, make) => action(text, async () => { if (await make()) await redraw(); });
  return [
    h('div', { class: 'row' },
      able.includes('webpush') && !mine && !hindrance && action('Add this browser', async () => {
        await subscribe(user);
        await redraw();
        announce('This browser shows messages from now on.');
      }, { class: '' }),
      able.includes('ntfy') && add('Add ntfy', ntfy),
      able.includes('webhook') && add('Add a webhook', webhook),
      able.includes('mail') && !channels.some(({ kind }) => kind === 'mail') && add('Add mail', () => mail(user))),
    !mine && hindrance && h('p', { class: 'hint' }, h('strong', {}, 'Not in this browser. '), hindrance),
    user.isAdmin && !able.includes('mail') && h('p', { class: 'hint' }, 'For mail the server needs a mail server: ', h('code', {}, '--smtp-server'), '.'),
  ];
}

const address = (label, placeholder, hint) => field(label, {
  name: 'url', type: 'url', required: true, maxlength: 1000, placeholder, autocapitalize: 'none', spellcheck: 'false' }, hint);

const ntfy = () => ask('Tell me by ntfy', [
  h('p', {}, 'Install the ntfy app on a phone, subscribe to a topic whose name nobody guesses, and enter its address here. ntfy’s server reads along, so messages name no device and no photo.'),
  address('Address with the topic', 'https://ntfy.sh/a-name-that-nobody-guesses', null),
  field('Access token', { name: 'token', maxlength: 200, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' }, 'Only where the topic is protected.'),
], 'Add', ({ url, token }) => call('POST', path, { kind: 'ntfy', url, ...(token ? { token } : {}) }));

async function webhook() {
  let made = null;
  const isAdded = await ask('Tell a webhook', [
    h('p', {}, 'Home Assistant, n8n and the like get JSON, signed so that they can tell it is from here.'),
    address('Address', 'https://home.example.org/hook', null),
    field('Secret', { name: 'secret', minlength: 16, maxlength: 200, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' }, 'Empty: the server makes one.'),
  ], 'Add', async ({ url, secret }) => { made = await call('POST', path, { kind: 'webhook', url, ...(secret ? { secret } : {}) }); });
  if (isAdded && made.secret) {
    await dialog('The webhook’s secret', (close) => h('div', { class: 'part' },
      h('p', {}, 'Copy it now: it is not shown again.'), copyable('Secret', made.secret, { rows: 2 }),
      h('p', { class: 'hint' }, h('code', {}, 'X-Nightstand-Signature'), ' is sha256= and the HMAC-SHA-256 of ', h('code', {}, 'X-Nightstand-Timestamp'), ', a dot and the body.'),
      h('div', { class: 'row' }, h('button', { type: 'button', onclick: () => close() }, 'Done'))));
  }
  return isAdded;
}

async function mail(user) {
  let made = null;
  const isAdded = await ask('Tell me by mail', [h('p', {}, `To ${user.email}, the address of your account. The first mail holds a code, so that nobody is written to who did not ask for it.`)],
    'Add', async () => { made = await call('POST', path, { kind: 'mail' }); });
  if (isAdded && made.channel.confirmedAt === null) await code(made.channel);
  return isAdded;
}

const code = ({ id, target }) => ask('Confirm the address', [
  field('Code', { name: 'token', required: true, maxlength: 200, autocomplete: 'one-time-code', autocapitalize: 'none', spellcheck: 'false' }, `It stands in the mail to ${target}.`),
], 'Confirm', ({ token }) => call('POST', `${path}/${id}/confirm`, { token: token.trim() }));
