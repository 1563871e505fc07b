// How much of a file goes into one request. A proxy may take less than this page would like to send (nginx, as it comes: 1 MB):
// then half of it is tried, and what passes is remembered for a week.

const largest = 16 << 20; // bytes; also what is lost at most when a connection breaks
export const smallestChunk = 512 << 10;
const key = 'nightstand-chunk';
const week = 7 * 86_400_000;

function remembered() {
  const [size, until] = (localStorage.getItem(key) ?? '').split(' ').map(Number);
  return size >= smallestChunk && size < largest && until > Date.now() ? size : largest;
}

let size = remembered();

export const chunkSize = () => size;

/** A request with so many bytes was too large for whatever stands before the server. Returns whether there is a smaller one to try. */
export function tooLarge(sent) {
  while (size >= sent && size > smallestChunk) size /= 2;
  localStorage.setItem(key, `${size} ${Date.now() + week}`);
  return size < sent;
}
