// Error correction of QR codes: arithmetic in the field of 256 elements (x^8 + x^4 + x^3 + x^2 + 1).

const powers = new Uint8Array(255);
const logarithms = new Uint8Array(256);
for (let exponent = 0, value = 1; exponent < 255; exponent += 1) {
  powers[exponent] = value;
  logarithms[value] = exponent;
  value = value << 1 ^ (value & 0x80 ? 0x11d : 0);
}

const product = (a, b) => (a && b ? powers[(logarithms[a] + logarithms[b]) % 255] : 0);

/** The product of (x - 2^i) for i below `degree`, highest power first, without its leading 1. */
function generator(degree) {
  let factors = [1];
  for (let root = 0; root < degree; root += 1) {
    const next = [...factors, 0];
    factors.forEach((factor, index) => { next[index + 1] ^= product(factor, powers[root]); });
    factors = next;
  }
  return factors.slice(1);
}

/** The `degree` correction codewords of `data`: the remainder after division by the generator. */
export function correction(data, degree) {
  const factors = generator(degree);
  const rest = new Array(degree).fill(0);
  for (const byte of data) {
    const lead = byte ^ rest.shift();
    rest.push(0);
    factors.forEach((factor, index) => { rest[index] ^= product(factor, lead); });
  }
  return rest;
}
