// The canary: take a photo now, and watch it arrive. It is counted only when it was taken after the start.

import { call } from '../core/api.js';
import { announce, fill, h } from '../core/dom.js';
import { events, every } from '../core/events.js';
import { duration } from '../core/format.js';
import { icon } from '../core/icons.js';

const patience = 15 * 60; // seconds until the page says that this takes long

/** A box that asks for a photo, counts, and turns green. `device` limits it to one. */
export function canary(signal, device = null) {
  const box = h('div', { class: 'canary' });
  let run = null;
  signal.addEventListener('abort', () => run?.abort());

  function idle() {
    fill(box,
      h('p', {}, 'Start, then take a photo with the phone. The page turns green when it is stored.'),
      h('button', { type: 'button', onclick: begin }, 'Start the test'));
  }

  async function begin() {
    run?.abort();
    run = new AbortController();
    const mine = run.signal;
    const time = h('p', { class: 'timer', role: 'timer', 'aria-label': 'Time since the start' }, '0:00');
    const note = h('p', { class: 'hint' }, 'Waiting. Opening the app on the phone speeds it up.');
    fill(box, h('p', { class: 'call' }, 'Take a photo now'), time, note,
      h('button', { type: 'button', class: 'quiet', onclick: stop }, 'Stop'));
    announce('Take a photo now.');
    let since;
    try {
      since = await serverNow();
    } catch (problem) {
      return fill(box, h('p', { class: 'problem', role: 'alert' }, problem.message), h('button', { type: 'button', onclick: begin }, 'Try again'));
    }
    const started = Date.now();
    const tick = () => {
      const seconds = Math.floor((Date.now() - started) / 1000);
      time.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
      if (seconds > patience) note.textContent = 'That takes long. Is backup switched on, and is the phone on Wi-Fi? The checklist under Devices helps.';
    };
    const look = async () => {
      const query = new URLSearchParams({ since, ...(device ? { deviceId: device } : {}) });
      const seen = await call('GET', `/backup/canary?${query}`).catch(() => null);
      if (seen?.stored && !mine.aborted) arrived(seen.stored, seen.latencySeconds, since);
    };
    every(1, tick, mine);
    every(5, look, mine);
    events.on('activity', (entry) => { if (entry.kind === 'stored') look(); }, mine);
    tick();
  }

  function arrived(stored, latency, since) {
    run.abort();
    // The result stays with the device.
    call('POST', '/backup/canary', { since, deviceId: device ?? undefined }).catch(() => {});
    const text = `It arrived${latency === null ? '' : `, ${duration(latency)} after it was taken`}.`;
    fill(box,
      h('p', { class: 'arrived' }, icon('check'), h('span', {}, text)),
      h('p', { class: 'hint' }, [stored.name, stored.deviceName && `from ${stored.deviceName}`].filter(Boolean).join(' ')),
      h('button', { type: 'button', class: 'quiet', onclick: begin }, 'Once more'));
    announce(text);
  }

  function stop() {
    run.abort();
    idle();
  }

  idle();
  return box;
}

/** The clock that stamps what arrives is the server's; this device's may be off. */
async function serverNow() {
  return (await call('GET', '/backup/overview')).at;
}
