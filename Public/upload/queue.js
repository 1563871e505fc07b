// All files of this browser on their way: hashed, checked, sent, and what became of each.
// waiting → hashing → hashed → ready → sending → stored | duplicate | trashed | rejected | failed; `lost`: to be chosen once more;
// `recalled`: was stored, says this browser, and the server is asked whether it still is.

import { why } from '../activity/words.js';
import { call } from '../core/api.js';
import { Turn } from '../core/turn.js';
import { stayAwake } from './awake.js';
import { Comparison } from './comparison.js';
import { isLitter } from './files.js';
import { Hasher } from './hasher.js';
import { Ledger } from './ledger.js';
import { isOthers, upload } from './tus.js';
import { wait } from './wait.js';

const sentAtOnce = 3;
const hashedAtOnce = 2;
const silence = 5000; // milliseconds until the server is asked again what it did not answer
const isSaved = ({ state }) => state === 'stored' || state === 'duplicate';
export const isOver = (item) => isSaved(item) || ['trashed', 'rejected', 'failed'].includes(item.state);
/** On its way to the server; `recalled` ones take no turn and no connection. */
const isOpen = (item) => !isOver(item) && item.state !== 'lost' && item.state !== 'recalled';

const recordOf = ({ id, key, base, user, name, path, size, sha1, token, isBegun, state, reason, asset }) =>
  ({ id, key, base, user, name, path, size, sha1, token, isBegun, state, reason, asset });

/** Unlike `crypto.randomUUID` this is there on plain HTTP, too. */
const freshId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

class Queue extends EventTarget {
  items = [];
  isPaused = false;
  isElsewhere = false;
  isLoggedOut = false;
  note = '';
  #byKey = new Map();
  #hasher = new Hasher();
  #opening = null;
  #abort = new AbortController();
  #comparison = new Comparison((item, found, problem) => this.#compared(item, found, problem), () => this.#run());
  #told = false;
  #turn = new Turn('nightstand-upload-tab', () => { this.#stop(); this.#run(); }); // so that two tabs do not send the same

  /** Reads what an earlier visit left; once. */
  open(user) {
    if (this.user && this.user.id !== user.id) this.close();
    this.user = user;
    if (this.isLoggedOut) this.resume();
    this.#opening ??= this.#restore();
    return this.#opening;
  }

  async #restore() {
    const { id } = this.user;
    this.ledger = await Ledger.open();
    const records = await this.ledger?.all(id).catch(() => []) ?? [];
    if (this.user?.id !== id) return; // somebody else logged in meanwhile
    for (const record of records) {
      if (this.#byKey.has(record.key)) continue;
      const over = isOver(record);
      const item = { ...record, state: over ? record.state : record.file ? (record.sha1 ? 'ready' : 'waiting') : 'lost', sent: over ? record.size : 0, isKept: Boolean(record.file) };
      this.#take(item);
      if (isSaved(item) || item.state === 'trashed') this.#recall(item);
    }
    this.#run();
  }

