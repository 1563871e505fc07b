// Fields, forms and copying: what every screen that asks for something shares.

import { fresh, h } from './dom.js';

/** A field under its label. `hint` is read out with it. */
export function field(label, properties = {}, hint = null) {
  const id = fresh('field');
  const hintId = hint ? `${id}-hint` : null;
  const { options, ...rest } = properties;
  const control = options
    ? h('select', { id, ...rest, 'aria-describedby': hintId },
      options.map(([value, text]) => h('option', { value, selected: value === properties.value }, text)))
    : h('input', { id, ...rest, 'aria-describedby': hintId });
  return h('div', { class: 'field' }, h('label', { for: id }, label), control, hint && h('p', { class: 'hint', id: hintId }, hint));
}

/** A box to tick beside its label. */
export function tick(label, properties = {}) {
  return h('label', { class: 'tick' }, h('input', { type: 'checkbox', ...properties }), h('span', {}, label));
}

/**
 * A form that calls `send` with its fields, shows what that throws in a line kept free for it, and keeps a second click out
 * meanwhile. `act` is the button's text.
 */
export function form(fields, act, send, extra = null) {
  const problem = h('p', { class: 'problem', role: 'alert' });
  const button = h('button', {}, act);
  const element = h('form', {}, fields, problem, h('div', { class: 'row' }, button, extra));
  element.addEventListener('submit', async (event) => {
    event.preventDefault();
    problem.textContent = '';
    button.disabled = true;
    try {
      await send(Object.fromEntries(new FormData(element)), element);
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
  return element;
}

/** A button that runs `act` once at a time; what it throws goes to `failed`, else beside the button. */
export function action(text, act, properties = {}) {
  const { failed, ...rest } = properties;
  const button = h('button', { type: 'button', class: 'quiet', ...rest }, text);
  button.addEventListener('click', async () => {
    const hadFocus = document.activeElement === button;
    button.disabled = true; // which also takes the focus away
    button.nextElementSibling?.matches('.problem.inline') && button.nextElementSibling.remove();
    try {
      await act(button);
    } catch (error) {
      if (failed) failed(error);
      else button.after(h('span', { class: 'problem inline', role: 'alert' }, error.message));
    } finally {
      button.disabled = false;
      if (hadFocus && document.activeElement === document.body) button.focus();
    }
  });
  return button;
}

/** Text to copy, with the button that does it. */
export function copyable(label, text, { rows } = {}) {
  const field = rows
    ? h('textarea', { rows, readonly: true, 'aria-label': label, value: text })
    : h('input', { readonly: true, 'aria-label': label, value: text });
  const button = h('button', { type: 'button', class: 'quiet', 'aria-label': `Copy: ${label}` }, 'Copy');
  button.addEventListener('click', () => copy(field, button));
  return h('div', { class: 'copyable' }, field, button);
}

/** Browsers offer the clipboard only on https and localhost; elsewhere the selected field and the old command do the same. */
async function copy(field, button) {
  field.select();
  let copied = true;
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    copied = document.execCommand('copy');
  }
  button.textContent = copied ? 'Copied' : 'Press Ctrl+C';
  setTimeout(() => { button.textContent = 'Copy'; }, 2000);
}
