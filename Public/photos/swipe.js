// A finger that moves left, right or down and is lifted.

const far = 50; // pixels

export function onSwipe(element, acts) {
  let start = null;
  element.addEventListener('pointerdown', (event) => {
    const isFree = event.pointerType === 'touch' && event.isPrimary && !element.querySelector('.near') && !event.target.closest('video, button');
    start = isFree ? { x: event.clientX, y: event.clientY } : null;
  });
  element.addEventListener('pointercancel', () => { start = null; });
  element.addEventListener('pointerup', (event) => {
    if (!start) return;
    const right = event.clientX - start.x;
    const down = event.clientY - start.y;
    start = null;
    if (Math.abs(right) > far && Math.abs(right) > 1.5 * Math.abs(down)) (right < 0 ? acts.left : acts.right)();
    else if (down > 2 * far && down > 1.5 * Math.abs(right)) acts.down();
  });
}
