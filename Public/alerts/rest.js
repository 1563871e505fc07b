// When somebody wants to be left alone: quiet hours of each day, and a holiday.

import { announce, h } from '../core/dom.js';
import { action, field, form, tick } from '../core/form.js';
import { day } from '../core/format.js';

const longest = 366; // days that the server lets a holiday last

// Browsers go by names of long ago for some zones; a server's list may have dropped them.
const renamed = {
  'Asia/Calcutta': 'Asia/Kolkata', 'Asia/Saigon': 'Asia/Ho_Chi_Minh', 'Asia/Katmandu': 'Asia/Kathmandu', 'Asia/Rangoon': 'Asia/Yangon',
  'Europe/Kiev': 'Europe/Kyiv', 'America/Buenos_Aires': 'America/Argentina/Buenos_Aires', 'America/Godthab': 'America/Nuuk',
};
const zoneName = (zone) => renamed[zone] ?? zone;

/** @param save sets what changed and keeps the rest */
export function quietHours({ quietHours: hours, timeZone }, save) {
  const own = zoneName(Intl.DateTimeFormat().resolvedOptions().timeZone ?? 'UTC');
  const chosen = hours ? timeZone ?? 'UTC' : timeZone ?? own;
  const zones = [...new Set([...(Intl.supportedValuesOf?.('timeZone') ?? []).map(zoneName), 'UTC', own, chosen])].sort();
  const times = h('div', { class: 'times', hidden: !hours },
    field('From', { name: 'from', type: 'time', required: true, value: hours?.from ?? '22:00' }),
    field('To', { name: 'to', type: 'time', required: true, value: hours?.to ?? '07:00' }),
    field('Time zone', { name: 'timeZone', value: chosen, options: zones.map((zone) => [zone, zone.replaceAll('_', ' ')]) }));
  const said = h('span', { class: 'good-word', role: 'status' });
  return h('section', { class: 'card' }, h('h2', {}, 'Quiet hours'),
    form([
      tick('Nothing rings at night', { name: 'isQuiet', checked: Boolean(hours), onchange: ({ target }) => { times.hidden = !target.checked; } }), times,
    ], 'Save', async ({ isQuiet, from, to, timeZone: zone }) => {
      said.textContent = '';
      await save(isQuiet ? { quietHours: { from, to }, timeZone: zone } : { quietHours: null });
      said.textContent = 'Saved';
    }, said),
    h('p', { class: 'hint note' }, 'What happens meanwhile is told at their end, if it is still so. Webhooks ring nobody and are told at once.'));
}

/** `#/alerts` is quiet until the morning of the day on which somebody is back. */
export function holiday({ snoozedUntil }, save) {
  const isAway = snoozedUntil && Date.parse(snoozedUntil) > Date.now();
  return h('section', { class: 'card' }, h('h2', {}, 'Holiday'), isAway
    ? [h('p', {}, `Nothing is sent before ${day(snoozedUntil)}.`), action('End the holiday', async () => {
      await save({ snoozedUntil: null });
      announce('Messages come again.');
    })]
    : form([
      field('Back on', { name: 'back', type: 'date', required: true, min: date(1), max: date(longest - 1) }, 'Until that morning nothing is sent at all. What is still wrong then is told then.'),
    ], 'Start the holiday', ({ back }) => save({ snoozedUntil: new Date(`${back}T00:00`).toISOString() })));
}

/** So many days from now, as date fields write it. */
function date(days) {
  const then = new Date();
  then.setDate(then.getDate() + days);
  return [then.getFullYear(), then.getMonth() + 1, then.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
}
