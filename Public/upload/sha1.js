// SHA-1 piece by piece (FIPS 180-4). WebCrypto wants the whole file in memory, and is not there at all without HTTPS.

export class SHA1 {
  #state = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
  #words = new Int32Array(80);
  #block = new Uint8Array(64);
  #filled = 0;
  #length = 0; // bytes

  /** @param {Uint8Array} bytes the next piece, of whatever length */
  update(bytes) {
    this.#length += bytes.length;
    let at = 0;
    if (this.#filled > 0) {
      at = Math.min(64 - this.#filled, bytes.length);
      this.#block.set(bytes.subarray(0, at), this.#filled);
      this.#filled += at;
      if (this.#filled < 64) return this;
      this.#mix(new DataView(this.#block.buffer), 0);
      this.#filled = 0;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (; at + 64 <= bytes.length; at += 64) this.#mix(view, at);
    this.#block.set(bytes.subarray(at));
    this.#filled = bytes.length - at;
    return this;
  }

  /** The digest of everything so far, in hexadecimal. Ends the computation. */
  hex() {
    const length = this.#length;
    const tail = new Uint8Array(this.#filled < 56 ? 64 : 128);
    tail.set(this.#block.subarray(0, this.#filled));
    tail[this.#filled] = 0x80;
    const view = new DataView(tail.buffer);
    view.setUint32(tail.length - 8, Math.floor(length / 0x20000000));
    view.setUint32(tail.length - 4, length * 8 >>> 0);
    for (let at = 0; at < tail.length; at += 64) this.#mix(view, at);
    return [...this.#state].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #mix(view, at) {
    const words = this.#words;
    const state = this.#state;
    for (let i = 0; i < 16; i += 1) words[i] = view.getInt32(at + i * 4);
    for (let i = 16; i < 80; i += 1) {
      const word = words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16];
      words[i] = word << 1 | word >>> 31;
    }
    let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    let next;
    for (let i = 0; i < 20; i += 1) {
      next = (a << 5 | a >>> 27) + (b & c | ~b & d) + 0x5a827999 + e + words[i] | 0;
      e = d; d = c; c = b << 30 | b >>> 2; b = a; a = next;
    }
    for (let i = 20; i < 40; i += 1) {
      next = (a << 5 | a >>> 27) + (b ^ c ^ d) + 0x6ed9eba1 + e + words[i] | 0;
      e = d; d = c; c = b << 30 | b >>> 2; b = a; a = next;
    }
    for (let i = 40; i < 60; i += 1) {
      next = (a << 5 | a >>> 27) + (b & c | b & d | c & d) + 0x8f1bbcdc + e + words[i] | 0;
      e = d; d = c; c = b << 30 | b >>> 2; b = a; a = next;
    }
    for (let i = 60; i < 80; i += 1) {
      next = (a << 5 | a >>> 27) + (b ^ c ^ d) + 0xca62c1d6 + e + words[i] | 0;
      e = d; d = c; c = b << 30 | b >>> 2; b = a; a = next;
    }
    state[0] = state[0] + a | 0;
    state[1] = state[1] + b | 0;
    state[2] = state[2] + c | 0;
    state[3] = state[3] + d | 0;
    state[4] = state[4] + e | 0;
  }
}
