// Where an arrow key leads from a photo: left and right through all of them, up and down within the columns.

export function step(layout, number, key) {
  const last = layout.total - 1;
  switch (key) {
    case 'ArrowLeft': return Math.max(0, number - 1);
    case 'ArrowRight': return Math.min(last, number + 1);
    case 'Home': return 0;
    case 'End': return last;
    case 'ArrowUp': return vertical(layout, number, -1);
    case 'ArrowDown': return vertical(layout, number, 1);
    default: return number;
  }
}

function vertical(layout, number, by) {
  const at = layout.months.findIndex((one) => number >= one.first && number < one.first + one.count);
  const month = layout.months[at];
  const index = number - month.first;
  const column = index % layout.columns;
  const row = Math.floor(index / layout.columns) + by;
  if (row >= 0 && row < month.rows) return month.first + Math.min(month.count - 1, row * layout.columns + column);
  const other = layout.months[at + by];
  return other ? other.first + Math.min(other.count - 1, (by > 0 ? 0 : other.rows - 1) * layout.columns + column) : number;
}
