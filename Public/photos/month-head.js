// What stands above a month's photos.

import { h } from '../core/dom.js';

const names = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric', timeZone: 'UTC' });
export const monthName = (month) => names.format(new Date(month));

/** @param toggle called to select all of the month, or none */
export function monthHead({ month, count, top }, toggle) {
  const all = h('button', { type: 'button', class: 'select-month', 'aria-label': `Select ${monthName(month)}`, onclick: toggle }, 'Select');
  const head = h('div', { class: 'month' }, h('h2', {}, monthName(month)), h('span', { class: 'hint' }, String(count)), all);
  head.style.transform = `translateY(${top}px)`;
  return head;
}
