// What is coming in just now, and what was begun and waits to go on.

import { h } from '../core/dom.js';
import { ago, bytes, duration } from '../core/format.js';

export function uploads(open) {
  if (!open.length) return null;
  return h('section', { class: 'card' }, h('h2', {}, 'Coming in'),
    h('ul', { class: 'uploads' }, open.slice(0, 12).map(line)),
    open.length > 12 && h('p', { class: 'hint' }, `and ${open.length - 12} more`));
}

function line({ name, userName, receivedBytes, totalBytes, bytesPerSecond, startedAt, lastByteAt, isActive, isResumable }) {
  const text = name ?? 'A file';
  const left = isActive && bytesPerSecond > 0 && totalBytes ? `, ${duration((totalBytes - receivedBytes) / bytesPerSecond)} left` : '';
  const state = isActive ? `${bytes(bytesPerSecond)}/s${left}` : `last byte ${ago(lastByteAt)}${isResumable ? ', goes on where it stopped' : ''}`;
  return h('li', {},
    h('div', { class: 'between' }, h('span', { class: 'subject' }, text), h('span', { class: 'hint' }, userName)),
    h('progress', { max: totalBytes ?? 1, value: totalBytes ? receivedBytes : null, 'aria-label': `Progress of ${text}` }),
    h('div', { class: 'between hint' }, h('span', {}, totalBytes ? `${bytes(receivedBytes)} of ${bytes(totalBytes)}` : bytes(receivedBytes)),
      h('span', {}, `${state}; begun ${ago(startedAt)}`)));
}
