// What the visitor sees: first run, login, that the server does not answer, or the screen that the address names.

import { call, Problem, seemsLoggedIn, showTo } from './core/api.js';
import { fill, h } from './core/dom.js';
import { events } from './core/events.js';
import { action } from './core/form.js';
import { navigation } from './core/navigation.js';

const main = document.getElementById('main');
const state = document.getElementById('state');
const versionLine = document.getElementById('version');

// Screens are fetched when they are first looked at.
const screens = {
  '': () => import('./overview/overview.js'),
  photos: () => import('./photos/photos.js'),
  trash: () => import('./photos/photos.js'),
  albums: () => import('./albums/albums.js'),
  upload: () => import('./upload/upload.js'),
  devices: () => import('./devices/devices.js'),
  activity: () => import('./activity/activity.js'),
  people: () => import('./people/people.js'),
  keys: () => import('./keys/keys.js'),
  connect: () => import('./welcome/connect.js'),
  server: () => import('./server/server.js'),
  account: () => import('./account/account.js'),
  alerts: () => import('./alerts/alerts.js'),
  more: () => import('./core/more.js'),
};

const screenOf = ({ name }) => screens[Object.hasOwn(screens, name) ? name : '']();

const tabs = new BroadcastChannel('nightstand-login'); // each tab says to whom it is shown when that changes
let user = null;
let leave = null;
let turn = 0;
let standing = null; // the form for a visitor that is on the screen: login or first-run

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** `#/devices/ID?x=1` → name, the ids after it, the query. What is no id never gets into an address of the API. */
function place() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [name, ...rest] = path.split('/');
  return { name, rest: rest.filter((part) => uuid.test(part)), query: new URLSearchParams(query) };
}

function shown(kind, text) {
  state.className = `state ${kind}`;
  state.textContent = text;
}

/** One question at a time, or an older answer would undo a newer one. */
let asking = Promise.resolve();

/** Asks who is there, then shows what they may see; with `ifChanged` only where that is somebody else than before, or nobody any more. */
async function start({ ifChanged = false } = {}) {
  const answer = asking.then(ask);
  asking = answer.catch(() => {});
  try {
    const { config, before } = await answer;
    if (ifChanged && before?.id === user?.id) return;
    if (user) {
      version();
      goOn();
      return await route();
    }
    versionLine.textContent = '';
    // Whoever scanned the code with a phone gets the address to copy, without a login: it holds no secret.
    if (config.isInitialized && place().name === 'connect') return await show(screens.connect);
    const form = config.isInitialized ? 'login' : 'first-run';
    // A form that stands is not drawn again: somebody may be typing into it.
    if (form === standing) return;
    await show(() => (form === 'login' ? import('./welcome/login.js') : import('./welcome/first-run.js')), form);
  } catch (problem) {
    unreachable(problem);
  }
}

/** → the server's config, and who was there `before` this answer; `user` is who is there now. */
async function ask() {
  // Who is there, and what they will look at, are asked for together: on a slow network each question is a wait.
  if (seemsLoggedIn()) screenOf(place()).catch(() => {});
  const [config, person] = await Promise.all([call('GET', '/server/config'), seemsLoggedIn() ? me() : null]);
  shown('good', 'Running');
  const before = user;
  user = person;
  showTo(user?.id ?? null);
  navigation(user);
  if (before?.id !== user?.id) tabs.postMessage(user?.id ?? null);
  if (before && before.id !== user?.id) {
    events.close();
    dispatchEvent(new Event('loggedout'));
  }
  return { config, before };
}

async function me() {
  try {
    return await call('GET', '/users/me', undefined, { as: null });
  } catch (problem) {
    if (problem.status === 401) return null;
    throw problem;
  }
}

/** What runs here, at the foot of the page; the server tells it to its users only. */
async function version() {
  const about = await call('GET', '/server/about').catch(() => null);
  if (about && user) versionLine.textContent = `Nightstand ${about.build}, speaks Immich API ${about.version.replace(/^v/, '')}.`;
}

