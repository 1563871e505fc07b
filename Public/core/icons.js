// One set of line icons, drawn on 24 by 24.

import { shape } from './dom.js';

const paths = {
  overview: 'M4 11.5 12 5l8 6.5M6 10v9h12v-9M10 19v-5h4v5',
  photos: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01',
  albums: 'M4 8h16v12H4zM7 8V4h10v4',
  upload: 'M12 16V5M7 9.5 12 4.5l5 5M5 19h14',
  devices: 'M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM11 18h2',
  activity: 'M4 12h4l2.5-6 4 12L17 12h3',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c.5-4 3-6 6-6s5.5 2 6 6M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5c1.8.8 2.8 2.8 3 5.5',
  keys: 'M8 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 12h9M17 12v4M21 12v3',
  connect: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 18h2v2h-2zM18 14h2M14 18v2',
  server: 'M4 5h16v6H4zM4 13h16v6H4zM7.5 8h.01M7.5 16h.01',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  restore: 'M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5',
  download: 'M12 4v11M7 10.5l5 5 5-5M5 20h14',
  close: 'M6 6l12 12M18 6 6 18',
  back: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
  heart: 'M12 20S4 15 4 9.3A4.3 4.3 0 0 1 12 7a4.3 4.3 0 0 1 8 2.3C20 15 12 20 12 20z',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 8h.01',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  play: 'M8 5.5v13l10-6.5z',
  phone: 'M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM11 18h2',
  desktop: 'M4 5h16v11H4zM9 20h6M12 16v4',
  browser: 'M4 5h16v14H4zM4 9h16M7 7h.01',
  program: 'M5 7l5 5-5 5M12 17h7',
  warning: 'M12 4 3 19h18zM12 10v4M12 16.5h.01',
  moon: 'M19 14.5A7.5 7.5 0 0 1 9.5 5 7.5 7.5 0 1 0 19 14.5z',
  copy: 'M9 9h11v11H9zM5 15V4h11',
  plus: 'M12 5v14M5 12h14',
  bell: 'M6 16.5h12l-1.5-2.5v-3.5a4.5 4.5 0 0 0-9 0V14zM10.3 19.5a2 2 0 0 0 3.4 0',
  mail: 'M4 6h16v12H4zM4.5 7l7.5 6 7.5-6',
  link: 'M10 14a4 4 0 0 0 5.7 0l2.6-2.6a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-2.6 2.6a4 4 0 0 0 5.7 5.7l1-1',
};

/** A drawing that says nothing to a screen reader: the words beside it do. */
export function icon(name) {
  const drawing = shape('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true', focusable: 'false' });
  drawing.append(shape('path', { d: paths[name] ?? paths.info }));
  return drawing;
}
