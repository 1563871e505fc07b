// Hands a response over as a file of the visitor's.

import { h } from './dom.js';

export async function save(response, name) {
  const url = URL.createObjectURL(await response.blob());
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Lets the browser download an address by itself: nothing is held in memory here. */
export function download(address, name) {
  h('a', { href: address, download: name }).click();
}
