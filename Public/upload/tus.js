// One file by tus 1.0.0: created, sent in chunks, resumed at the byte that the server has on disk.

import { address, identity, Problem } from '../core/api.js';
import { chunkSize, smallestChunk, tooLarge } from './chunk.js';

const stall = 60_000; // milliseconds without a byte
const tries = 6; // of what may pass by itself, but need not: a full disk, a fault of the server

/** What every request to an upload says. */
export const fields = { 'Tus-Resumable': '1.0.0' };

/** Whether the login that began this has ended, or another one took its place. */
export const isOthers = ({ status, code }) => status === 401 || code === 'other_user';

/** What one request answered; `status` 0: none came. */
class Answer {
  constructor(request) {
    this.status = request?.status ?? 0;
    this.request = request;
  }

  field(name) { return this.request?.getResponseHeader(name); }
  get isGood() { return this.status >= 200 && this.status < 300; }
  get offset() { return Number(this.field('Upload-Offset')); }
  /** The server says its version of tus in every answer about an upload: without it a proxy spoke, whose limit is below the piece's size. */
  get isTooLargeForProxy() { return this.status === 413 && this.field('Tus-Resumable') === null; }
  get result() { return { status: this.field('X-Asset-Status'), asset: this.field('X-Asset-Id'), error: this.field('X-Asset-Error') }; }

  get json() { return JSON.parse(this.request.responseText); }

  get message() {
    try {
      const { detail, message, title } = this.json;
      return (detail ?? message ?? title).replace(/[^.!?]$/, '$&.');
    } catch {
      return this.status ? `The server answered ${this.status}.` : 'The connection broke off.';
    }
  }
}

/** XMLHttpRequest, because fetch does not say how much of a body has gone. */
function request(method, url, headers, body, signal, progress) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted(); // who listens to it from now on never hears of what was before
    const request = new XMLHttpRequest();
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), stall);
    };
    const end = (act) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      act();
    };
    const stop = () => request.abort();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => { alive(); progress?.(loaded); };
    request.onload = () => end(() => resolve(new Answer(request)));
    request.onerror = () => end(() => resolve(new Answer(null)));
    request.onabort = () => end(() => (signal.aborted ? reject(signal.reason) : resolve(new Answer(null))));
    signal.addEventListener('abort', stop);
    alive();
    request.send(body ?? null);
  });
}

const text = (value) => btoa(String.fromCharCode(...new TextEncoder().encode(value)));

/** Worth another try for as long as it takes: no answer, a server or a proxy that stops, another connection that holds the upload. */
const passes = (status) => [0, 408, 409, 423, 429, 502, 503, 504].includes(status);
const mayPass = (status) => status >= 500 && !passes(status);

/** A refusal that is no matter of time; `isFinal`: the server said that it never takes these bytes. */
function refusal(answer) {
  const { status, error } = answer.result;
  const isFinal = status === 'rejected';
  const text = isFinal && !answer.request.responseText ? `Rejected: ${error?.replaceAll('_', ' ') ?? 'no reason given'}.` : answer.message;
  return Object.assign(new Problem(text, '', answer.status, error), { isFinal });
}

/**
 * Sends `item` (`{ user, file, name, sha1, token?, isBegun? }`) and returns `{ status, asset }`.
 * @param hooks `{ signal, keep(), isTaken(token), sent(bytes), waiting(text, milliseconds) }`; `keep` resolves when `item` is
 *   written down, `isTaken` says whether another item goes on there, `waiting` resolves when it is time to try again
 * @throws Problem for what another try does not change
 */
export async function upload(item, { signal, keep, isTaken, sent, waiting }) {
  let failures = 0;
  let faults = 0;
  let offset = null;
  let confirmed = 0; // bytes of which the server said that they are on disk
  const ask = (method, path, headers = {}, body = null, progress = null) => request(method, address(path), { ...fields, ...identity(item.user), ...headers }, body, signal, progress);
  const again = async (answer) => {
    const { status } = answer;
    if (status === 401) throw new Problem('You are not logged in any more.', 'Log in again, and it goes on.', 401);
    faults = mayPass(status) ? faults + 1 : 0;
    if (!(passes(status) || mayPass(status)) || answer.result.error === 'other_user' || faults === tries) throw refusal(answer);
    failures += 1;
    offset = null;
    sent(confirmed);
    const asked = Number(answer.field('Retry-After')) * 1000;
    await waiting(answer.message, asked > 0 ? Math.min(asked, 60_000) : Math.min(30_000, 500 * 2 ** failures));
  };

  for (;;) {
    signal.throwIfAborted();
    if (!item.token) {
      if (item.isBegun) {
        // An earlier creation whose answer this page never saw: the connection broke, or the page was closed before it wrote it down.
        const answer = await ask('GET', '/backup/uploads');
        if (!answer.isGood) { await again(answer); continue; }
        item.token = leftBehind(answer.json, item, isTaken);
      }
      if (!item.token) {
        item.isBegun = true;
        await keep();
        const answer = await create(item, ask);
        if (!answer.isGood) { await again(answer); continue; }
        if (answer.result.asset) return answer.result; // these bytes were here already
        item.token = answer.field('Location').split('/').at(-1);
        offset = 0;
      }
      await keep();
    }
    const path = `/backup/uploads/${item.token}`;
    if (offset === null) {
      const answer = await ask('HEAD', path);
      if (answer.status === 404 || answer.status === 410) { item.token = null; continue; }
      if (answer.result.asset) return answer.result;
      if (answer.result.status === 'rejected') throw refusal(answer);
      if (!answer.isGood) { await again(answer); continue; }
      ({ offset } = answer);
    }
    confirmed = offset;
    sent(offset);
    const from = offset;
    await readable(item.file, from);
    const piece = item.file.slice(from, from + chunkSize());
    const answer = await ask('PATCH', path, { 'Upload-Offset': from, 'Content-Type': 'application/offset+octet-stream' },
      piece, (loaded) => sent(Math.min(item.file.size, from + loaded)));
    if (answer.result.asset) return answer.result;
    if (answer.status === 404 || answer.status === 410) { item.token = null; continue; }
    if (answer.isTooLargeForProxy) {
      if (tooLarge(piece.size)) { offset = null; continue; }
      throw new Problem(`A proxy before the server refuses even ${smallestChunk >> 10} KiB at once.`,
        'Whoever runs it has to raise its limit; in nginx that is client_max_body_size.', 413);
    }
    if (!answer.isGood) { await again(answer); continue; }
    if (answer.offset > from) failures = faults = 0;
    ({ offset } = answer);
  }
}

/** A request whose file was changed or removed fails as a broken connection does, and would be tried for ever. */
async function readable(file, from) {
  try {
    await file.slice(from, from + 1).arrayBuffer();
  } catch {
    throw new Problem('The file was changed or removed after it was chosen.', 'Choose it again.');
  }
}

function leftBehind(open, { file, sha1 }, isTaken) {
  return open.find((one) => one.sha1 === sha1 && one.length === file.size && !one.isReceiving && !isTaken(one.id))?.id ?? null;
}

function create({ file, name, sha1 }, ask) {
  const time = new Date(file.lastModified).toISOString();
  const metadata = Object.entries({ filename: name, sha1, fileCreatedAt: time, fileModifiedAt: time }).map(([key, value]) => `${key} ${text(value)}`);
  return ask('POST', '/backup/uploads', { 'Upload-Length': file.size, 'Upload-Metadata': metadata.join(',') });
}
