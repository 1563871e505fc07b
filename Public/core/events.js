// What happens on the server while the page is in sight: one stream, shared by all screens. A browser opens six connections to
// a server over HTTP/1.1, for all tabs together: with a stream in each tab that nobody looks at, the seventh would stand still.

import { address } from './api.js';

const kinds = ['activity', 'devices', 'progress', 'reset'];
const pause = 15_000; // milliseconds, where the server had no room for one more stream

class Events extends EventTarget {
  #source = null;
  #again = null;
  #isWanted = false;
  onState = () => {}; // called with whether the stream is up

  constructor() {
    super();
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#end();
      else if (this.#isWanted && !this.#source) {
        this.#open();
        this.dispatchEvent(new CustomEvent('reset')); // what happened meanwhile was not heard
      }
    });
  }

  /** Calls `heard(data)` for every event of `kind` until `signal` aborts; opens the stream where it is not open yet. */
  on(kind, heard, signal) {
    this.addEventListener(kind, (event) => heard(event.detail), { signal });
    this.#isWanted = true;
    if (!this.#source) this.#open();
  }

  #open() {
    clearTimeout(this.#again);
    if (document.hidden) return;
    const source = new EventSource(address('/backup/events'));
    this.#source = source;
    for (const kind of kinds) {
      source.addEventListener(kind, (event) => {
        const detail = event.data ? JSON.parse(event.data) : null;
        this.dispatchEvent(new CustomEvent(kind, { detail }));
      });
    }
    source.addEventListener('open', () => this.onState(true));
    source.addEventListener('error', () => {
      this.onState(false);
      if (source !== this.#source || source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      this.#source = null;
      this.#again = setTimeout(() => this.#open(), pause);
    });
  }

  close() {
    this.#isWanted = false;
    this.#end();
  }

  #end() {
    clearTimeout(this.#again);
    this.#source?.close();
    this.#source = null;
  }
}

export const events = new Events();

/** A signal that ends with the screen: `const [signal, leave] = lifetime()`; `leave` is what the screen returns. */
export function lifetime() {
  const control = new AbortController();
  return [control.signal, () => control.abort()];
}

/** Calls `act` every `seconds` while the page is in sight, until `signal` aborts. */
export function every(seconds, act, signal) {
  const timer = setInterval(() => { if (!document.hidden) act(); }, seconds * 1000);
  signal.addEventListener('abort', () => clearInterval(timer));
}
