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
      request.onupgradeneeded = () => request.result.createObjectStore('items', { keyPath: 'id' });
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

  #store(mode) { return this.#database.transaction('items', mode).objectStore('items'); }

  #hold(id, size) {
    this.#total += size - (this.#held.get(id) ?? 0);
    if (size > 0) this.#held.set(id, size);
    else this.#held.delete(id);
  }

  async all() {
    const records = await settled(this.#store('readonly').getAll());
    for (const { id, file } of records) this.#hold(id, file?.size ?? 0);
    return records;
  }

  /** Writes a record; its file with it while there is room, and until it is over. */
  async put(record, file) {
    this.#hold(record.id, 0);
    const isKept = Boolean(file) && file.size <= largest && this.#total + file.size <= budget;
    this.#hold(record.id, isKept ? file.size : 0);
    try {
      await settled(this.#store('readwrite').put(isKept ? { ...record, file } : record));
      return isKept;
    } catch {
      this.#hold(record.id, 0);
      await settled(this.#store('readwrite').put(record)).catch(() => {});
      return false;
    }
  }

  async remove(ids) {
    const store = this.#store('readwrite');
    for (const id of ids) {
      store.delete(id);
      this.#hold(id, 0);
    }
  }
}
