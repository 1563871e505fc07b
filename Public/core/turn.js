// One tab of this browser at a time has the turn, and says so every two seconds. Web Locks would do that, but browsers offer
// them on HTTPS alone.

const beat = 2000; // milliseconds
const dead = 3 * beat;
const mine = Math.random().toString(36).slice(2);

export class Turn {
  #key;
  #lost;
  #timer = null;

  /** @param lost called when two tabs took it at once, and this one stands back */
  constructor(key, lost) {
    this.#key = key;
    this.#lost = lost;
    addEventListener('pagehide', () => this.give());
  }

  /** Whether another tab has it. */
  get #isHeld() {
    const [tab, time] = (localStorage.getItem(this.#key) ?? '').split(' ');
    return Boolean(tab) && tab !== mine && Math.abs(Date.now() - Number(time)) < dead;
  }

  #say() { localStorage.setItem(this.#key, `${mine} ${Date.now()}`); }

  get isMine() { return this.#timer !== null; }

  /** Whether this tab has it; from then on until it is closed or gives it back. */
  take() {
    if (this.#isHeld) {
      if (this.isMine) this.#standBack();
      return false;
    }
    this.#say();
    this.#timer ??= setInterval(() => (this.#isHeld ? this.#standBack() : this.#say()), beat);
    return true;
  }

  #standBack() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#lost();
  }

  give() {
    clearInterval(this.#timer);
    this.#timer = null;
    if ((localStorage.getItem(this.#key) ?? '').startsWith(`${mine} `)) localStorage.removeItem(this.#key);
  }
}

/** Milliseconds after which it is worth asking again for a turn that another tab had. */
export const turnPause = beat;
