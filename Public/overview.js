// What is stored, how much room is left, and how to connect a phone or a program.

import { call } from './api.js';
import { onSend, show, version } from './view.js';

export async function overview(user, greeting = `Hello, ${user.name}`) {
  const view = show('overview');
  view.find('h1').textContent = greeting;
  connectPhone(view);
  connectProgram(view);
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.addEventListener('click', () => copy(view.slot(button.dataset.copy), button));
  }
  try {
    await fillNumbers(view);
  } catch (problem) {
    view.problem(problem);
  }
}

async function fillNumbers(view) {
  const [assets, disk, about] = await Promise.all([
    call('GET', '/assets/statistics'), call('GET', '/server/storage'), call('GET', '/server/about'),
  ]);
  const count = new Intl.NumberFormat();
  view.slot('photos').textContent = count.format(assets.images);
  view.slot('videos').textContent = count.format(assets.videos);
  view.slot('free').textContent = disk.diskAvailable;
  view.slot('disk').textContent = `${disk.diskUse} of ${disk.diskSize} in use`;
  version(about.build, about.version);
  view.find('progress').value = disk.diskUsagePercentage;
}

function connectPhone(view) {
  view.slot('address').value = location.origin;
  view.slot('local').hidden = !['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
}

function connectProgram(view) {
  const form = view.find('[data-form="key"]');
  onSend(form, async ({ name }) => {
    const { secret } = await call('POST', '/api-keys', { name, permissions: ['all'] });
    view.slot('key-name').textContent = name;
    view.slot('secret').value = secret;
    view.slot('made').hidden = false;
    view.slot('secret').select();
    form.reset();
  });
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
