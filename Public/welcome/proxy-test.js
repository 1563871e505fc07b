// How large a request may be on the way to the server: bodies that grow, until whatever stands in between says no.

import { call } from '../core/api.js';
import { fill, h } from '../core/dom.js';
import { action } from '../core/form.js';
import { bytes } from '../core/format.js';

const sizes = [256 << 10, 1 << 20, 8 << 20, 32 << 20, 110 << 20]; // the last one: above the 100 MB of some providers

export function proxyTest() {
  const said = h('div', { role: 'status' });
  const run = async () => {
    let passed = 0;
    for (const size of sizes) {
      fill(said, h('p', { class: 'hint' }, `Sending ${bytes(size)} …`));
      const problem = await send(size);
      if (problem) return void fill(said, verdict(passed, size, problem));
      passed = size;
    }
    fill(said, h('p', { class: 'good-word' }, `Requests of ${bytes(passed)} pass: nothing on the way holds up large videos.`));
  };
  return h('section', { class: 'card' }, h('h2', {}, 'Do large videos pass?'),
    h('p', {}, 'A reverse proxy may refuse large requests: then photos arrive and videos do not. This sends up to 150 MB of nothing, by the way that this page came.'),
    action('Test it', run), said);
}

/** Null where all of it arrived. */
async function send(size) {
  try {
    const answer = await call('POST', '/backup/diag/echo', undefined, { raw: new Blob([new Uint8Array(size)]), wait: 120_000 });
    return answer.bytes === size ? null : { status: 0, message: `Only ${bytes(answer.bytes)} arrived.` };
  } catch (error) {
    if (error.status === 401 || error.status === 409) throw error;
    return error;
  }
}

function verdict(passed, size, { status, message }) {
  const limit = passed ? `${bytes(passed)} pass, ${bytes(size)} do not` : `Not even ${bytes(size)} pass`;
  return h('div', { class: 'problem' },
    h('p', {}, `${limit}: ${status === 413 ? 'something on the way refuses larger requests (413)' : message}`),
    h('p', {}, 'Set the proxy’s limit to nothing (nginx: client_max_body_size 0). Until then the Immich app cannot send larger videos; this page sends in small pieces.'));
}
