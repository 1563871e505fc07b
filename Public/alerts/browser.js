// This browser as a place where somebody is told: a worker that shows messages while the page is closed, and the address at
// the browser's push service through which they come.

import { call, Problem } from '../core/api.js';

const scope = () => new URL('./', document.baseURI).href;
const key = (user) => `nightstand-alerts-${user.id}`;
const isApple = /iPhone|iPad/.test(navigator.userAgent);
const blocked = 'Notifications of this page are blocked. Allow them beside the address or in the browser’s settings, then load the page again.';

/** Why messages cannot come to this browser, and what helps; null where they can. */
export function obstacle() {
  if (!isSecureContext) return 'This page came over plain http, and browsers take messages only from HTTPS. Open it by an https address; ntfy and webhooks need none.';
  if (!navigator.serviceWorker || !globalThis.PushManager || !globalThis.Notification) {
    return isApple ? 'On an iPhone or iPad put the page on the home screen first (Share, then Add to Home Screen), and open it from there: iOS 16.4 or later.'
      : 'This browser takes no messages, or not in a private window.';
  }
  return Notification.permission === 'denied' ? blocked : null;
}

function remembered(user) {
  return JSON.parse(localStorage.getItem(key(user)) ?? 'null');
}

const registered = () => navigator.serviceWorker?.getRegistration(scope());
const subscription = async () => (await registered())?.pushManager?.getSubscription() ?? null;

/** Which of the channels is this browser; null where none is. */
export async function mine(user, channels) {
  const known = remembered(user);
  const channel = channels.find(({ id }) => id === known?.id);
  return channel && (await subscription())?.endpoint === known.endpoint ? channel : null;
}

/** Has this browser told from now on. Asks for the permission, so it must be called right after a click. */
export async function subscribe(user) {
  const permission = await Notification.requestPermission();
  if (permission !== 'granted') throw new Problem(permission === 'denied' ? blocked : 'Without your yes to the browser’s question nothing can be shown.');
  await join(user);
}

async function join(user) {
  const { terms } = await call('GET', '/backup/devices/me/push');
  const applicationServerKey = fromBase64(terms.vapidPublicKey);
  await navigator.serviceWorker.register(new URL('sw.js', scope()));
  const { pushManager } = await navigator.serviceWorker.ready;
  let found = await pushManager.getSubscription();
  // The server's key was lost, or this is another server at the same address: nothing would come any more.
  if (found && !same(found.options.applicationServerKey, applicationServerKey)) {
    await found.unsubscribe();
    found = null;
  }
  try {
    found ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  } catch (error) {
    console.info(error);
    throw new Problem('The browser’s push service does not answer.', 'Some browsers have it switched off in their settings, some networks keep it away.');
  }
  const { endpoint, keys } = found.toJSON();
  const { channel } = await call('POST', '/backup/alerts/channels', { kind: 'webpush', endpoint, keys });
  localStorage.setItem(key(user), JSON.stringify({ id: channel.id, endpoint }));
}

/** Browsers give a new address now and then, and nobody is told: the server hears of it at the next visit. */
export async function renew(user) {
  const known = remembered(user);
  if (!known || obstacle() || Notification.permission !== 'granted' || (await subscription())?.endpoint === known.endpoint) return;
  const { channels } = await call('GET', '/backup/alerts');
  if (!channels.some(({ id }) => id === known.id)) return localStorage.removeItem(key(user)); // removed elsewhere
  await join(user);
  if (remembered(user).id !== known.id) await call('DELETE', `/backup/alerts/channels/${known.id}`);
}

/** Nothing comes to this browser for `user` any more. */
export async function leave(user) {
  const known = remembered(user);
  if (!known) return;
  localStorage.removeItem(key(user));
  const { channels } = await call('GET', '/backup/alerts');
  if (channels.some(({ id }) => id === known.id)) await call('DELETE', `/backup/alerts/channels/${known.id}`);
  const isOthers = Object.keys(localStorage).some((name) => name.startsWith('nightstand-alerts-'));
  if (!isOthers) await (await subscription())?.unsubscribe();
}

function fromBase64(text) {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
}

function same(buffer, bytes) {
  const other = buffer ? new Uint8Array(buffer) : [];
  return other.length === bytes.length && bytes.every((byte, at) => byte === other[at]);
}
