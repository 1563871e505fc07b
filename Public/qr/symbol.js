// The square of a QR code: finders, timing, alignment, format, and the data between them.

/** An empty symbol with its fixed patterns; `isFixed` says where no data goes. */
export function blank(version) {
  const size = version * 4 + 17;
  const grid = () => Array.from({ length: size }, () => new Array(size).fill(false));
  const symbol = { version, size, dark: grid(), isFixed: grid() };
  for (let at = 0; at < size; at += 1) {
    fix(symbol, 6, at, at % 2 === 0);
    fix(symbol, at, 6, at % 2 === 0);
  }
  for (const [row, column] of [[3, 3], [3, size - 4], [size - 4, 3]]) square(symbol, row, column, 4, (ring) => ring !== 2 && ring !== 4);
  const places = alignments(version, size);
  const last = places.length - 1;
  places.forEach((row, i) => places.forEach((column, j) => {
    const isFinder = (i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0);
    if (!isFinder) square(symbol, row, column, 2, (ring) => ring !== 1);
  }));
  drawFormat(symbol, 0);
  if (version >= 7) drawVersion(symbol);
  return symbol;
}

function fix(symbol, row, column, isDark) {
  if (row < 0 || column < 0 || row >= symbol.size || column >= symbol.size) return;
  symbol.dark[row][column] = isDark;
  symbol.isFixed[row][column] = true;
}

function square(symbol, row, column, radius, isDark) {
  for (let down = -radius; down <= radius; down += 1) {
    for (let right = -radius; right <= radius; right += 1) {
      fix(symbol, row + down, column + right, isDark(Math.max(Math.abs(down), Math.abs(right))));
    }
  }
}

/** Centres of the alignment patterns, in either direction. */
function alignments(version, size) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  const places = [6];
  for (let at = size - 7; places.length < count; at -= step) places.splice(1, 0, at);
  return places;
}

/** `value` followed by its remainder after division by `divisor`, whose highest power is `degree`. */
function withRemainder(value, divisor, degree) {
  let rest = value;
  for (let bit = 0; bit < degree; bit += 1) rest = rest << 1 ^ (rest >> degree - 1 & 1) * divisor;
  return value << degree | rest;
}

/** Level M and the mask, twice, around the finders; and the one module that is always dark. */
export function drawFormat(symbol, mask) {
  const bits = withRemainder(mask, 0x537, 10) ^ 0x5412; // level M is 00
  const bit = (index) => (bits >> index & 1) === 1;
  const { size } = symbol;
  for (let at = 0; at < 6; at += 1) fix(symbol, at, 8, bit(at));
  fix(symbol, 7, 8, bit(6));
  fix(symbol, 8, 8, bit(7));
  fix(symbol, 8, 7, bit(8));
  for (let at = 9; at < 15; at += 1) fix(symbol, 8, 14 - at, bit(at));
  for (let at = 0; at < 8; at += 1) fix(symbol, 8, size - 1 - at, bit(at));
  for (let at = 8; at < 15; at += 1) fix(symbol, size - 15 + at, 8, bit(at));
  fix(symbol, size - 8, 8, true);
}

function drawVersion(symbol) {
  const bits = withRemainder(symbol.version, 0x1f25, 12);
  for (let index = 0; index < 18; index += 1) {
    const isDark = (bits >> index & 1) === 1;
    const far = symbol.size - 11 + index % 3;
    const near = Math.floor(index / 3);
    fix(symbol, near, far, isDark);
    fix(symbol, far, near, isDark);
  }
}

/** Fills what is free, two columns at a time, up and down from the right; the timing column is left out. */
export function drawData(symbol, words, isMasked) {
  const { size } = symbol;
  let bit = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const isUp = (right + 1 & 2) === 0;
      const row = isUp ? size - 1 - step : step;
      for (const column of [right, right - 1]) {
        if (symbol.isFixed[row][column]) continue;
        const value = bit < words.length * 8 ? words[bit >> 3] >> 7 - (bit & 7) & 1 : 0;
        symbol.dark[row][column] = (value === 1) !== isMasked(row, column);
        bit += 1;
      }
    }
  }
}

export function isMasked(mask, row, column) {
  const sum = row * column;
  switch (mask) {
    case 0: return (row + column) % 2 === 0;
    case 1: return row % 2 === 0;
    case 2: return column % 3 === 0;
    case 3: return (row + column) % 3 === 0;
    case 4: return (Math.floor(row / 2) + Math.floor(column / 3)) % 2 === 0;
    case 5: return sum % 2 + sum % 3 === 0;
    case 6: return (sum % 2 + sum % 3) % 2 === 0;
    default: return ((row + column) % 2 + sum % 3) % 2 === 0;
  }
}

/** How hard the symbol is to read: long runs, blocks of 2 by 2, what looks like a finder, too dark or too light. */
export function penalty(dark) {
  const size = dark.length;
  const columns = dark.map((_, column) => dark.map((row) => row[column]));
  let cost = 0;
  for (const line of [...dark, ...columns]) {
    const text = line.map((module) => (module ? '1' : '0')).join('');
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) cost += run.length - 2;
    cost += 40 * (text.match(/(?=10111010000|00001011101)/g) ?? []).length;
  }
  for (let row = 1; row < size; row += 1) {
    for (let column = 1; column < size; column += 1) {
      const module = dark[row][column];
      if (module === dark[row - 1][column] && module === dark[row][column - 1] && module === dark[row - 1][column - 1]) cost += 3;
    }
  }
  const share = dark.flat().filter(Boolean).length * 20 / (size * size);
  return cost + 10 * Math.max(0, Math.ceil(Math.abs(share - 10)) - 1);
}
