// What was begun, in the browser's own database: after a reload it goes on. Small files are kept there whole, because a
// page may not open a file again by its name; large ones have to be chosen once more.

const name = 'nightstand-uploads';
const largest = 256 << 20; // bytes of one file that is kept
const budget = 1 << 30; // bytes of all of them
const flag = 'nightstand-uploads-open';

const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

export class Ledger {
  #database;
  #held = new Map(); // id → bytes kept
  #total = 0;

  /** Null where the browser keeps nothing (some private windows): uploads work, but do not survive a reload. */
  static async open() {
    try {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore('items', { keyPath: 'id' });
        request.result.createObjectStore('files');
      };
      const ledger = new Ledger();
      ledger.#database = await settled(request);
      return ledger;
    } catch {
      return null;
    }
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

  /** Every record, with its `file` where that was kept. */
  async all() {
    const transaction = this.#database.transaction(['items', 'files'], 'readonly');
    const files = transaction.objectStore('files');
    const [records, kept, keys] = await Promise.all([settled(transaction.objectStore('items').getAll()), settled(files.getAll()), settled(files.getAllKeys())]);
    const byId = new Map(keys.map((id, index) => [id, kept[index]]));
    for (const [id, file] of byId) this.#count(id, file.size);
    return records.map((record) => ({ ...record, file: byId.get(record.id) }));
  }

  put(record) { return this.#write('items', (store) => store.put(record)); }

  /** Keeps a file while there is room; returns whether it did. */
  async hold(id, file) {
    if (this.#held.has(id)) return true;
    if (file.size > largest || this.#total + file.size > budget) return false;
    this.#count(id, file.size);
    try {
      await this.#write('files', (store) => store.put(file, id));
    } catch {
      this.#uncount(id); // the browser gives no more room
    }
    return this.#held.has(id);
  }

  async release(ids) {
    const kept = ids.filter((id) => this.#held.has(id));
    if (!kept.length) return;
    await this.#write('files', (store) => kept.forEach((id) => store.delete(id)));
    for (const id of kept) this.#uncount(id);
  }

  async remove(ids) {
    await this.#write('items', (store) => ids.forEach((id) => store.delete(id)));
    await this.release(ids);
  }
}
