// The timeline: as many elements as fit on the screen and a little more, however many photos there are.

import { h } from '../core/dom.js';
import { anchorAt, heightOf } from './anchor.js';
import { cell, dress, drop, picture } from './cell.js';
import { between, layOut, monthAt, monthOf, numberAt, position } from './grid.js';
import { monthHead, monthName } from './month-head.js';
import { insert } from './order.js';
import { onLongPress } from './press.js';
import { fillRail } from './rail.js';
import { step } from './steps.js';

const settled = 90; // milliseconds without scrolling until pictures are asked for

export class Timeline {
  /**
   * @param months a `Months`
   * @param options `{ selection, open(photo, index), empty }`
   */
  constructor(months, options, signal) {
    this.months = months;
    this.options = options;
    this.signal = signal;
    this.element = h('div', { class: 'timeline', role: 'group', 'aria-label': 'Timeline' });
    this.rail = h('nav', { class: 'rail', 'aria-label': 'Years' });
    this.bubble = h('div', { class: 'bubble', 'aria-hidden': 'true' });
    this.cells = new Map();
    this.heads = new Map();
    this.spare = new Map();
    this.focused = 0;
    this.layout = layOut([], 1000);
    const listen = (target, kind, heard, more) => target.addEventListener(kind, heard, { signal, ...more });
    listen(window, 'scroll', () => this.#scrolled(), { passive: true });
    listen(this.element, 'keydown', (event) => this.#key(event));
    listen(this.element, 'click', (event) => this.#click(event));
    onLongPress(this.element, '.photo', (element) => {
      this.pressed = true;
      if (element.photo) this.options.selection.toggle(element.photo);
    }, () => { this.pressed = false; }, signal);
    const resized = new ResizeObserver(() => this.#resize());
    resized.observe(this.element);
    signal.addEventListener('abort', () => {
      resized.disconnect();
      clearTimeout(this.settling);
    });
    options.selection.onChange = () => this.draw();
  }

  get total() { return this.layout.total; }

  /** Asks what there is. The photo at the top of the screen stays there, when others came above it. */
  async load() {
    const list = await this.months.list();
    const anchor = anchorAt(this.layout, this.months, this.#offset());
    // What is on the screen is replaced at once, not first taken away.
    await Promise.all(this.months.outdated(list).slice(-4).map((month) => this.months.load(month)));
    if (this.signal.aborted) return;
    this.list = list;
    this.#place();
    if (anchor) scrollTo(0, this.#above() + heightOf(anchor, this.layout, this.months));
    this.draw();
    this.options.counted?.(this.layout.total);
  }

  #place() {
    this.layout = layOut(this.list ?? [], this.element.clientWidth || 1);
    this.element.style.height = `${this.layout.height}px`;
    // Elements of photos that stay are moved, so that their pictures do not blink.
    for (const element of this.cells.values()) {
      if (element.photo) this.spare.set(element.photo.id, element);
      else drop(element);
    }
    for (const element of this.heads.values()) element.remove();
    this.cells.clear();
    this.heads.clear();
    fillRail(this.rail, this.layout, (top) => scrollTo(0, this.#above() + top - 8));
  }

  #resize() {
    if (!this.list || this.width === this.element.clientWidth) return;
    this.width = this.element.clientWidth;
    const anchor = anchorAt(this.layout, this.months, this.#offset());
    this.#place();
    if (anchor) scrollTo(0, this.#above() + heightOf(anchor, this.layout, this.months));
    this.draw();
  }

  #offset() { return scrollY - this.#above(); }
  #above() { return this.element.getBoundingClientRect().top + scrollY; }

  #scrolled() {
    this.draw();
    this.bubble.classList.add('shown');
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.bubble.classList.remove('shown');
      this.#pictures();
    }, settled);
  }

  /** Brings the elements into line with what is in sight. */
  draw() {
    if (this.signal.aborted) return;
    const y = this.#offset();
    const ahead = innerHeight;
    const wanted = new Set();
    const wantedHeads = new Set();
    for (const { month, from, to } of between(this.layout, y - ahead, y + innerHeight + ahead)) {
      wantedHeads.add(month.month);
      this.#head(month);
      const photos = this.months.peek(month.month);
      if (!photos) this.#fetch();
      for (let index = from; index < to; index += 1) {
        wanted.add(month.first + index);
        this.#cell(month, index, photos?.[index]);
      }
    }
    for (const element of this.spare.values()) drop(element);
    this.spare.clear();
    for (const [number, element] of this.cells) {
      if (wanted.has(number)) continue;
      if (element.contains(document.activeElement)) this.refocus = number;
      drop(element);
      this.cells.delete(number);
    }
    for (const [month, element] of this.heads) {
      if (!wantedHeads.has(month)) { element.remove(); this.heads.delete(month); }
    }
    const at = this.layout.months[monthAt(this.layout, Math.max(0, y))];
    if (at) this.bubble.textContent = monthName(at.month);
    if (!this.settling) this.settling = setTimeout(() => this.#pictures(), settled);
  }

  /** Asks for the months near the screen. */
  #fetch() {
    clearTimeout(this.fetching);
    // Whoever drags through ten years does not want all of them.
    this.fetching = setTimeout(async () => {
      const y = this.#offset();
      const near = between(this.layout, y - innerHeight, y + 2 * innerHeight).map((one) => one.month.month);
      const results = await Promise.allSettled(near.map((name) => this.months.load(name)));
      if (this.signal.aborted) return;
      const failed = results.find(({ status }) => status === 'rejected');
      if (failed) this.options.failed?.(failed.reason);
      // Something came or went since the months were counted: count again, once.
      const known = new Map(this.layout.months.map((one) => [one.month, one.count]));
      const isOld = results.some((result, at) => result.status === 'fulfilled' && known.get(near[at]) !== result.value.length);
      if (isOld && !this.recounted) {
        this.recounted = true;
        await this.load();
        this.recounted = false;
      }
      this.draw();
      this.#pictures();
      this.isKnown = true;
    }, this.isKnown ? settled : 0);
  }

  #head(month) {
    if (this.heads.has(month.month)) return;
    const head = monthHead(month, async () => this.options.selection.toggleAll(await this.months.load(month.month)));
    this.heads.set(month.month, head);
    insert(this.element, head, month.first - 0.5);
  }

  #cell(month, index, photo) {
    const number = month.first + index;
    let element = this.cells.get(number);
    if (!element) {
      element = (photo && this.spare.get(photo.id)) ?? cell();
      if (photo) this.spare.delete(photo.id);
      const { left, top } = position(this.layout, month, index);
      element.style.transform = `translate(${left}px, ${top}px)`;
      element.style.width = element.style.height = `${this.layout.size}px`;
      element.number = number;
      this.cells.set(number, element);
      insert(this.element, element, number);
    }
    element.tabIndex = number === this.focused ? 0 : -1;
    if (photo) dress(element, photo, this.options.selection.of(photo));
    if (this.refocus === number) {
      this.refocus = null;
      element.focus({ preventScroll: true });
    }
  }

  #pictures() {
    this.settling = null;
    const top = numberAt(this.layout, this.#offset());
    const inSight = [...this.cells.values()].filter((element) => element.photo)
      .sort((one, other) => Math.abs(one.number - top) - Math.abs(other.number - top));
    for (const element of inSight) picture(element);
  }

  /** Small pictures are made a moment after a photo came: asks again for months in sight where some are missing. */
  async lookAgain() {
    const young = Date.now() - 10 * 60_000;
    const isWaiting = ({ photo }) => photo && !photo.thumbhash && photo.received > young;
    const waiting = [...this.cells.values()].filter(isWaiting).map(({ number }) => monthOf(this.layout, number).month);
    if (!waiting.length) return;
    await Promise.all([...new Set(waiting)].map((month) => this.months.again(month)));
    this.draw();
    this.#pictures();
  }

  // Arrows go from photo to photo; only one of them is a stop for Tab.
  #key(event) {
    const number = event.target.number;
    if (number === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = step(this.layout, number, event.key);
    if (event.key === ' ' || event.key === 'x') {
      event.preventDefault();
      if (event.target.photo) this.options.selection.toggle(event.target.photo);
      return;
    }
    if (to === number) return;
    event.preventDefault();
    this.focus(to);
  }

  /** Moves the focus to a photo, and it into sight. */
  focus(number) {
    const month = monthOf(this.layout, number);
    if (!month) return;
    this.focused = number;
    const top = this.#above() + position(this.layout, month, number - month.first).top;
    if (top < scrollY + 80) scrollTo(0, top - 80);
    else if (top + this.layout.size > scrollY + innerHeight - 80) scrollTo(0, top + this.layout.size - innerHeight + 80);
    this.refocus = number;
    this.draw();
  }

  /** The photo with that number, wherever it is. */
  async at(number) {
    const month = monthOf(this.layout, number);
    return month ? (await this.months.load(month.month))[number - month.first] : undefined;
  }

  #click(event) {
    const element = event.target.closest('.photo');
    if (!element || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (!element.photo) return;
    this.focused = element.number;
    const { selection } = this.options;
    if (this.pressed || event.target.closest('.mark')) {
      if (!this.pressed) selection.toggle(element.photo);
    } else if (selection.size) selection.toggle(element.photo);
    else this.options.open(element.photo, element.number);
    this.pressed = false;
  }
}
