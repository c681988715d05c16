/**
 * xoshiro128** (Blackman and Vigna 2018), seeded by splitmix32: twin of `Random` in janelm/writing/sampling.py.
 * tests/golden/sampling.json holds both together.
 */

export class Random {
  #words = new Uint32Array(4);

  /** @param {number} seed  any integer; its lowest 32 bits count */
  constructor(seed) {
    for (let step = 1; step <= 4; step++) {
      let z = (seed + step * 0x9e3779b9) >>> 0;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.#words[step - 1] = z ^ (z >>> 16);
    }
  }

  /** The next number in [0, 1), a multiple of 2**-32. */
  uniform() {
    const words = this.#words;
    const result = Math.imul(rotateLeft(Math.imul(words[1], 5), 7), 9) >>> 0;
    const shifted = words[1] << 9;
    words[2] ^= words[0];
    words[3] ^= words[1];
    words[1] ^= words[2];
    words[0] ^= words[3];
    words[2] ^= shifted;
    words[3] = rotateLeft(words[3], 11);
    return result / 2 ** 32;
  }
}

/**
 * @param {number} value
 * @param {number} count
 */
function rotateLeft(value, count) {
  return (value << count) | (value >>> (32 - count));
}
