// The years beside the timeline, each where it begins.

import { fill, h } from '../core/dom.js';

const apart = 4; // percent of the height between two years at least

/** @param jump called with the height at which a year begins */
export function fillRail(rail, layout, jump) {
  const years = [];
  for (const month of layout.months) {
    const year = month.month.slice(0, 4);
    if (years.at(-1)?.year !== year) years.push({ year, top: month.top, share: month.top / layout.height * 100 });
  }
  let last = -apart;
  fill(rail, years.length > 1 && years.map(({ year, top, share }) => {
    if (share - last < apart) return null;
    last = share;
    const button = h('button', { type: 'button', onclick: () => jump(top) }, year);
    button.style.top = `${share}%`;
    return button;
  }));
  rail.hidden = years.length < 2;
}
