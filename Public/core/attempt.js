// What somebody asked for and did not get: said in its place, with another try. What stood there answered another question.

import { Problem } from './api.js';
import { fill, h } from './dom.js';
import { action } from './form.js';

/** Runs `act`, which fills `part`. */
export async function attempt(part, act) {
  try {
    await act();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 401) return void dispatchEvent(new Event('loginended'));
    part.shownKey = null; // what comes next is drawn, also where it is what stood there before
    fill(part, h('div', { class: 'card empty' }, h('p', { class: 'problem', role: 'alert' }, problem.message), action('Try again', () => attempt(part, act))));
  }
}
