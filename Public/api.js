// The server's JSON interface: one call, one kind of error.

/** What went wrong, in the server's words, and what to do next. */
export class Problem extends Error {
  constructor(message, hint, status = 0) {
    super(hint ? `${message} ${hint}` : message);
    this.status = status;
  }
}

const patience = 20_000; // milliseconds

/** Calls `path` below /api. Returns the JSON of the answer; throws a Problem otherwise. */
export async function call(method, path, body) {
  let response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(patience),
    });
  } catch {
    throw new Problem('The server does not answer.', 'Check that it is running and that this device is on its network.');
  }
  if (response.ok) return response.status === 204 ? null : response.json();

  const { message } = await response.json().catch(() => ({}));
  throw new Problem(sentence(message ?? `The server answered ${response.status}.`), hintFor(response), response.status);
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
