// Keeps the screen on while something is sent. Browsers offer that on HTTPS alone.

let lock = null;
let isWanted = false;

export const canStayAwake = 'wakeLock' in navigator;

export async function stayAwake(wanted) {
  isWanted = wanted;
  if (!canStayAwake) return;
  if (!wanted) {
    await lock?.release();
    lock = null;
  } else if (!lock && !document.hidden) {
    lock = await navigator.wakeLock.request('screen').catch(() => null);
    lock?.addEventListener('release', () => { lock = null; });
  }
}

// A page in the background loses it.
document.addEventListener('visibilitychange', () => { if (isWanted) stayAwake(true); });
