// Hashes files beside the page, 4 MiB at a time: { id, file } in; { id, done } on the way; { id, sha1 } or { id, error } out.

import { SHA1 } from './sha1.js';

const piece = 4 << 20;

onmessage = async ({ data: { id, file } }) => {
  const sum = new SHA1();
  try {
    for (let at = 0; at < file.size; at += piece) {
      sum.update(new Uint8Array(await file.slice(at, at + piece).arrayBuffer()));
      postMessage({ id, done: Math.min(file.size, at + piece) });
    }
    postMessage({ id, sha1: sum.hex() });
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error) });
  }
};
