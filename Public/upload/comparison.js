// Asks for many hashes at once which of them are here already.

import { call } from '../core/api.js';

const atOnce = 200;
const settle = 150; // milliseconds in which hashes gather for one question

export class Comparison {
  #waiting = [];
  #timer = null;

  /** @param found called for each item with what the server said of it, null and the problem where it did not answer; @param done after each round */
  constructor(found, done) { Object.assign(this, { found, done }); }

  add(item) {
    this.#waiting.push(item);
    this.#timer ??= setTimeout(() => this.#ask(), settle);
  }

  /** What waits is asked no more: it is of a login that ended. */
  clear() { this.#waiting = []; }

  async #ask() {
    const some = this.#waiting.splice(0, atOnce);
    if (!some.length) return void (this.#timer = null);
    let results = [];
    let problem = null;
    try {
      ({ results } = await call('POST', '/assets/bulk-upload-check', { assets: some.map(({ id, sha1 }) => ({ id: String(id), checksum: sha1 })) }, { as: some[0].user }));
    } catch (error) {
      problem = error;
    }
    some.forEach((item, index) => this.found(item, results[index] ?? null, problem));
    this.#timer = this.#waiting.length ? setTimeout(() => this.#ask(), settle) : null;
    this.done();
  }
}
