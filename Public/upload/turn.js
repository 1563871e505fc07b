// One tab at a time sends, so that two do not send the same. Whoever sends says so every two seconds.

const key = 'nightstand-upload-tab';
const beat = 2000; // milliseconds
const dead = 3 * beat;
const mine = Math.random().toString(36).slice(2);
let timer = null;

function held() {
  const [tab, time] = (localStorage.getItem(key) ?? '').split(' ');
  return tab && tab !== mine && Date.now() - Number(time) < dead;
}

const say = () => localStorage.setItem(key, `${mine} ${Date.now()}`);

/** Whether this tab may send; from then on it holds the turn until it is closed or gives it back. */
export function takeTurn() {
  if (held()) return false;
  say();
  timer ??= setInterval(say, beat);
  return true;
}

export function giveTurn() {
  clearInterval(timer);
  timer = null;
  if ((localStorage.getItem(key) ?? '').startsWith(mine)) localStorage.removeItem(key);
}

addEventListener('pagehide', giveTurn);
