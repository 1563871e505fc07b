// Tickles, which wake a device that sleeps: in one line where it is one of many, in full where it stands alone.

import { call, Problem } from '../core/api.js';
import { announce, h } from '../core/dom.js';
import { action } from '../core/form.js';
import { ago, duration, exact, moment, plural } from '../core/format.js';
import { icon } from '../core/icons.js';

const ways = { stream: 'by its open connection', webpush: 'by Web Push', apns: 'by Apple’s push service', fcm: 'by Google’s push service' };
const reasons = { stale: 'it was silent for long', backlog: 'something was left on it', hand: 'by hand' };
const refusals = {
  gone: 'the push address is gone', throttled: 'the push service asked for patience', distributor_offline: 'nobody takes the distributor’s messages',
  unreachable: 'it listens no more', interrupted: 'the server was stopped', refused: 'the push address leads where nothing is sent',
};
const paces = { 2: 'half as often as usual', 4: 'a quarter as often as usual', 8: 'an eighth as often as usual' };

const after = (milliseconds) => (milliseconds < 1000 ? 'under a second' : duration(milliseconds / 1000));

/** What became of one: `answered in 42 s`. */
export function outcome({ outcome: kind, delivery, latencyMilliseconds: latency }) {
  switch (kind) {
    case 'answered': return `answered in ${after(latency)}`;
    case 'unanswered': return 'no answer';
    case 'undelivered': return `not delivered: ${refusals[delivery] ?? 'the push service did not take it'}`;
    case 'held': return latency === null ? 'held back, to learn what happens without it' : `held back; it came by itself after ${after(latency)}`;
    default: return 'waiting for an answer';
  }
}

const isAmiss = ({ diagnosis }) => diagnosis !== null && diagnosis !== 'no_lift';

/** For a device among others; nothing for one that was never to be woken. */
export function line({ tickle }) {
  if (!tickle.last && !tickle.diagnosis) return null;
  return h('p', { class: `waking ${isAmiss(tickle) ? 'warn' : ''}` }, icon('bell'),
    h('span', {}, tickle.sentence, tickle.last && ` Last tickle ${ago(tickle.last.at)}: ${outcome(tickle.last)}.`));
}

/** Its own section: whether tickles help, by which way they go, the last ones, and a button for one more. */
export function waking(device, tickles, push, redraw) {
  if (device.revokedAt || device.kind === 'browser' && !tickles.length) return null;
  const { tickle } = device;
  const rows = [
    ['Goes', way(push)],
    tickle.trials > 0 && ['Measured', measured(tickle)],
    paces[tickle.cadence] && ['How often', paces[tickle.cadence]],
  ].filter(Boolean);
  const wake = async () => {
    const sent = await call('POST', `/backup/devices/${device.id}/tickle`).catch((problem) => {
      throw problem.status === 429 ? new Problem(`Its system, or the push service, bears no more now: the next one in ${duration(problem.retryAfter)}.`) : problem;
    });
    announce(`Tickle: ${outcome(sent)}.`);
    await redraw();
    document.querySelector('[data-wake]')?.focus({ preventScroll: true });
  };
  return h('section', { class: 'card tickles', 'aria-label': 'Tickles' },
    h('div', { class: 'heading' }, h('h2', {}, 'Tickles'), isReachable(push) && !device.isCurrent && action('Wake it now', wake, { data: { wake: '' } })),
    h('p', { class: isAmiss(tickle) ? 'warn' : null }, tickle.sentence),
    h('p', { class: 'hint' }, 'A silent message that makes the app look for new photos; sent when the device is quiet for longer than usual.'),
    h('dl', { class: 'facts-list' }, rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
    tickles.length > 0 && [h('h3', { class: 'note' }, 'The last ones'), h('ul', { class: 'happenings' }, tickles.map(entry))]);
}

const looks = { answered: ['check', 'green'], unanswered: ['warning', 'amber'], undelivered: ['warning', 'red'], held: ['moon', ''] };

function entry(tickle) {
  const [name, colour] = looks[tickle.outcome] ?? ['bell', ''];
  const text = outcome(tickle);
  const stored = tickle.storedAfterMilliseconds;
  return h('li', { class: `happened ${colour}`, data: { id: tickle.id } }, icon(name),
    h('span', { class: 'grow' },
      h('span', { class: 'subject' }, text[0].toUpperCase() + text.slice(1)),
      stored !== null && h('span', { class: 'outcome' }, `The first photo was safe after ${after(stored)}`),
      h('span', { class: 'hint' }, [ways[tickle.channel], reasons[tickle.why], tickle.isVisible && 'shown to its owner'].filter(Boolean).join(' · '))),
    h('time', { class: 'hint', ...exact(tickle.at) }, ago(tickle.at)));
}

/** What the sentence rests on; the numbers too, where it speaks of something more pressing. */
function measured({ lift, trials, diagnosis }) {
  const part = (share) => Math.round(share * 100);
  const of = `${plural(trials, 'trial')}, of which about one in ten is held back to compare`;
  if (!lift) return `${of}; not enough yet`;
  if (!diagnosis) return `${of}; the range holds with 95 % certainty`;
  return `of 100, ${part(lift.value)} come because of it (${part(lift.low)} to ${part(lift.high)} with 95 % certainty): ${of}`;
}

const isReachable = ({ registration, isListening }) => isListening || ['active', 'backoff'].includes(registration?.state);

const names = { webpush: 'Web Push', apns: 'Apple’s push service', fcm: 'Google’s push service' };
const troubles = {
  throttled: 'the push service asks for patience', distributor_offline: 'nobody takes the distributor’s messages', refused: 'the server may not send there', key_changed: 'the server has another key since; the app must be opened',
  no_answer: 'the push service does not answer', '4xx': 'the push service refuses', '5xx': 'the push service has a fault',
};

/** By which way it can be woken now. */
function way({ registration: place, isListening }) {
  if (isListening) return 'by its open connection, which it holds now';
  if (!place) return 'nowhere at the moment: it gave no push address, and holds no connection open. It comes by itself.';
  const through = place.kind === 'webpush' ? `${names.webpush} (${place.host})` : names[place.kind];
  const states = {
    pending: 'not confirmed yet',
    active: `confirmed ${ago(place.confirmedAt)}`,
    backoff: `${troubles[place.problem] ?? 'the last ones failed'}${place.retryAt ? `; tried again ${moment(place.retryAt)}` : ''}`,
    gone: 'its address is gone until the app is opened',
  };
  return `${through}, ${states[place.state] ?? place.state}${place.isAsleep ? '; the app was not opened for two months' : ''}`;
}
