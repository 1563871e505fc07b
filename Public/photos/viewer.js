// One photo in front of everything: keys, swipe, video, and what may be done with it.

import { address, call } from '../core/api.js';
import { announce, fill, h } from '../core/dom.js';
import { confirm } from '../core/dialog.js';
import { action } from '../core/form.js';
import { icon } from '../core/icons.js';
import { download } from '../core/save.js';
import { chooseAlbum } from '../albums/choose.js';
import { describe, thumbnail } from './cell.js';
import { details } from './details.js';
import { media } from './media.js';
import { onSwipe } from './swipe.js';

/**
 * Opens the viewer at photo `number` of `timeline`, or at the photo `id`, wherever it stands. Resolves when it is closed.
 * @param context `{ timeline, number, photo, id, kind, user, changed }`
 */
export async function view(context) {
  const { timeline, kind, user, changed } = context;
  let { number, photo } = context;
  if (!photo) ({ number, photo } = await find(timeline, context.id));
  let isChanged = false;
  let infoShown = false;
  const stage = h('div', { class: 'stage' });
  const caption = h('p', { class: 'caption', id: 'viewer-caption' });
  const side = h('aside', { class: 'details', hidden: true, 'aria-label': 'Details' });
  const problem = h('p', { class: 'problem', role: 'alert' });
  const tools = h('div', { class: 'tools', role: 'toolbar', 'aria-label': 'Photo' });
  const previous = h('button', { type: 'button', class: 'step back', 'aria-label': 'Previous (left arrow)', onclick: () => go(-1) }, icon('back'));
  const next = h('button', { type: 'button', class: 'step next', 'aria-label': 'Next (right arrow)', onclick: () => go(1) }, icon('next'));
  const box = h('dialog', { class: 'viewer', tabindex: -1, autofocus: true, 'aria-labelledby': 'viewer-caption' }, tools, stage, previous, next, caption, problem, side);

  const tool = (text, name, act, more = {}) => action(icon(name), act, { class: 'tool', 'aria-label': text, title: text, failed: shown, ...more });
  const shown = (error) => { problem.textContent = error.message; };
  const isMine = () => !photo.owner || photo.owner === user.id;

  function drawTools() {
    const held = [...tools.children].indexOf(document.activeElement);
    fill(tools, h('button', { type: 'button', class: 'tool', 'aria-label': 'Close (escape)', title: 'Close', onclick: () => box.close() }, icon('close')), h('span', { class: 'grow' }),
      kind === 'trash' ? [tool('Restore', 'restore', restore), tool('Delete for good', 'trash', remove)] : [
        isMine() && tool(photo.isFavorite ? 'No favourite any more (f)' : 'Favourite (f)', 'heart', favourite, { 'aria-pressed': String(Boolean(photo.isFavorite)) }),
        isMine() && tool('Add to album', 'albums', () => chooseAlbum([photo.id])),
        tool('Download the original (d)', 'download', get),
        isMine() && tool('To the trash (delete)', 'trash', trash)],
      tool('Details (i)', 'info', info, { 'aria-pressed': String(infoShown) }));
    if (held >= 0) tools.children[held]?.focus();
  }

  async function drawDetails() {
    const of = photo;
    const content = await details(of);
    if (photo === of) fill(side, content);
  }

  async function draw() {
    problem.textContent = '';
    caption.textContent = describe(photo);
    fill(stage, media(photo));
    previous.hidden = number === null || number === 0;
    next.hidden = number === null || number >= timeline.total - 1;
    drawTools();
    if (!box.contains(document.activeElement)) box.focus();
    announce(caption.textContent);
    if (infoShown) await drawDetails();
    for (const by of [1, -1]) {
      const near = number === null ? undefined : await timeline.at(number + by).catch(() => undefined);
      if (near?.isImage && near.thumbhash) new Image().src = thumbnail(near, 'preview');
    }
  }

  let asked = 0;
  async function go(by) {
    if (number === null) return;
    const [mine, to] = [++asked, number + by];
    const other = await timeline.at(to).catch(shown);
    if (!other || mine !== asked) return; // pressed again meanwhile
    number = to;
    photo = other;
    await draw();
  }

  /** After it went away: what took its place, or the one before, or nothing any more. */
  async function gone(text) {
    await changed();
    announce(text);
    const other = number === null ? undefined : await timeline.at(Math.min(number, timeline.total - 1));
    if (!other) return box.close();
    number = Math.min(number, timeline.total - 1);
    photo = other;
    return draw();
  }

  const trash = async () => { await call('DELETE', '/assets', { ids: [photo.id] }); await gone('Moved to the trash'); };
  const restore = async () => { await call('POST', '/trash/restore/assets', { ids: [photo.id] }); await gone('Restored'); };
  const remove = async () => {
    if (await confirm('Delete for good', 'This cannot be brought back.', 'Delete for good', () => call('DELETE', '/assets', { ids: [photo.id], force: true }))) await gone('Deleted');
  };
  const favourite = async () => {
    await call('PUT', `/assets/${photo.id}`, { isFavorite: !photo.isFavorite });
    photo.isFavorite = !photo.isFavorite;
    isChanged = true;
    drawTools();
  };
  const get = () => download(address(`/assets/${photo.id}/original`), '');
  const info = async () => {
    infoShown = !infoShown;
    side.hidden = !infoShown;
    box.classList.toggle('with-details', infoShown);
    drawTools();
    if (infoShown) await drawDetails();
  };

  const keys = { ArrowLeft: () => go(-1), ArrowRight: () => go(1), i: info, d: get,
    ...(kind === 'trash' ? { Delete: remove } : { f: () => isMine() && favourite(), Delete: () => isMine() && trash() }) };
  box.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches('video, input')) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    Promise.resolve(act()).catch(shown);
  });
  onSwipe(stage, { left: () => go(1), right: () => go(-1), down: () => box.close() });

  // The phone's own way back closes the photo, not the page.
  history.pushState({ viewer: true }, '');
  const back = () => box.close();
  addEventListener('popstate', back, { once: true });
  document.body.append(box);
  box.showModal();
  const closed = new Promise((resolve) => box.addEventListener('close', resolve, { once: true }));
  await draw().catch(shown);
  await closed;
  removeEventListener('popstate', back);
  fill(stage);
  box.remove();
  if (history.state?.viewer) history.back();
  if (isChanged) await changed();
  if (number !== null) timeline.focus(Math.min(number, timeline.total - 1));
}

/** A photo by its id, with its place on the timeline where it has one there. */
async function find(timeline, id) {
  const asset = await call('GET', `/assets/${id}`);
  const photo = {
    id: asset.id, owner: asset.ownerId, isImage: asset.type === 'IMAGE', isFavorite: asset.isFavorite, thumbhash: asset.thumbhash,
    duration: asset.duration, motion: asset.livePhotoVideoId, taken: Date.parse(asset.localDateTime),
  };
  const month = timeline.layout.months.find((one) => one.month.slice(0, 7) === asset.localDateTime.slice(0, 7));
  const index = month ? (await timeline.months.load(month.month)).findIndex((one) => one.id === id) : -1;
  return index < 0 ? { number: null, photo } : { number: month.first + index, photo: (await timeline.months.load(month.month))[index] };
}
