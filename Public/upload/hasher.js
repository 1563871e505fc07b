// Two workers that hash, so that a film does not hold up the photos behind it.

const workers = 2;

/** Hashes files in the order in which they come: `hash(file, progress)` resolves with the SHA-1 in hexadecimal. */
export class Hasher {
  #free = [];
  #waiting = [];
  #running = new Map();
  #made = 0;
  #ids = 0;

  hash(file, progress) {
    return new Promise((resolve, reject) => {
      this.#ids += 1;
      this.#waiting.push({ id: this.#ids, file, progress, resolve, reject });
      this.#next();
    });
  }

  #next() {
    if (!this.#waiting.length) return;
    const worker = this.#free.pop() ?? (this.#made < workers ? this.#make() : null);
    if (!worker) return;
    const job = this.#waiting.shift();
    this.#running.set(job.id, { ...job, worker });
    worker.postMessage({ id: job.id, file: job.file });
  }

  #make() {
    this.#made += 1;
    const worker = new Worker(new URL('hash-worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data: { id, done, sha1, error } }) => {
      const job = this.#running.get(id);
      if (done !== undefined) return job.progress?.(done);
      this.#running.delete(id);
      this.#free.push(worker);
      if (sha1) job.resolve(sha1);
      else job.reject(new Error(error));
      return this.#next();
    };
    return worker;
  }
}
