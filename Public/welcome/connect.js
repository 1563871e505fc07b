// Pairing: the address for a phone, a key for other programs, and the canary that proves that a photo arrives.

import { call } from '../core/api.js';
import { add, fill, h } from '../core/dom.js';
import { lifetime } from '../core/events.js';
import { copyable, field, form } from '../core/form.js';
import { picture } from '../qr/picture.js';
import { canary } from './canary.js';
import { proxyTest } from './proxy-test.js';

/** Where this page stands, as somebody enters it in an app: a proxy may have put it below a path. */
const here = () => new URL('.', document.baseURI).href.replace(/\/$/, '');

const isLocal = (url) => ['localhost', '127.0.0.1', '[::1]'].includes(new URL(url).hostname);

export async function show(root, { user, greeting }) {
  add(root, h('h1', {}, greeting ?? 'Connect'));
  if (!user) return void add(root, forPhone());
  const [signal, leave] = lifetime();
  const phone = h('section', { class: 'card' }, h('h2', {}, 'Connect a phone'));
  add(root,
    h('p', { class: 'lead' }, 'Three steps: the phone gets the address, you log in, and a photo proves that it works.'),
    h('div', { class: 'columns' }, phone, h('section', { class: 'card' }, h('h2', {}, 'Does it arrive?'), canary(signal))),
    h('div', { class: 'columns' }, program(), h('div', { class: 'part' }, browser(), proxyTest())));
  add(phone, await pairing());
  return leave;
}

/** What a phone shows that has scanned the code: the address to copy, before any login. */
function forPhone() {
  return h('section', { class: 'card narrow' },
    h('h2', {}, 'Back up this phone'),
    h('ol', { class: 'steps' },
      h('li', {}, 'Install the Immich app from the app store.'),
      h('li', {}, 'Copy this address, and enter it in the app as the server:', copyable('Server address', here())),
      h('li', {}, 'Log in with your e-mail and password.'),
      h('li', {}, 'In the app, tap the cloud, choose the albums, and switch backup on.')),
    h('p', {}, h('a', { href: '#/' }, 'Log in on this page instead')));
}

async function pairing() {
  const known = await call('GET', '/backup/pairing');
  // The server knows by which host it was asked, and not below which path.
  const addresses = [known.serverUrl, here(), ...known.addresses.map((address) => (address === location.origin ? here() : address))]
    .filter((address, index, all) => address && all.indexOf(address) === index && !isLocal(address));
  const local = addresses.length === 0;
  if (local) addresses.push(here());
  const code = h('div', { class: 'code-frame' });
  const line = h('div', {});
  const choose = (address) => {
    fill(code, picture(`${address}/#/connect`, `QR code: ${address}`));
    fill(line, copyable('Server address', address));
  };
  choose(addresses[0]);
  const which = addresses.length > 1
    ? field('Address', { options: addresses.map((address) => [address, address]), value: addresses[0], onchange: (event) => choose(event.target.value) })
    : null;
  return [
    h('ol', { class: 'steps' },
      h('li', {}, 'Install the Immich app on the phone.'),
      h('li', {}, 'Point the phone’s camera at this code. It opens this page there, with the address to copy into the app.', code, which, line,
        local && h('p', { class: 'hint warn' }, 'This address works on this machine only. Start the server with --host 0.0.0.0, '
          + 'and open this page by the machine’s network address.')),
      h('li', {}, 'Log in there with your e-mail and password, choose the albums, and switch backup on.')),
    !known.isTLS && location.protocol === 'http:' && h('p', { class: 'hint note' },
      'The connection is not encrypted. At home that may do; from outside use HTTPS: --tls-cert, or a reverse proxy.'),
  ];
}

function program() {
  const made = h('div', { 'aria-live': 'polite' });
  return h('section', { class: 'card' },
    h('h2', {}, 'Connect a program'),
    h('p', {}, 'Scanners, Shortcuts, command lines and photo frames take an API key instead of your password.'),
    form([
      field('What is it for?', { name: 'name', required: true, maxlength: 100, placeholder: 'Laptop, photo frame …' }),
      field('It may', {
        name: 'scope', value: 'asset.upload',
        options: [['asset.upload', 'upload only: cannot see or delete anything'], ['all', 'do everything that you may do']],
      }),
    ], 'Make a key', async ({ name, scope }, element) => {
      const { secret } = await call('POST', '/api-keys', { name, permissions: [scope] });
      fill(made, newKey(name, secret));
      made.querySelector('textarea').select();
      element.reset();
    }), made);
}

/** The secret, as text and as a code to scan. */
export function newKey(name, secret) {
  return h('div', { class: 'made' },
    h('p', {}, h('strong', {}, name), ': copy the key now. The server keeps only its fingerprint and cannot show it again.'),
    copyable('API key', secret, { rows: 2 }),
    h('details', {}, h('summary', {}, 'Show it as a QR code'), h('div', { class: 'code-frame' }, picture(secret, 'QR code: the API key'))));
}

function browser() {
  return h('section', { class: 'card' },
    h('h2', {}, 'Or bring photos yourself'),
    h('p', {}, 'A folder from an old computer, a card from a camera: the browser sends them, and goes on where it stopped.'),
    h('p', {}, h('a', { class: 'button', href: '#/upload' }, 'Upload from this browser')));
}
