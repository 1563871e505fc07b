// A finger that stays where it is.

const long = 500; // milliseconds
const still = 6; // pixels

/** Calls `act(element)` for what `selector` finds under a finger that stays; `begin` at every touch and click. */
export function onLongPress(root, selector, act, begin, signal) {
  let timer = null;
  let isLong = false;
  const listen = (kind, heard) => root.addEventListener(kind, heard, { signal });
  const end = () => clearTimeout(timer);
  listen('pointerdown', (event) => {
    begin();
    isLong = false;
    const element = event.target.closest(selector);
    if (event.pointerType !== 'touch' || !element) return;
    timer = setTimeout(() => {
      isLong = true;
      act(element);
    }, long);
  });
  listen('pointerup', end);
  listen('pointercancel', end);
  listen('pointermove', (event) => { if (Math.hypot(event.movementX, event.movementY) > still) end(); });
  listen('contextmenu', (event) => { if (isLong) event.preventDefault(); });
}
