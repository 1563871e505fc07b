// Upload from the browser: choose or drop, and see what becomes of each file.

import { add, announce, fill, h } from '../core/dom.js';
import { every, lifetime } from '../core/events.js';
import { action } from '../core/form.js';
import { bytes, plural } from '../core/format.js';
import { icon } from '../core/icons.js';
import { refresh } from '../core/refresh.js';
import { canStayAwake } from './awake.js';
import { chosen, dropped } from './files.js';
import { unfinished, unfinishedList } from './open.js';
import { Pace } from './pace.js';
import { isOver, queue } from './queue.js';
import { results } from './results.js';

export async function show(root, { user }) {
  const [signal, leave] = lifetime();
  const problem = h('p', { class: 'problem', role: 'alert' });
  const progress = h('section', { class: 'card upload-progress', hidden: true, 'aria-label': 'Progress' });
  const begun = h('div', { class: 'result-part' });
  const parts = Array.from({ length: 6 }, () => h('div', { class: 'result-part' }));
  add(root, h('h1', {}, 'Upload'), place(problem, signal, user), problem, progress, parts, begun);
  await queue.open(user);
  const pace = new Pace();
  const follow = () => {
    progress.hidden = queue.items.length === 0;
    draw(progress, pace);
    results(queue).forEach(({ key, make }, at) => refresh(parts[at], key, make));
  };
  queue.addEventListener('change', follow, { signal });
  follow();
  const look = async () => {
    const open = await unfinished();
    if (!signal.aborted) refresh(begun, open, () => unfinishedList(open, look));
  };
  await look().catch((error) => {
    if (error.status === 401) throw error;
    problem.textContent = error.message;
  });
  every(15, () => look().catch((error) => { if (error.status === 401) dispatchEvent(new Event('loginended')); }), signal);
  return leave;
}

/** Where files are dropped, with the two buttons for those who do not drop. */
function place(problem, signal, user) {
  const take = async (promise) => {
    problem.textContent = '';
    const files = await promise;
    if (!files.length) problem.textContent = 'There were no files in that.';
    await queue.add(files, user.id);
  };
  const input = (more, label) => {
    const field = h('input', { type: 'file', multiple: true, hidden: true, 'aria-label': label, ...more });
    field.addEventListener('change', () => { take(chosen(field.files)); field.value = ''; });
    return field;
  };
  const files = input({ accept: 'image/*,video/*,.heic,.heif,.dng,.cr2,.cr3,.nef,.arw,.raf,.orf,.rw2,.insp,.insv' }, 'Files');
  const folder = input({ webkitdirectory: true }, 'A folder');
  const zone = h('section', { class: 'card drop' }, icon('upload'),
    h('p', { class: 'sentence with-mouse' }, 'Drop photos, videos or whole folders here'),
    h('div', { class: 'row' }, h('button', { type: 'button', onclick: () => files.click() }, 'Choose files'),
      h('button', { type: 'button', class: 'quiet', onclick: () => folder.click() }, 'Choose a folder')),
    files, folder,
    h('p', { class: 'hint' }, 'Nothing is sent twice, and what a broken connection or a restart of the server stops goes on by itself. After a reload so do files of up to 256 MB, 1 GB together; larger ones go on when they are chosen again.',
      canStayAwake ? ' The screen stays on meanwhile.' : ' Keep this page in front and the screen on: over plain HTTP the browser does not let it do that by itself.'));
  // Beside the zone a dropped photo would take the place of the page.
  addEventListener('dragover', (event) => { event.preventDefault(); zone.classList.add('over'); }, { signal });
  addEventListener('dragleave', (event) => { if (!event.relatedTarget) zone.classList.remove('over'); }, { signal });
  addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    take(dropped(event.dataTransfer));
  }, { signal });
  return zone;
}

let said = '';

/** How far it is, by bytes: what was here already counts as done, and is told apart. Buttons stay the same while they mean the same. */
function draw(card, pace) {
  const { items } = queue;
  const sum = (list, size) => list.reduce((total, item) => total + size(item), 0);
  const over = items.filter(isOver);
  const total = sum(items, ({ size }) => size);
  const done = sum(items, (item) => (isOver(item) ? item.size : item.sent));
  const here = items.filter(({ state }) => state === 'duplicate');
  const bad = items.filter(({ state }) => ['failed', 'rejected', 'trashed', 'lost'].includes(state)).length;
  const isBusy = items.some((item) => !isOver(item) && item.state !== 'lost');
  const isAsking = isBusy && items.every((item) => isOver(item) || item.state === 'lost' || item.state === 'recalled');
  const canRetry = !isBusy && items.some(({ state, file }) => state === 'failed' && file);
  const speed = pace.of(sum(items.filter(({ state }) => state !== 'duplicate' && state !== 'rejected'), (item) => item.sent));
  const isMoving = isBusy && !queue.isPaused && !queue.isElsewhere && speed > 0;
  const head = headline(isBusy, isAsking, bad);
  if (head !== said) announce(head);
  said = head;

  if (!card.firstChild) add(card, h('div', {}), h('progress', { 'aria-label': 'Bytes that are done' }), h('div', {}));
  const [top, bar, foot] = card.children;
  refresh(top, [head, isBusy, isAsking, queue.isPaused, queue.note, canRetry], () => h('div', { class: 'between' }, h('h2', {}, head), h('div', { class: 'row' },
    isBusy && !isAsking && (queue.isPaused ? action(queue.note ? 'Try again' : 'Go on', () => queue.resume()) : action('Pause', () => queue.pause())),
    canRetry && action('Try failed ones again', () => queue.retry()),
    !isBusy && action('Clear the list', () => queue.forget([...queue.items])))));
  bar.max = Math.max(1, total);
  bar.value = total ? done : 1;
  fill(foot,
    h('p', { class: 'between hint' },
      h('span', { data: { slot: 'files' } }, `${over.length} of ${plural(items.length, 'file')}`),
      h('span', { data: { slot: 'bytes' } }, `${bytes(done)} of ${bytes(total)}`, isMoving && `, ${bytes(speed)}/s`)),
    here.length > 0 && h('p', { class: 'hint' }, `${plural(here.length, 'file')} (${bytes(sum(here, ({ size }) => size))}) already here, not sent again.`),
    queue.note && h('p', { class: 'problem' }, queue.note));
}

function headline(isBusy, isAsking, bad) {
  if (!isBusy) return bad ? `Done, but for ${plural(bad, 'file')}` : 'All done';
  if (isAsking) return 'Asking the server what it has';
  if (queue.isPaused) return 'Paused';
  return queue.isElsewhere ? 'Another tab of this page is sending' : 'Sending';
}
