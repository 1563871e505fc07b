// What holds the timeline still while it grows or is laid out anew: the photo at the top of the screen stays there.

import { monthAt, numberAt, position } from './grid.js';

/** What stands at the height `y`: a photo, and where its month is not known yet, how far into the month; null above all. */
export function anchorAt(layout, months, y) {
  if (y <= 0 || !layout.months.length) return null;
  const month = layout.months[monthAt(layout, y)];
  const index = numberAt(layout, y) - month.first;
  return {
    month: month.month, share: (y - month.top) / month.height,
    id: months.peek(month.month)?.[index]?.id, into: y - position(layout, month, index).top,
  };
}

/** The height at which the same stands now. */
export function heightOf({ month, share, id, into }, layout, months) {
  const found = layout.months.find((one) => one.month <= month) ?? layout.months.at(-1);
  if (!found) return 0;
  const index = id ? months.peek(found.month)?.findIndex((photo) => photo.id === id) ?? -1 : -1;
  return index >= 0 ? position(layout, found, index).top + into : found.top + (found.month === month ? share * found.height : 0);
}
