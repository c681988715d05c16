/** Which tokens may stand next in a text that is written, as janelm/text/spelling.py says it. */

const UNHEARD_OF = /[^\P{Cc}\t\n]|\p{Noncharacter_Code_Point}|\uFEFF/u;
const PLAIN = /^[\t\n\x20-\x7e]+$/;
const KEPT = 64; // lists of tokens that are remembered: most texts begin but a few characters again and again

/** The rule for one vocabulary. */
export class Spelling {
  #vocabulary;
  /** @type {Map<string, number[]>} */
  #barred = new Map();

  /** @param {string[]} vocabulary  each token's bytes, as a string of characters below U+0100; none of a special token */
  constructor(vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** @returns {readonly string[]} */
  get vocabulary() {
    return this.#vocabulary;
  }

  /**
   * The bytes of the character that is begun after a token: the last byte that announces more of them than follow it,
   * and those that do.
   * @param {string} begun  those before it
   * @param {number} token
   */
  after(begun, token) {
    const last = (begun + this.#vocabulary[token]).slice(-3);
    for (let length = 1; length <= last.length; length++) {
      const byte = last.charCodeAt(last.length - length);
      if (byte >= 0xc0) return length < 2 + Number(byte >= 0xe0) + Number(byte >= 0xf0) ? last.slice(-length) : "";
      if (byte < 0x80) break;
    }
    return "";
  }

  /**
   * The tokens that may not stand where the bytes of `begun` do; none where that would be all of them.
   * @param {string} begun
   * @returns {number[]}
   */
  barred(begun) {
    let barred = this.#barred.get(begun);
    if (!barred) {
      barred = [...this.#vocabulary.keys()].filter((token) => !fits(begun, this.#vocabulary[token]));
      if (barred.length === this.#vocabulary.length) barred = [];
      if (this.#barred.size >= KEPT) {
        const [oldest] = [...this.#barred.keys()].filter(Boolean); // "" is asked for all the time
        this.#barred.delete(oldest);
      }
      this.#barred.set(begun, barred);
    }
    return barred;
  }

  /** The tokens that may stand nowhere, whatever is begun. */
  get never() {
    const tokens = [...this.#vocabulary.keys()];
    return tokens.filter((token) => !fits("", this.#vocabulary[token].replace(/^[\x80-\xbf]{1,3}/, "")));
  }
}

/**
 * @param {string} begun
 * @param {string} data
 */
function fits(begun, data) {
  if (begun ? !/^[\x80-\xbf]/.test(data) : PLAIN.test(data)) return !begun;
  const bytes = Uint8Array.from(begun + data, (byte) => byte.charCodeAt(0));
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return !UNHEARD_OF.test(decoder.decode(bytes, { stream: true }));
  } catch {
    return false; // it is not UTF-8
  }
}