  /** Adds `[{ file, path }]` that `owner` chose. A file that was begun before goes on where it stopped. */
  async add(files, owner) {
    await this.#opening;
    if (this.user?.id !== owner) return; // to read a dropped folder takes its time: somebody else logged in meanwhile
    const wanted = files.filter((one) => !isLitter(one)).map((one) => ({ ...one, key: one.file ? `${one.path}|${one.file.size}|${one.file.lastModified}` : unread(one.path) }));
    // What was stored and is chosen again is read again: the server may have lost it, and another file may have its name, size and time.
    this.forget(wanted.flatMap(({ key, path }) => [this.#byKey.get(key), this.#byKey.get(unread(path))])
      .filter((item) => item && (isSaved(item) || ['trashed', 'recalled'].includes(item.state) || item.key === unread(item.path))));
    const lost = this.#lostOnes();
    const begun = [];
    for (const { file, path, key, problem } of wanted) {
      if (problem) {
        this.#take({ id: freshId(), key, user: this.user.id, name: path, path, size: 0 });
        this.#end(this.#byKey.get(key), 'failed', problem);
        continue;
      }
      let known = this.#byKey.get(key) ?? lost.get(`${file.name}|${file.size}|${file.lastModified}`);
      let name = key;
      // One of that path, size and time is on its way: what it holds says whether this is another.
      for (let count = 2; known && !['lost', 'failed', 'rejected'].includes(known.state); count += 1) {
        name = `${key}|${count}`;
        known = this.#byKey.get(name);
      }
      const item = known ?? { id: freshId(), key: name, base: key, user: this.user.id, name: file.name, path, size: file.size, sha1: null, token: null, sent: 0 };
      Object.assign(item, { file, state: item.sha1 ? 'ready' : 'waiting', reason: null });
      if (!known) this.#take(item);
      begun.push(item);
    }
    this.#run();
    await this.ledger?.begin(begun, (item) => (this.#isHere(item) && !isOver(item) ? recordOf(item) : null)).catch(() => {});
  }

  /** A lost file that comes without its folder is the same by name, size and time. */
  #lostOnes() {
    return new Map(this.items.filter(({ state }) => state === 'lost').map((item) => [[item.name, ...item.key.split('|').slice(-2)].join('|'), item]));
  }

  #take(item) {
    this.items.push(item);
    this.#byKey.set(item.key, item);
  }

  /** Whether it was neither taken off the list meanwhile, nor left by a login that ended. */
  #isHere(item) { return this.#byKey.get(item.key) === item; }

  /** Writes down where it stands. What is not written down goes on all the same, as long as the page is open. */
  async #keep(item) {
    if (!this.#isHere(item)) return;
    await this.ledger?.put(recordOf(item)).catch(() => {});
    if (isOver(item) && item.state !== 'failed') await this.ledger?.release([item.id]).catch(() => {});
  }

  #run() {
    if (!this.user) return;
    const open = this.items.filter(isOpen);
    Ledger.note(this.user.id, open.length > 0 || this.items.some(({ state }) => state === 'lost'));
    this.isElsewhere = open.length > 0 && !this.#turn.take();
    if (open.length === 0) this.#turn.give();
    const isBusy = open.length > 0 && !this.isPaused && !this.isElsewhere;
    stayAwake(isBusy);
    this.#tell();
    if (this.isElsewhere) {
      clearTimeout(this.asking);
      this.asking = setTimeout(() => this.#run(), 5000);
    }
    if (!isBusy) return;
    const start = (from, to, limit, act) => {
      const free = limit - open.filter(({ state }) => state === to).length;
      if (free > 0) open.filter(({ state }) => state === from).slice(0, free).forEach(act);
    };
    start('waiting', 'hashing', hashedAtOnce, (item) => this.#hash(item));
    start('ready', 'sending', sentAtOnce, (item) => this.#send(item));
  }

  async #hash(item) {
    item.state = 'hashing';
    try {
      item.sha1 = await this.#hasher.hash(item.file, (done) => { item.hashed = done; this.#tell(); });
      if (!this.#isHere(item)) return;
      if (this.#isTwin(item)) return this.forget([item]);
      item.state = 'hashed';
      this.#comparison.add(item);
    } catch (error) {
      this.#end(item, 'failed', `The file cannot be read: ${error.message}`);
    }
    this.#run();
  }

  /** The same file, chosen once more while it was on its way. */
  #isTwin({ id, base, sha1 }) { return this.items.some((other) => other.id !== id && base && other.base === base && other.sha1 === sha1); }

  /** Asks the server whether it has what this browser takes to be there: it may have been deleted, or put back to an older state. */
  #recall(item) {
    Object.assign(item, { was: isSaved(item) ? item.state : 'duplicate', state: 'recalled' });
    this.#comparison.add(item);
    this.#tell();
  }

  #compared(item, found, problem) {
    if (!this.#isHere(item)) return;
    if (problem && isOthers(problem)) this.#loggedOut(problem);
    if (!found && item.state === 'recalled') {
      item.note = problem?.message ?? 'The server did not say whether it is there.';
      setTimeout(() => { if (this.#isHere(item)) this.#comparison.add(item); }, silence);
    } else if (!found || found.action === 'accept') {
      const isGone = item.state === 'recalled';
      Object.assign(item, isGone ? { token: null, asset: null, isBegun: false, sent: 0, note: null } : {},
        isGone && !item.file ? { state: 'lost', reason: 'It was stored, but the server does not have it any more.' } : { state: 'ready', reason: null });
      this.#keep(item);
    } else {
      item.asset = found.assetId;
      const state = found.reason !== 'duplicate' ? 'rejected' : found.isTrashed ? 'trashed' : item.was ?? 'duplicate';
      this.#end(item, state, found.isTrashed ? 'It lies in the trash.' : null);
    }
  }

  async #send(item) {
    item.state = 'sending';
    const { signal } = this.#abort;
    try {
      const { status, asset } = await upload(item, {
        signal,
        keep: () => this.#keep(item),
        isTaken: (token) => this.items.some((other) => other !== item && other.token === token),
        sent: (bytes) => {
          if (bytes > item.sent) item.note = null;
          item.sent = bytes;
          this.#tell();
        },
        waiting: (text, time) => {
          item.note = text;
          this.#tell();
          return wait(time, signal);
        },
      });
      item.asset = asset;
      if (status === 'duplicate') {
        Object.assign(item, { state: 'duplicate', file: null, sent: item.size });
        this.#recall(item); // its twin may lie in the trash
      } else this.#end(item, 'stored');
    } catch (error) {
      if (signal.aborted) item.state = 'ready';
      else if (isOthers(error)) {
        item.state = 'ready';
        this.#loggedOut(error);
      } else if (error.status === 507) {
        item.state = 'ready';
        this.note = error.message;
        this.pause();
      } else this.#end(item, error.isFinal ? 'rejected' : 'failed', reason(error));
    }
    this.#run();
  }

  /** The login that this began under is over, or another tab logged somebody else in: the page has to ask who is there. */
  #loggedOut(problem) {
    if (this.isLoggedOut) return;
    this.isLoggedOut = true;
    this.note = problem.message;
    this.pause();
    dispatchEvent(new Event('loginended'));
  }

  #end(item, state, reason = null) {
    Object.assign(item, { state, reason, sent: item.size, note: null, file: state === 'failed' ? item.file : null });
    this.#keep(item);
  }

  /** The login ended: nothing more is sent, least of all into the account of whoever logs in next. */
  close() {
    this.#stop();
    this.items = [];
    this.#byKey.clear();
    this.#comparison.clear();
    this.#opening = null;
    this.user = null;
    this.isPaused = this.isLoggedOut = false;
    this.note = '';
    this.#turn.give();
    stayAwake(false);
    this.#tell();
  }

  #stop() {
    this.#abort.abort(new DOMException('stopped', 'AbortError'));
    this.#abort = new AbortController();
  }

  pause() {
    this.isPaused = true;
    this.#stop();
    this.#run();
  }

  resume() {
    this.isPaused = this.isLoggedOut = false;
    this.note = '';
    this.#run();
  }

  /** Takes `items` out of the trash, and asks whether they are there then. */
  async restore(items) {
    await call('POST', '/trash/restore/assets', { ids: items.map(({ asset }) => asset) });
    for (const item of items) this.#recall(item);
  }

  /** Tries again what failed and may go through now. */
  retry() {
    for (const item of this.items) {
      if (item.state === 'failed' && item.file) Object.assign(item, { state: item.sha1 ? 'ready' : 'waiting', reason: null, sent: 0 });
    }
    this.resume();
  }

  /** Takes items off the list; what the server has of them expires there. */
  forget(items) {
    const gone = new Set(items);
    this.items = this.items.filter((item) => !gone.has(item));
    for (const item of gone) this.#byKey.delete(item.key);
    this.ledger?.remove([...gone].map(({ id }) => id)).catch(() => {});
    this.#run();
  }

  get isLosing() { return this.items.some((item) => isOpen(item) && !item.isKept); }

  /** At most four times a second, however fast the bytes go. */
  #tell() {
    if (this.#told) return;
    this.#told = true;
    setTimeout(() => {
      this.#told = false;
      this.dispatchEvent(new Event('change'));
    }, 250);
  }
}

const unread = (path) => `${path}|unread`;

const reason = ({ message, code }) => (why(code) ? `${message} (${why(code)})` : message);

export const queue = new Queue();

addEventListener('loggedout', () => queue.close());
addEventListener('beforeunload', (event) => { if (queue.isLosing) event.preventDefault(); });
