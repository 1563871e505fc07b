// Bytes per second over the last ten seconds.

const span = 10_000;

export class Pace {
  #points = [];

  of(bytes) {
    const now = performance.now();
    if (this.#points.length && bytes < this.#points.at(-1).bytes) this.#points = [];
    this.#points.push({ now, bytes });
    while (this.#points[0].now < now - span) this.#points.shift();
    const [first] = this.#points;
    return now - first.now > 500 ? (bytes - first.bytes) / (now - first.now) * 1000 : 0;
  }
}
