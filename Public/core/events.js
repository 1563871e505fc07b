// What happens on the server while the page is in sight: one stream for all screens, and for all tabs of this browser. It opens
// six connections to a server over HTTP/1.1, for all tabs together: with a stream in each the seventh would stand still.

import { address, shown } from './api.js';
import { Turn, turnPause } from './turn.js';

const kinds = ['activity', 'devices', 'progress', 'reset'];
const pause = 15_000; // milliseconds, where the server had no room for one more stream

class Events extends EventTarget {
  #source = null;
  #again = null;
  #isWanted = false;
  #user = null;
  #turn = null;
  #tabs = new BroadcastChannel('nightstand-events');
  #last = null; // id of the last thing that this tab heard of
  #hasFollowed = false;
  onState = () => {}; // called with whether the stream is up

  constructor() {
    super();
    this.#tabs.onmessage = ({ data }) => this.#heard(data);
    addEventListener('pagehide', () => this.#end());
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#end();
      else if (this.#isWanted && !this.#source) {
        this.#seek();
        this.#tell('reset', null); // what happened meanwhile was not heard
      }
    });
  }

  /** Calls `heard(data)` for every event of `kind` until `signal` aborts; opens the stream where it is not open yet. */
  on(kind, heard, signal) {
    this.addEventListener(kind, (event) => heard(event.detail), { signal });
    this.#isWanted = true;
    if (!this.#source) this.#seek();
  }

  #tell(kind, detail) { this.dispatchEvent(new CustomEvent(kind, { detail })); }

  #say(message) { this.#tabs.postMessage({ user: this.#user, ...message }); }

  /** One tab in sight holds the stream and tells the others. */
  #seek() {
    clearTimeout(this.#again);
    if (document.hidden || !this.#isWanted) return;
    if (this.#user !== shown() || !this.#turn) {
      this.#turn?.give();
      this.#user = shown();
      this.#last = null;
      this.#turn = new Turn(`nightstand-events-${this.#user}`, () => this.#follow());
    }
    if (this.#turn.take()) this.#open();
    else this.#follow();
  }

  #follow() {
    this.#source?.close();
    this.#source = null;
    this.#hasFollowed = true;
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#seek(), turnPause);
  }

  #heard({ user, kind, detail, id, isUp, isFree }) {
    if (this.#source || !this.#isWanted || document.hidden || user !== this.#user) return;
    if (isFree) this.#seek();
    else if (isUp !== undefined) this.onState(isUp);
    else {
      this.#last = id ?? this.#last;
      this.#tell(kind, detail);
    }
  }

  #open() {
    if (this.#source) return;
    // Who takes over goes on where the other tab stopped.
    const source = new EventSource(address(`/backup/events${this.#last === null ? '' : `?lastEventId=${this.#last}`}`));
    this.#source = source;
    if (this.#hasFollowed && this.#last === null) this.#tell('reset', null);
    this.#hasFollowed = false;
    for (const kind of kinds) {
      source.addEventListener(kind, (event) => {
        const detail = event.data ? JSON.parse(event.data) : null;
        this.#last = event.lastEventId || this.#last;
        this.#say({ kind, detail, id: this.#last });
        this.#tell(kind, detail);
      });
    }
    const state = (isUp) => {
      this.#say({ isUp });
      this.onState(isUp);
    };
    source.addEventListener('open', () => state(true));
    source.addEventListener('error', () => {
      state(false);
      if (source !== this.#source || source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      this.#source = null;
      this.#again = setTimeout(() => this.#seek(), pause);
    });
  }

  close() {
    this.#isWanted = false;
    this.#end();
    this.#turn = null;
  }

  #end() {
    clearTimeout(this.#again);
    this.#source?.close();
    this.#source = null;
    if (!this.#turn?.isMine) return;
    this.#turn.give();
    this.#say({ isFree: true });
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
