// What the owner asks of a device. Clients that check in keep to it; the Immich app has settings of its own.

import { call } from '../core/api.js';
import { h } from '../core/dom.js';
import { ask } from '../core/dialog.js';
import { action, field } from '../core/form.js';
import { bytes } from '../core/format.js';

const megabyte = 1_000_000;
const networks = { any: 'Wi-Fi and mobile data', wifi: 'Wi-Fi only' };
const videos = { true: 'with videos', false: 'photos only' };

export function policy(device, redraw) {
  const { network, maxBytesOnCellular, includeVideos } = device.policy;
  const words = [networks[network], maxBytesOnCellular !== null && `files up to ${bytes(maxBytesOnCellular)} over mobile data`, videos[includeVideos]].filter(Boolean);
  const change = async () => {
    const isChanged = await ask('What it shall do', [
      h('p', {}, 'Apps that ask this server keep to it. The Immich app has settings of its own.'),
      field('Network', { name: 'network', value: network ?? '', options: [['', 'as the app is set'], ...Object.entries(networks)] }),
      field('Largest file over mobile data, in MB', { name: 'cellular', type: 'number', min: 0, step: 1, value: maxBytesOnCellular === null ? '' : Math.round(maxBytesOnCellular / megabyte) }, 'Empty: any'),
      field('Videos', { name: 'videos', value: includeVideos === null ? '' : String(includeVideos), options: [['', 'as the app is set'], ...Object.entries(videos)] }),
    ], 'Save', (values) => call('PATCH', `/backup/devices/${device.id}`, { policy: {
      network: values.network || null, maxBytesOnCellular: values.cellular === '' ? null : Number(values.cellular) * megabyte,
      includeVideos: values.videos === '' ? null : values.videos === 'true',
    } }));
    if (isChanged) await redraw();
  };
  return h('section', { class: 'card' }, h('h2', {}, 'What it shall do'),
    h('div', { class: 'between' }, h('p', {}, words.length ? words.join(', ') : 'As its app is set.'), action('Change', change, { 'aria-label': 'Change what it shall do' })));
}
