// A QR code as a drawing: dark on light in every colour scheme, with the quiet border that scanners need.

import { shape } from '../core/dom.js';
import { qr } from './qr.js';

const border = 4; // modules

export function picture(text, label) {
  const dark = qr(text);
  const size = dark.length + 2 * border;
  const path = dark.flatMap((row, y) => row.map((module, x) => (module ? `M${x + border} ${y + border}h1v1h-1z` : ''))).join('');
  return shape('svg', { viewBox: `0 0 ${size} ${size}`, class: 'code', role: 'img', 'aria-label': label, 'shape-rendering': 'crispEdges' },
    shape('rect', { width: size, height: size, fill: '#fff' }), shape('path', { d: path, fill: '#000' }));
}
