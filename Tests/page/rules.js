// Rules that every screen keeps, in the manner of axe. Returns what breaks them, one line each.
() => {
  const found = [];
  const visible = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && element.getClientRects().length > 0;
  const where = (element) => `${element.tagName.toLowerCase()}.${[...element.classList].join('.')} “${(element.textContent || '').trim().slice(0, 40)}”`;
  const say = (rule, element) => found.push(`${rule}: ${where(element)}`);
  const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
  const scope = document.querySelector('dialog[open]') ?? document;
  const inScope = (element) => scope.contains(element);

  const name = (element) => {
    const by = element.getAttribute('aria-labelledby');
    if (by) return by.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ').trim();
    const label = element.getAttribute('aria-label') ?? element.getAttribute('alt') ?? element.getAttribute('title');
    if (label) return label.trim();
    if (element.labels?.length) return [...element.labels].map((one) => one.textContent).join(' ').trim();
    const inner = [...element.querySelectorAll('[aria-label], img[alt]')].map((one) => one.getAttribute('aria-label') ?? one.alt).join(' ');
    return `${element.textContent} ${inner}`.trim();
  };

  const controls = all('a[href], button, input, select, textarea, summary, [role="button"], [tabindex]:not([tabindex="-1"])');
  for (const control of controls) {
    if (!name(control)) say('a control without a name', control);
    if (control.tabIndex > 0) say('a positive tabindex', control);
    if (control.closest('[aria-hidden="true"]')) say('a control that is hidden from screen readers', control);
    if (control.parentElement.closest('a[href], button')) say('a control in a control', control);
    const { width, height } = (control.closest('label') ?? control).getBoundingClientRect();
    const isInline = getComputedStyle(control).display === 'inline';
    if (!isInline && !control.classList.contains('unseen') && (width < 24 || height < 20)) say(`a target of ${width} by ${height}`, control);
  }
  for (const image of document.querySelectorAll('img')) if (!image.hasAttribute('alt')) say('an image without alt', image);
  for (const drawing of document.querySelectorAll('svg')) {
    if (!drawing.hasAttribute('aria-hidden') && !(drawing.getAttribute('role') === 'img' && drawing.hasAttribute('aria-label'))) say('a drawing without a word', drawing);
  }
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at))) found.push(`an id that stands twice: ${id}`);
  for (const element of document.querySelectorAll('[aria-describedby], [aria-labelledby], label[for]')) {
    for (const attribute of ['aria-describedby', 'aria-labelledby', 'for']) {
      for (const id of (element.getAttribute(attribute) ?? '').split(' ').filter(Boolean)) if (!document.getElementById(id)) say(`${attribute} to nothing`, element);
    }
  }
  if (!document.documentElement.lang) found.push('no language');
  if (!document.title) found.push('no title');
  if (document.querySelectorAll('main').length !== 1) found.push('not one main');
  for (const nav of all('nav')) if (!name(nav) || !nav.getAttribute('aria-label')) say('a navigation without a name', nav);
  const headings = all('h1, h2, h3, h4').filter((element) => element.closest('dialog') === document.querySelector('dialog[open]'));
  if (scope === document && headings.filter(({ tagName }) => tagName === 'H1').length !== 1) found.push('not one h1');
  headings.reduce((before, element) => {
    const level = Number(element.tagName[1]);
    if (before && level > before + 1) say(`a heading that leaves out a level after h${before}`, element);
    return level;
  }, scope === document ? 0 : 1);
  for (const list of document.querySelectorAll('ul, ol')) if ([...list.children].some(({ tagName }) => tagName !== 'LI')) say('a list with more than entries', list);
  for (const element of document.querySelectorAll('[role]')) {
    const known = ['status', 'alert', 'group', 'img', 'toolbar', 'timer', 'dialog'];
    if (!known.includes(element.getAttribute('role'))) say(`the role ${element.getAttribute('role')}`, element);
  }

  // Contrast: text against the nearest ground that is not transparent.
  const pixel = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    return [...pixel.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (colour) => {
    const [red, green, blue] = colour.slice(0, 3).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
      if (colour[3] > 0) return null; // a veil over a picture
    }
    return rgba(getComputedStyle(document.body).backgroundColor);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || seen.has(element) || !visible(element) || !inScope(element)) continue;
    seen.add(element);
    const style = getComputedStyle(element);
    if (element.closest(':disabled, .photo, .viewer .tools, .viewer .caption, .unseen, .bubble')) continue;
    const behind = ground(element);
    if (!behind) continue;
    const [one, other] = [luminance(rgba(style.color)), luminance(behind)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    const isLarge = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) say(`contrast ${ratio.toFixed(2)}`, element);
  }
  return found;
}
