// Two sizes: fitting, and near. A double click or tap changes between them; near, the photo is dragged about.

export function zoomable(frame, image) {
  let isNear = false;
  let x = 0;
  let y = 0;
  let tapped = 0;
  const place = () => { image.style.transform = isNear ? `translate(${x}px, ${y}px) scale(2.5)` : ''; };
  const toggle = (event) => {
    isNear = !isNear;
    const bounds = frame.getBoundingClientRect();
    x = isNear ? (bounds.left + bounds.width / 2 - event.clientX) * 1.5 : 0;
    y = isNear ? (bounds.top + bounds.height / 2 - event.clientY) * 1.5 : 0;
    frame.classList.toggle('near', isNear);
    place();
  };
  frame.addEventListener('dblclick', (event) => { if (event.target === image) toggle(event); });
  frame.addEventListener('pointerup', (event) => {
    if (event.pointerType !== 'touch' || event.target !== image) return;
    const now = event.timeStamp;
    if (now - tapped < 300) toggle(event);
    tapped = now;
  });
  frame.addEventListener('pointermove', (event) => {
    if (!isNear || event.buttons === 0) return;
    const limit = (size) => size * 0.9;
    x = Math.max(-limit(frame.clientWidth), Math.min(limit(frame.clientWidth), x + event.movementX));
    y = Math.max(-limit(frame.clientHeight), Math.min(limit(frame.clientHeight), y + event.movementY));
    place();
  });
}
