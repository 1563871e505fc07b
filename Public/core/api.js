// The server's JSON interface: one call, one kind of error.

/** What went wrong, in the server's words, and what to do next. */
export class Problem extends Error {
  constructor(message, hint, status = 0, code = null) {
    super(hint ? `${message} ${hint}` : message);
    this.status = status;
    this.code = code;
    this.retryAfter = null; // seconds, where the server names them
  }
}

const patience = 20_000; // milliseconds

/** Whom the page is shown to, an id: every request says so, because the browser sends the cookie of whoever logged in last, in every tab. */
let shownTo = null;
export const showTo = (user) => { shownTo = user; };
export const shown = () => shownTo;
export const identity = (user) => (user ? { 'X-Nightstand-User': user } : {});

/** An address below `/api`, relative to the page: it also holds where a proxy puts the server below a path. */
export const address = (path) => new URL(`api${path}`, document.baseURI).href;

/** Sends a request below /api and returns the answer as it is; throws a Problem unless it is a success. `as`: whose it is, null for whoever is logged in; `raw`: a body that is no JSON. */
export async function send(method, path, body, { signal, wait = patience, headers = {}, as = shownTo, raw } = {}) {
  let response;
  const fields = { ...identity(as), ...headers };
  try {
    response = await fetch(address(path), {
      method,
      headers: body === undefined ? fields : { 'Content-Type': 'application/json', ...fields },
      body: body === undefined ? raw : JSON.stringify(body),
      signal: signal ?? AbortSignal.timeout(wait),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem('The server does not answer.', 'Check that it is running and that this device is on its network.');
  }
  if (response.ok) return response;
  const problem = await refusal(response);
  if (problem.code === 'other_user') dispatchEvent(new Event('loginended'));
  throw problem;
}

/** Calls `path` below /api. Returns the JSON of the answer; throws a Problem otherwise. */
export async function call(method, path, body, options) {
  const response = await send(method, path, body, options);
  return response.status === 204 ? null : response.json();
}

async function refusal(response) {
  const { message, detail, title, errors, code } = await response.json().catch(() => ({}));
  const places = (errors ?? []).map((error) => `${error.path?.join?.('.') ?? error.path} ${error.message}`).join(', ');
  const text = detail ?? message ?? title ?? `The server answered ${response.status}.`;
  const problem = new Problem(sentence(places ? `${text}: ${places}` : text), hintFor(response), response.status, code);
  problem.retryAfter = Number(response.headers.get('Retry-After')) || null;
  return problem;
}

function sentence(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function hintFor(response) {
  const seconds = Number(response.headers.get('Retry-After'));
  if (response.status === 429) return seconds > 0 ? `Try again in ${seconds} s.` : 'Wait a minute, then try again.';
  if (response.status === 507) return 'Free space on the server’s disk; what is stored stays readable.';
  if (response.status >= 500) {
    const id = response.headers.get('X-Correlation-ID');
    return id ? `The server’s log says more under ${id}.` : 'The server’s log says more.';
  }
  return '';
}

/** Whether this browser holds a login: the server sets this cookie beside the one that scripts cannot read. */
export function seemsLoggedIn() {
  return document.cookie.split('; ').includes('immich_is_authenticated=true');
}
