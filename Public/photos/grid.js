// Where everything on the timeline stands, from the months' counts alone: nothing moves when a month's photos are known.

const gap = 4; // pixels between photos
const head = 56; // pixels for a month's heading

/** How many columns fit, and how large a photo is then. */
function columnsFor(width) {
  const wanted = width < 560 ? 112 : 168;
  const columns = Math.max(3, Math.floor((width + gap) / (wanted + gap)));
  return { columns, size: (width - gap * (columns - 1)) / columns };
}

/**
 * Places `months` ({ month, count }, newest first) one below the other.
 * @returns months with `first` (number of photos before them) and `top`, and the whole height
 */
export function layOut(months, width) {
  const { columns, size } = columnsFor(width);
  const step = size + gap;
  let top = 0;
  let first = 0;
  const placed = months.map(({ month, count }) => {
    const rows = Math.ceil(count / columns);
    const one = { month, count, first, top, rows, height: head + rows * step };
    top += one.height;
    first += count;
    return one;
  });
  return { months: placed, height: top, total: first, columns, size, step, head };
}

/** The number of the month in which `y` lies. */
export function monthAt(layout, y) {
  let low = 0;
  let high = layout.months.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (layout.months[middle].top <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The month in which the photo with that number lies. */
export function monthOf(layout, number) {
  return layout.months.find((one) => number >= one.first && number < one.first + one.count);
}

/** The number of the first photo of the row at `y`. */
export function numberAt(layout, y) {
  const month = layout.months[monthAt(layout, Math.max(0, y))];
  return month ? month.first + Math.max(0, Math.floor((y - month.top - layout.head) / layout.step)) * layout.columns : 0;
}

/** What is between two heights: months with the range of photos in each. */
export function between(layout, from, to) {
  const found = [];
  for (let number = monthAt(layout, from); number < layout.months.length; number += 1) {
    const month = layout.months[number];
    if (month.top > to) break;
    const firstRow = Math.max(0, Math.floor((from - month.top - layout.head) / layout.step));
    const lastRow = Math.min(month.rows - 1, Math.floor((to - month.top - layout.head) / layout.step));
    found.push({ month, number, from: firstRow * layout.columns, to: Math.min(month.count, (lastRow + 1) * layout.columns) });
  }
  return found;
}

/** Left and top of a month's photo. */
export function position(layout, month, index) {
  return {
    left: (index % layout.columns) * layout.step,
    top: month.top + layout.head + Math.floor(index / layout.columns) * layout.step,
  };
}
