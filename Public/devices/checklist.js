// The switches that this phone needs, to tick one by one and to print.

import { call } from '../core/api.js';
import { h } from '../core/dom.js';
import { action } from '../core/form.js';
import { day } from '../core/format.js';

const reasons = {
  os_changed: 'The system was updated, which may have reset switches. Please look through them again.',
  client_changed: 'The app was updated, which may have reset switches. Please look through them again.',
};

export function checklist(device) {
  const { items, reopenReason, reopenedAt } = device.checklist;
  const problem = h('p', { class: 'problem', role: 'alert' });
  return h('section', { class: 'card checklist' },
    h('div', { class: 'heading' }, h('h2', {}, 'Checklist'), action('Print', () => window.print())),
    h('p', { class: 'only-print' }, `Nightstand · ${device.name} · ${device.userName ?? ''}`),
    reopenReason && h('p', { class: 'hint warn' }, `${reasons[reopenReason] ?? ''} (${day(reopenedAt)})`),
    items.map((item) => entry(device, item, problem)),
    problem);
}

function entry(device, item, problem) {
  const when = h('span', { class: 'hint' }, done(item.tickedAt));
  const box = h('input', { type: 'checkbox', checked: Boolean(item.tickedAt) });
  box.addEventListener('change', async () => {
    problem.textContent = '';
    try {
      await call('PATCH', `/backup/devices/${device.id}`, { ticked: { [item.id]: box.checked } });
      when.textContent = done(box.checked && new Date());
    } catch (error) {
      box.checked = !box.checked;
      problem.textContent = error.message;
    }
  });
  return h('label', { class: 'tick' }, box, h('span', {}, item.text, ' ', when));
}

const done = (time) => (time ? `Done ${day(time)}` : '');
