// Shows what the server has to say of a device in trouble, while the page is closed. It keeps nothing, fetches nothing and
// answers no request of the page.

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

addEventListener('install', () => skipWaiting());

addEventListener('push', (event) => event.waitUntil(tell(read(event.data))));

addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(lead(event.notification.data?.place ?? '#/devices'));
});

function read(data) {
  try {
    return data.json() ?? {};
  } catch {
    return {};
  }
}

/** Browsers want something shown for every message, whatever it holds. A device's newer state takes the place of its older one. */
function tell({ title, text, device }) {
  const place = uuid.test(device) ? `#/devices/${device}` : '#/devices';
  return registration.showNotification(String(title || 'Nightstand'), {
    body: String(text || 'Please look at your devices.'), tag: place, renotify: true, icon: 'icon.png', lang: 'en', data: { place },
  });
}

/** To the page where it is open, else opens it. */
async function lead(place) {
  const pages = await clients.matchAll({ type: 'window', includeUncontrolled: true });
  const page = pages.find(({ url }) => url.startsWith(registration.scope));
  if (!page) return clients.openWindow(registration.scope + place);
  await page.focus().catch(() => {}); // it may refuse that; the page goes there all the same
  page.postMessage({ place });
}
