// QR codes (ISO/IEC 18004): bytes, correction level M, versions 1 to 15 (up to 412 bytes).

import { correction } from './reed-solomon.js';
import { blank, drawData, drawFormat, isMasked, penalty } from './symbol.js';

// Per version at level M: correction codewords in each block, and how many blocks.
const blocks = [
  [10, 1], [16, 1], [26, 1], [18, 2], [24, 2], [16, 4], [18, 4], [22, 4], [22, 5], [26, 5], [30, 5], [22, 8], [22, 9], [24, 9], [24, 10],
];

/** Codewords that fit into the symbol, correction included. */
function capacity(version) {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const aligns = Math.floor(version / 7) + 2;
    modules -= (25 * aligns - 10) * aligns - 55;
  }
  if (version >= 7) modules -= 36;
  return modules >> 3;
}

const lengthBits = (version) => (version < 10 ? 8 : 16);

/** The smallest version that holds so many bytes. */
function versionFor(length) {
  for (let version = 1; version <= blocks.length; version += 1) {
    const [correctors, count] = blocks[version - 1];
    const bits = (capacity(version) - correctors * count) * 8;
    if (4 + lengthBits(version) + length * 8 <= bits) return version;
  }
  throw new RangeError(`${length} bytes are too many for a QR code here`);
}

/** Mode, length, bytes, end, and filling up to `size` codewords. */
function dataWords(bytes, version, size) {
  const bits = [];
  const put = (value, width) => { for (let bit = width - 1; bit >= 0; bit -= 1) bits.push(value >> bit & 1); };
  put(4, 4);
  put(bytes.length, lengthBits(version));
  for (const byte of bytes) put(byte, 8);
  put(0, Math.min(4, size * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const words = [];
  for (let start = 0; start < bits.length; start += 8) words.push(parseInt(bits.slice(start, start + 8).join(''), 2));
  for (let filler = 0xec; words.length < size; filler ^= 0xec ^ 0x11) words.push(filler);
  return words;
}

/** Data and correction of all blocks, taken in turns; the later blocks are one data word longer where it does not divide. */
function interleaved(bytes, version) {
  const [correctors, count] = blocks[version - 1];
  const size = capacity(version) - correctors * count;
  const words = dataWords(bytes, version, size);
  const short = Math.floor(size / count);
  const longer = size % count;
  const parts = [];
  for (let index = 0, start = 0; index < count; index += 1) {
    const length = short + (index >= count - longer ? 1 : 0);
    parts.push(words.slice(start, start + length));
    start += length;
  }
  const checks = parts.map((part) => correction(part, correctors));
  const turns = (lists, length) => Array.from({ length }, (_, at) => lists.map((list) => list[at])).flat();
  return [...turns(parts, short + 1), ...turns(checks, correctors)].filter((word) => word !== undefined);
}

/** The modules of the code as rows of booleans, true is dark; without the quiet border. */
export function qr(text) {
  const bytes = new TextEncoder().encode(text);
  const version = versionFor(bytes.length);
  const words = interleaved(bytes, version);
  let best = null;
  for (let mask = 0; mask < 8; mask += 1) {
    const symbol = blank(version);
    drawData(symbol, words, (row, column) => isMasked(mask, row, column));
    drawFormat(symbol, mask);
    const cost = penalty(symbol.dark);
    if (!best || cost < best.cost) best = { cost, dark: symbol.dark };
  }
  return best.dark;
}
