// What is in each month: asked for when it comes into sight, kept for a while, forgotten before it becomes much.

import { call } from '../core/api.js';

const kept = 60_000; // photos in memory; a month is forgotten when more were looked at since

export class Months {
  #filter;
  #known = new Map();
  #asked = new Map();

  /** @param filter query fields of the timeline, such as `albumId` or `isTrashed` */
  constructor(filter) { this.#filter = filter; }

  #path(name, more = {}) { return `/timeline/${name}?${new URLSearchParams({ ...this.#filter, ...more })}`; }

  /** `[{ month, count }]`, newest first. */
  async list() {
    const months = await call('GET', this.#path('buckets'));
    return months.map(({ timeBucket, count }) => ({ month: timeBucket, count }));
  }

  /** The photos of a month where they are known already. */
  peek(month) {
    const photos = this.#known.get(month);
    if (photos) {
      this.#known.delete(month); // the last one looked at is the last to be forgotten
      this.#known.set(month, photos);
    }
    return photos;
  }

  /** The photos of a month; asked for at most once at a time. */
  async load(month) {
    const known = this.peek(month);
    if (known) return known;
    let asked = this.#asked.get(month);
    if (!asked) {
      asked = call('GET', this.#path('bucket', { timeBucket: month })).then((columns) => {
        const photos = rows(columns);
        this.#known.set(month, photos);
        this.#forget();
        return photos;
      }).finally(() => this.#asked.delete(month));
      this.#asked.set(month, asked);
    }
    return asked;
  }

  #forget() {
    let sum = 0;
    for (const [month, photos] of [...this.#known].reverse()) {
      sum += photos.length;
      if (sum > kept && photos !== [...this.#known.values()].at(-1)) this.#known.delete(month);
    }
  }

  /** Forgets what a new count of the months shows to be old. Returns which of these were known. */
  outdated(list) {
    const counts = new Map(list.map(({ month, count }) => [month, count]));
    const old = [...this.#known.keys()].filter((month) => counts.get(month) !== this.#known.get(month).length);
    for (const month of old) this.#known.delete(month);
    return old.filter((month) => counts.has(month));
  }

  /** Asks for a month again; what is known of it stays until the answer is there. */
  async again(month) {
    const before = this.#known.get(month);
    this.#known.delete(month);
    const asked = this.load(month);
    if (before) this.#known.set(month, before);
    await asked;
  }
}

function rows(columns) {
  return columns.id.map((id, index) => ({
    id, owner: columns.ownerId[index], ratio: columns.ratio[index], isImage: columns.isImage[index], isFavorite: columns.isFavorite[index],
    isTrashed: columns.isTrashed[index], thumbhash: columns.thumbhash[index], duration: columns.duration[index],
    motion: columns.livePhotoVideoId[index], received: Date.parse(columns.createdAt[index]),
    taken: Date.parse(columns.fileCreatedAt[index]) + columns.localOffsetHours[index] * 3_600_000,
  }));
}
