// Photos that are marked, and what may be done with all of them at once.

import { call, send } from '../core/api.js';
import { announce, fill, h } from '../core/dom.js';
import { confirm, dialog } from '../core/dialog.js';
import { action } from '../core/form.js';
import { bytes, plural } from '../core/format.js';
import { save } from '../core/save.js';
import { chooseAlbum } from '../albums/choose.js';

const archive = 500e6; // bytes in one zip: the browser holds it until it is saved

export class Selection {
  #photos = new Map();
  onChange = () => {};

  /** @param kind `photos`, `trash` or `album`; @param changed called after the server changed something */
  constructor(kind, changed, album = null) {
    Object.assign(this, { kind, changed, album });
    this.bar = h('div', { class: 'selection', role: 'toolbar', 'aria-label': 'Selected photos', hidden: true });
  }

  get size() { return this.#photos.size; }
  get ids() { return [...this.#photos.keys()]; }
  of(photo) { return { isSelected: this.#photos.has(photo.id), isSelecting: this.size > 0 }; }

  toggle(photo) {
    if (!this.#photos.delete(photo.id)) this.#photos.set(photo.id, photo);
    this.#changed();
  }

  toggleAll(photos) {
    const isAll = photos.every(({ id }) => this.#photos.has(id));
    for (const photo of photos) isAll ? this.#photos.delete(photo.id) : this.#photos.set(photo.id, photo);
    this.#changed();
  }

  clear() {
    this.#photos.clear();
    this.#changed();
  }

  #changed() {
    const { size } = this;
    this.bar.hidden = size === 0;
    document.body.classList.toggle('selecting', size > 0);
    fill(this.bar, size > 0 && [
      h('button', { type: 'button', class: 'quiet', onclick: () => this.clear() }, 'Clear'),
      h('strong', { class: 'grow' }, `${size} selected`), this.#actions()]);
    if (size > 0) announce(`${size} selected`);
    this.onChange();
  }

  #actions() {
    const then = async () => {
      this.clear();
      await this.changed();
    };
    if (this.kind === 'trash') {
      return [
        action('Restore', async () => { await call('POST', '/trash/restore/assets', { ids: this.ids }); await then(); }),
        action('Delete for good', async () => {
          if (await confirm('Delete for good', `${plural(this.size, 'item')} cannot be brought back after that.`, 'Delete for good',
            () => call('DELETE', '/assets', { ids: this.ids, force: true }))) await then();
        }, { class: 'quiet danger' })];
    }
    return [
      action('Download', () => this.#download()),
      action('Add to album', async () => { if (await chooseAlbum(this.ids)) this.clear(); }),
      this.album && action('Take out', async () => {
        await call('DELETE', `/albums/${this.album.id}/assets`, { ids: this.ids });
        await then();
      }),
      action('To the trash', async () => {
        const { ids } = this;
        await call('DELETE', '/assets', { ids });
        await then();
        announce(`${plural(ids.length, 'item')} moved to the trash`);
      }, { class: 'quiet danger' })];
  }

  /** One original by itself; more as zip files of a size that a browser can hold. */
  async #download() {
    const plan = await call('POST', '/download/info', { assetIds: this.ids, archiveSize: archive });
    if (plan.archives.length > 1 && !await dialog('Download', (close) => [
      h('p', {}, `${bytes(plan.totalSize)} come as ${plan.archives.length} zip files, one after the other.`),
      h('div', { class: 'row' }, h('button', { type: 'button', onclick: () => close(true) }, 'Download'),
        h('button', { type: 'button', class: 'quiet', onclick: () => close(false) }, 'Cancel'))])) return;
    for (const [index, part] of plan.archives.entries()) {
      const name = plan.archives.length > 1 ? `nightstand-${index + 1}.zip` : 'nightstand.zip';
      await save(await send('POST', '/download/archive', { assetIds: part.assetIds }, { wait: 3_600_000 }), name);
    }
    this.clear();
  }
}
