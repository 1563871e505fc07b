/** Puts `element` where `order` says among the others: they are read out in the order of the photos, whichever came first. */
export function insert(parent, element, order) {
  element.order = order;
  const next = [...parent.children].find((other) => other !== element && other.order > order);
  if (next) parent.insertBefore(element, next);
  else parent.append(element);
}
