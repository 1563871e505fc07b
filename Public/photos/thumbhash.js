// The mean colour that a thumbhash begins with: what a photo's place shows until the photo is there.

/** `rgb(…)` of a base64 thumbhash; null where there is none. */
export function meanColour(thumbhash) {
  if (!thumbhash) return null;
  const [one, two, three] = [...atob(thumbhash.slice(0, 4))].map((character) => character.charCodeAt(0));
  const bits = one | two << 8 | three << 16;
  const lightness = (bits & 63) / 63;
  const p = (bits >> 6 & 63) / 31.5 - 1;
  const q = (bits >> 12 & 63) / 31.5 - 1;
  const blue = lightness - 2 / 3 * p;
  const red = (3 * lightness - blue + q) / 2;
  const part = (value) => Math.round(Math.min(1, Math.max(0, value)) * 255);
  return `rgb(${part(red)} ${part(red - q)} ${part(blue)})`;
}
