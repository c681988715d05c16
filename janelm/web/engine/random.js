/**
 * xoshiro128** (Blackman and Vigna 2018), seeded by splitmix32: twin of `Random` in janelm/writing/sampling.py.
 * tests/golden/sampling.json holds both together.
 */

export class Random {
  #words = new Uint32Array(4);

  /** @param {number} seed  any integer; its lowest 32 bits count */
  constructor(seed) {
    for (let i = 0; i < 4; i++) this.#words[i] = splitmix32(seed, i + 1);
  }

  /** The next number, of 32 bits. */
  word() {
    const words = this.#words;
    const result = Math.imul(rotateLeft(Math.imul(words[1], 5), 7), 9) >>> 0;
    const shifted = words[1] << 9;
    words[2] ^= words[0];
    words[3] ^= words[1];
    words[1] ^= words[2];
    words[0] ^= words[3];
    words[2] ^= shifted;
    words[3] = rotateLeft(words[3], 11);
    return result;
  }
}

/**
 * An output of splitmix32, of 32 bits.
 * @param {number} seed  any integer; its lowest 32 bits count
 * @param {number} number  which one: the first is 1
 */
export function splitmix32(seed, number) {
  let z = (seed + Math.imul(number, 0x9e3779b9)) >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

/**
 * @param {number} value
 * @param {number} count
 */
function rotateLeft(value, count) {
  return (value << count) | (value >>> (32 - count));
}