/** Uploads of an earlier visit go on, whichever screen is open; and this browser stays a place where its person is told. */
async function goOn() {
  if (localStorage.getItem(`nightstand-alerts-${user.id}`)) import('./alerts/browser.js').then(({ renew }) => renew(user)).catch(() => {});
  if (localStorage.getItem(`nightstand-uploads-open-${user.id}`) !== '1') return;
  const { queue } = await import('./upload/queue.js');
  await queue.open(user);
}

async function route() {
  const { name } = place();
  navigation(user, name === 'alerts' ? 'account' : name);
  await show(() => screenOf({ name }));
}

async function show(load, form = null) {
  const mine = ++turn;
  standing = form;
  main.ariaBusy = 'true';
  try {
    const screen = await load();
    if (mine !== turn) return;
    leave?.();
    leave = null;
    const root = h('div', { class: 'screen' });
    fill(main, root);
    scrollTo(0, 0);
    const left = screen.show(root, { user, ...place(), restart, greeting: takeGreeting() });
    if (root.querySelector('h1')) main.ariaBusy = null; // what is still to come, the screen says itself
    main.focus({ preventScroll: true });
    const done = await left;
    if (mine === turn) leave = done ?? null;
    else done?.();
  } catch (problem) {
    if (mine !== turn) return;
    if (problem.status === 401) return await start();
    if (!(problem instanceof Problem)) {
      console.error(problem);
      return unreachable(new Problem('This part of the page could not be loaded.', 'Reload the page.'));
    }
    standing = null;
    if (problem.status === 0) unreachable(problem);
    else fill(main, h('section', { class: 'card narrow' }, h('h1', {}, 'That did not work'), h('p', { class: 'problem', role: 'alert' }, problem.message),
      action('Try again', () => start())));
  } finally {
    if (mine === turn) main.ariaBusy = null;
  }
}

function unreachable(problem) {
  shown('bad', 'No answer');
  turn += 1; // whatever is on its way is not drawn over this
  main.ariaBusy = null;
  standing = null;
  leave?.();
  leave = null;
  navigation(user, place().name);
  fill(main, h('section', { class: 'card narrow' }, h('h1', {}, 'No answer'), h('p', { class: 'problem', role: 'alert' }, problem.message),
    action('Try again', () => start(), { class: '' })));
}

let greeting = null;
function takeGreeting() {
  const text = greeting;
  greeting = null;
  return text;
}

/** After a login or its end; `to` is where to go on, `text` a heading for there, `gone` who logged out. */
async function restart(to, text = null, gone = null) {
  greeting = text;
  if (to !== undefined && location.hash !== to) history.replaceState(null, '', to);
  await start();
  if (!gone) return;
  tabs.postMessage({ gone });
  await forget(gone);
}

/** Of who logged out nothing stays in this browser, whichever tab wrote it. */
const forget = async (person) => (await import('./upload/ledger.js')).Ledger.forget(person).catch(() => {});

addEventListener('hashchange', () => (user ? route() : start()));
document.querySelector('[data-skip]').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
// The stream's end tells sooner than the next click that the server went away, and when it is back.
let lost = null;
events.onState = async (isUp) => {
  if (isUp) {
    clearTimeout(lost);
    lost = null;
    return shown('good', 'Running');
  }
  lost ??= setTimeout(() => { if (user) shown('bad', 'No answer'); }, 5000); // a proxy that ends the stream now and then is no alarm
  // It also ends with the login, and where this person has as many streams as the server gives them.
  const now = user ? await me().catch(() => undefined) : undefined;
  if (now === undefined) return;
  clearTimeout(lost);
  lost = null;
  if (now?.id !== user?.id) await start({ ifChanged: true });
};

// Somebody tapped a message: its worker says which device it is about.
navigator.serviceWorker?.addEventListener('message', ({ data }) => { if (/^#\/devices(\/[0-9a-f-]{36})?$/.test(data?.place)) location.hash = data.place; });

// A request heard that its login is over, or that somebody else logged in in another tab.
addEventListener('loginended', () => start({ ifChanged: true }));
tabs.onmessage = async ({ data }) => {
  if (data?.gone) {
    if (user?.id === data.gone) await start({ ifChanged: true });
    return forget(data.gone);
  }
  if (data !== (user?.id ?? null)) start({ ifChanged: true });
};

await start();
