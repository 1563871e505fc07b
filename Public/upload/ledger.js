// What was begun, in the browser's own database: after a reload it goes on. Small files are kept there whole, because a
// page may not open a file again by its name; large ones have to be chosen once more.

const name = 'nightstand-uploads';
const largest = 256 << 20; // bytes of one file that is kept
const budget = 1 << 30; // bytes of all of them
const flag = 'nightstand-uploads-open';
const recordsAtOnce = 500;
const filesAtOnce = 50; // the browser copies each

const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

function database() {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore('items', { keyPath: 'id' });
    request.result.createObjectStore('files');
  };
  return settled(request);
}

function* pieces(list, size) {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}

export class Ledger {
  #database;
  #held = new Map(); // id → bytes kept
  #total = 0;

  /** Null where the browser keeps nothing (some private windows): uploads work, but do not survive a reload. */
  static async open() {
    try {
      const ledger = new Ledger();
      ledger.#database = await database();
      return ledger;
    } catch {
      return null;
    }
  }

  /** Nothing of this person's stays in the browser: they logged out, and it may be everybody's. */
  static async forget(user) {
    Ledger.note(user, false);
    const ledger = await Ledger.open();
    await ledger?.remove((await ledger.#records(user)).map(({ id }) => id));
    ledger?.#database.close();
  }

  /** Notes whether somebody began something in this browser that is not over: the page asks for that before it loads any of this. */
  static note(user, isOpen) {
    if (isOpen) localStorage.setItem(`${flag}-${user}`, '1');
    else localStorage.removeItem(`${flag}-${user}`);
  }

  /** Resolves when what `act(store)` does is written: a page that is closed then has lost nothing of it. */
  #write(store, act) {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(store, 'readwrite');
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      act(transaction.objectStore(store));
    });
  }

  #count(id, size) {
    this.#uncount(id);
    this.#held.set(id, size);
    this.#total += size;
  }

  #uncount(id) {
    this.#total -= this.#held.get(id) ?? 0;
    this.#held.delete(id);
  }

  async #records(user) {
    const records = await settled(this.#database.transaction('items').objectStore('items').getAll());
    return records.filter((record) => record.user === user);
  }

  /** Every record of a person, with its `file` where that was kept. What others left does not take away from their room. */
  async all(user) {
    const records = await this.#records(user);
    const files = this.#database.transaction('files').objectStore('files');
    const kept = await Promise.all(records.map(({ id }) => settled(files.get(id))));
    records.forEach(({ id }, at) => { if (kept[at]) this.#count(id, kept[at].size); });
    return records.map((record, at) => ({ ...record, file: kept[at] }));
  }

  put(record) { return this.#write('items', (store) => store.put(record)); }

  /**
   * Writes down what is begun: all records first, then the files while there is room. A transaction for each would take a minute
   * and a half for the 4,000 photos of a card, and whatever is not written is forgotten by a reload.
   * @param record what is to be written of an item at that moment; null where it is over
   */
  async begin(items, record) {
    for (const some of pieces(items, recordsAtOnce)) {
      const records = some.map(record).filter(Boolean);
      await this.#write('items', (store) => records.forEach((one) => store.put(one)));
    }
    for (const some of pieces(items, filesAtOnce)) await this.#hold(some.filter((item) => record(item) && item.file));
  }

  /** Keeps files; each says `isKept` then. */
  async #hold(items) {
    const fresh = items.filter(({ id, file: { size } }) => {
      if (this.#held.has(id) || size > largest || this.#total + size > budget) return false;
      this.#count(id, size);
      return true;
    });
    try {
      if (fresh.length) await this.#write('files', (store) => fresh.forEach(({ id, file }) => store.put(file, id)));
    } catch {
      for (const { id } of fresh) this.#uncount(id); // the browser gives no more room, or one of them cannot be read
      if (fresh.length > 1) for (const one of fresh) await this.#hold([one]);
    }
    for (const item of items) item.isKept = this.#held.has(item.id);
  }

  async release(ids) {
    const kept = ids.filter((id) => this.#held.has(id));
    if (!kept.length) return;
    await this.#write('files', (store) => kept.forEach((id) => store.delete(id)));
    for (const id of kept) this.#uncount(id);
  }

  async remove(ids) {
    await this.#write('items', (store) => ids.forEach((id) => store.delete(id)));
    await this.#write('files', (store) => ids.forEach((id) => store.delete(id)));
    for (const id of ids) this.#uncount(id);
  }
}
