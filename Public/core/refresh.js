// Parts of a screen that follow what happens, without taking away what somebody is about to press or has the focus on.

import { fill } from './dom.js';

const controls = 'a[href], button, input, select, summary';
const waiting = new Map();
let isPressed = false;

addEventListener('pointerdown', () => { isPressed = true; }, { capture: true });
for (const kind of ['pointerup', 'pointercancel', 'contextmenu', 'dragend', 'blur']) {
  addEventListener(kind, () => setTimeout(() => { // after the click that follows
    isPressed = false;
    const parts = [...waiting.values()];
    waiting.clear();
    for (const act of parts) act();
  }), { capture: true });
}

/**
 * Fills `part` with `make()` where `data` is other than last time, or a minute went by (“2 minutes ago” grows old).
 * Waits while a button is held down; the focus stays on the control that has it.
 */
export function refresh(part, data, make) {
  if (isPressed) return void waiting.set(part, () => refresh(part, data, make));
  const key = `${JSON.stringify(data)} ${Math.floor(Date.now() / 60_000)}`;
  if (part.shownKey === key) return;
  part.shownKey = key;
  const held = [...part.querySelectorAll(controls)].indexOf(document.activeElement);
  fill(part, make());
  if (held >= 0) part.querySelectorAll(controls)[held]?.focus({ preventScroll: true });
}
