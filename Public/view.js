// What all views share: taking a template, showing a problem, sending a form.

const main = document.getElementById('main');
const state = document.getElementById('state');

/** The server's state in the page's head: `kind` is `good` or `bad`. */
export function shown(kind, text) {
  state.className = `state ${kind}`;
  state.textContent = text;
}

/** What runs here, at the foot of the page; the server tells it to its users only, so nothing for anybody else. */
export function version(own, immich) {
  document.getElementById('version').textContent = own ? `Nightstand ${own}, speaks Immich API ${immich.replace(/^v/, '')}.` : '';
}

/** Replaces the view by the template `name` and moves the focus there. */
export function show(name) {
  main.replaceChildren(document.getElementById(name).content.cloneNode(true));
  const field = main.querySelector('form input:not([readonly])');
  if (field && matchMedia('(pointer: fine)').matches && name !== 'overview') field.focus();
  else main.focus({ preventScroll: true });
  return viewOf(main);
}

function viewOf(root) {
  return {
    find: (selector) => root.querySelector(selector),
    slot: (name) => root.querySelector(`[data-slot="${name}"]`),
    problem: (problem) => { root.querySelector('.problem').textContent = problem?.message ?? ''; },
  };
}

/** Calls `send` with the fields when the form is sent; shows what it throws, and keeps a second click out meanwhile. */
export function onSend(form, send) {
  const problem = form.querySelector('.problem');
  const button = form.querySelector('button:not([type="button"])');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    problem.textContent = '';
    button.disabled = true;
    try {
      await send(Object.fromEntries(new FormData(form)));
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
}
