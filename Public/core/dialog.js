// Questions in front of the page. The browser's own dialog keeps the focus inside and gives it back.

import { fresh, h } from './dom.js';
import { form } from './form.js';

/** Opens a dialog with a heading; resolves when it is closed. `make(close)` returns its content. */
export function dialog(title, make, { wide = false } = {}) {
  return new Promise((resolve) => {
    const id = fresh('dialog');
    let result;
    const close = (value) => {
      result = value;
      element.close();
    };
    const element = h('dialog', { class: wide ? 'dialog wide' : 'dialog', 'aria-labelledby': id },
      h('h2', { id }, title), make(close));
    element.addEventListener('close', () => {
      element.remove();
      resolve(result);
    });
    document.body.append(element);
    element.showModal();
  });
}

/** Asks for fields; resolves with true after `send` went through. */
export function ask(title, fields, act, send) {
  return dialog(title, (close) => form(fields, act, async (values) => {
    await send(values);
    close(true);
  }, h('button', { type: 'button', class: 'quiet', onclick: () => close(false) }, 'Cancel')));
}

/** Asks whether to go on with what cannot be taken back. */
export function confirm(title, text, act, send) {
  return ask(title, [h('p', {}, text)], act, send);
}
