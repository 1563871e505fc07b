// All files of this browser on their way: hashed, checked, sent, and what became of each.
// waiting → hashing → hashed → ready → sending → stored | duplicate | rejected | failed; `lost`: to be chosen once more.

import { call } from '../core/api.js';
import { why } from '../activity/words.js';
import { stayAwake } from './awake.js';
import { isLitter } from './files.js';
import { Hasher } from './hasher.js';
import { Ledger } from './ledger.js';
import { giveTurn, takeTurn } from './turn.js';
import { upload } from './tus.js';

const sentAtOnce = 3;
const hashedAtOnce = 2;
const checkedAtOnce = 200;
const settle = 150; // milliseconds in which hashes gather for one check
export const isOver = ({ state }) => ['stored', 'duplicate', 'rejected', 'failed'].includes(state);

class Queue extends EventTarget {
  items = [];
  isPaused = false;
  isElsewhere = false;
  note = '';
  #byKey = new Map();
  #hasher = new Hasher();
  #opening = null;
  #abort = new AbortController();
  #checking = null;
  #numbers = Date.now();
  #told = false;

  /** Reads what an earlier visit left; once. */
  open(user) {
    if (this.user && this.user.id !== user.id) this.close();
    this.user = user;
    this.#opening ??= this.#restore();
    return this.#opening;
  }

  async #restore() {
    const { id } = this.user;
    this.ledger = await Ledger.open();
    const records = await this.ledger?.all().catch(() => []) ?? [];
    if (this.user?.id !== id) return; // somebody else logged in meanwhile
    for (const record of records.filter(({ user }) => user === id)) {
      if (this.#byKey.has(record.key)) continue;
      const over = isOver(record);
      this.#take({ ...record, state: over ? record.state : record.file ? (record.sha1 ? 'ready' : 'waiting') : 'lost', sent: over ? record.size : 0 });
    }
    this.#run();
  }

  /** Adds `[{ file, path }]`. A file that was begun before goes on where it stopped. */
  async add(files) {
    await this.#opening;
    for (const { file, path } of files.filter((one) => !isLitter(one))) {
      const key = `${path}|${file.size}|${file.lastModified}`;
      const known = this.#byKey.get(key) ?? this.#lostOne(file);
      if (known && !['lost', 'failed', 'rejected'].includes(known.state)) continue;
      const item = known ?? { id: this.#numbers += 1, key, user: this.user.id, name: file.name, path, size: file.size, sha1: null, token: null, sent: 0 };
      Object.assign(item, { file, state: item.sha1 ? 'ready' : 'waiting', reason: null });
      if (!known) this.#take(item);
      this.#keep(item);
    }
    this.#run();
  }

  /** A lost file that comes without its folder is the same by name, size and time. */
  #lostOne(file) {
    const tail = `${file.name}|${file.size}|${file.lastModified}`;
    return this.items.find((item) => item.state === 'lost' && item.key.endsWith(tail));
  }

  #take(item) {
    this.items.push(item);
    this.#byKey.set(item.key, item);
  }

  #keep(item) {
    if (this.#byKey.get(item.key) !== item) return; // taken off the list meanwhile
    const { id, key, user, name, path, size, sha1, token, state, reason, asset } = item;
    return this.ledger?.put({ id, key, user, name, path, size, sha1, token, state, reason, asset }, isOver(item) ? null : item.file)
      .then((isKept) => { item.isKept = isKept; });
  }

  #run() {
    if (!this.user) return;
    const open = this.items.filter((item) => !isOver(item) && item.state !== 'lost');
    Ledger.note(this.user.id, open.length > 0 || this.items.some(({ state }) => state === 'lost'));
    this.isElsewhere = open.length > 0 && !takeTurn();
    if (open.length === 0) giveTurn();
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
      item.state = 'hashed';
      this.#checking ??= setTimeout(() => this.#check(), settle);
    } catch (error) {
      this.#end(item, 'failed', `The file cannot be read: ${error.message}`);
    }
    this.#run();
  }

  /** Asks for many at once which of them are here already. */
  async #check() {
    const some = this.items.filter(({ state }) => state === 'hashed').slice(0, checkedAtOnce);
    if (!some.length) return void (this.#checking = null);
    try {
      const { results } = await call('POST', '/assets/bulk-upload-check', { assets: some.map(({ id, sha1 }) => ({ id: String(id), checksum: sha1 })) });
      some.forEach((item, index) => {
        const { action, reason, assetId, isTrashed } = results[index];
        if (action === 'accept') {
          item.state = 'ready';
          this.#keep(item);
        } else {
          item.asset = assetId;
          this.#end(item, reason === 'duplicate' ? 'duplicate' : 'rejected', isTrashed ? 'It lies in the trash; restore it there.' : null);
        }
      });
    } catch {
      // The upload itself finds out, too: nothing is lost but one question.
      for (const item of some) item.state = 'ready';
    }
    this.#checking = this.items.some(({ state }) => state === 'hashed') ? setTimeout(() => this.#check(), settle) : null;
    this.#run();
  }

  async #send(item) {
    item.state = 'sending';
    const { signal } = this.#abort;
    try {
      const { status, asset } = await upload(item, {
        signal,
        created: () => this.#keep(item),
        sent: (bytes) => { if (bytes > item.sent) item.note = null;
          item.sent = bytes;
          this.#tell();
        },
        waiting: (text, time) => {
          item.note = text;
          this.#tell();
          return pause(time, signal);
        },
      });
      item.asset = asset;
      this.#end(item, status === 'duplicate' ? 'duplicate' : 'stored');
    } catch (error) {
      if (signal.aborted) item.state = 'ready';
      else if (error.status === 401) {
        item.state = 'ready';
        this.note = error.message;
        this.pause();
      } else this.#end(item, error.code && error.status < 500 ? 'rejected' : 'failed', why(error.code) ? `${error.message} (${why(error.code)})` : error.message);
    }
    this.#run();
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
    this.#opening = null;
    this.user = null;
    giveTurn();
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
    this.isPaused = false;
    this.note = '';
    this.#run();
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
    this.ledger?.remove([...gone].map(({ id }) => id));
    this.#run();
  }

  get isLosing() { return this.items.some((item) => !isOver(item) && item.state !== 'lost' && !item.isKept); }

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

/** Waits, but no longer than until the network is back. */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const end = (act) => () => {
      clearTimeout(timer);
      removeEventListener('online', go);
      signal.removeEventListener('abort', stop);
      act();
    };
    const go = end(resolve);
    const stop = end(() => reject(signal.reason));
    const timer = setTimeout(go, milliseconds);
    addEventListener('online', go);
    signal.addEventListener('abort', stop);
  });
}

export const queue = new Queue();

addEventListener('loggedout', () => queue.close());
addEventListener('beforeunload', (event) => { if (queue.isLosing) event.preventDefault(); });
