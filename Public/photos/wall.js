// A timeline with everything that belongs to it: years, selection, viewer. Photos, trash and albums are such walls.

import { fill, h } from '../core/dom.js';
import { every } from '../core/events.js';
import { Months } from './months.js';
import { Selection } from './selection.js';
import { Timeline } from './timeline.js';

/** @param options `{ kind, filter, user, signal, counted, empty, album }` */
export function wall({ kind, filter, user, signal, counted, empty, album }) {
  const months = new Months(filter);
  const problem = h('p', { class: 'problem', role: 'alert' });
  const nothing = h('div', {});
  const reload = () => timeline.load();
  const selection = new Selection(kind, reload, album);
  const timeline = new Timeline(months, {
    selection,
    open: (photo, number) => view({ number, photo }),
    counted: (total) => {
      timeline.element.hidden = total === 0;
      fill(nothing, total === 0 && empty);
      counted?.(total);
    },
    failed: (error) => { problem.textContent = error.message; },
  }, signal);
  let isViewing = false;
  const view = async (what) => {
    if (isViewing) return;
    isViewing = true;
    try {
      const { view: open } = await import('./viewer.js');
      await open({ timeline, kind, user, changed: reload, ...what });
    } finally {
      isViewing = false;
    }
  };
  every(4, () => timeline.lookAgain().catch(() => {}), signal);
  signal.addEventListener('abort', () => {
    document.body.classList.remove('selecting');
    document.querySelector('dialog.viewer')?.close();
  });
  return {
    element: h('div', { class: 'wall' }, problem, nothing, timeline.element, timeline.rail, timeline.bubble, selection.bar),
    load: async () => {
      await reload();
      import('./viewer.js').catch(() => {}); // behind the photos, so that the first one opens at once
    },
    /** Opens a photo by its id, wherever it stands. */
    open: (id) => view({ id }),
  };
}
