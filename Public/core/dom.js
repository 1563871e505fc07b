// Elements from code. Text goes in as text, never as markup: there is no innerHTML anywhere on this page.

/**
 * `h('button', { class: 'quiet', onclick: go, 'aria-label': 'Go' }, 'Go')`. A property whose value is null, undefined or
 * false is left out; functions are listeners; `data` fills the dataset. Children may be nodes, texts, lists, null.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name === 'data') Object.assign(element.dataset, value);
    else if (name === 'value' || name === 'checked') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  return add(element, children);
}

const there = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

/** Puts children behind those that `parent` has. */
export function add(parent, ...children) {
  parent.append(...there(children));
  return parent;
}

/** Replaces what is in `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren(...there(children));
  return parent;
}

const svg = 'http://www.w3.org/2000/svg';

/** An SVG element; used for icons and codes. */
export function shape(tag, attributes = {}, ...children) {
  const element = document.createElementNS(svg, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

let numbers = 0;
/** An id that no other element has. */
export function fresh(prefix) {
  numbers += 1;
  return `${prefix}-${numbers}`;
}

/** Says something to people who do not see the page change. */
export function announce(text) {
  document.getElementById('said').textContent = text;
}
