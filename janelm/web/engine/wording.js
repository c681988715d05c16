/**
 * Words that are favoured or banned, as janelm/writing/wording.py specifies it.
 *
 * Bytes are strings of characters below U+0100.
 */

/** @typedef {Map<number, number>} Shares  of a word, by the token that writes it */

/** The rule for one vocabulary. */
export class Wording {
  #vocabulary;
  #strength;
  #favour;
  #ban;
  #tail = "";
  #most;
  /** @type {Map<string, Set<number>>} */
  #completing = new Map();
  /** @type {Map<string, Shares>} */
  #goingOn = new Map();

  /**
   * @param {string[]} favour
   * @param {string[]} ban
   * @param {number} strength
   * @param {readonly string[]} vocabulary  each token's bytes
   */
  constructor(favour, ban, strength, vocabulary) {
    this.#vocabulary = vocabulary;
    this.#strength = strength;
    this.#favour = forms(favour);
    this.#ban = forms(ban);
    this.#most = Math.max(0, ...[...this.#favour, ...this.#ban].map((word) => word.length)) + 3;
  }

  /** @param {number} token */
  note(token) {
    this.#tail = (this.#tail + this.#vocabulary[token]).slice(-this.#most);
  }

  /** The tokens that would complete a banned word here. @returns {number[]} */
  banned() {
    /** @type {Set<number>} */
    const found = new Set();
    for (const word of this.#ban) {
      for (const token of this.#complete(word, true)) found.add(token);
      for (const rest of this.#rests(word)) for (const token of this.#complete(rest, false)) found.add(token);
    }
    return [...found];
  }

  /** @param {Float64Array} logits  (V), changed where a favoured word would begin or go on */
  apply(logits) {
    /** @type {Shares} */
    const found = new Map();
    for (const word of this.#favour) {
      keepLargest(found, this.#goOn(word, word, true));
      for (const rest of this.#rests(word)) keepLargest(found, this.#goOn(rest, word, false));
    }
    for (const [token, share] of found) logits[token] += this.#strength * share;
  }

  /**
   * What is still to be written of a word, for each way in which the text's end may be its beginning.
   * @param {string} word
   */
  #rests(word) {
    const rests = [];
    for (let length = 0; length < word.length; length++) {
      const before = this.#tail.slice(0, this.#tail.length - length);
      if (this.#tail.endsWith(word.slice(0, length)) && mayBegin(before)) rests.push(word.slice(length));
    }
    return rests;
  }

  /** @type {(rest: string, inside: boolean) => Set<number>} */
  #complete(rest, inside) {
    const key = `${inside} ${rest}`;
    let found = this.#completing.get(key);
    if (!found) {
      found = new Set();
      for (const [token, data] of this.#vocabulary.entries()) {
        for (const begin of inside ? begins(data) : [0]) {
          if (data.startsWith(rest, begin) && mayEnd(data.slice(begin + rest.length))) found.add(token);
        }
      }
      this.#completing.set(key, found);
    }
    return found;
  }

  /** @type {(rest: string, word: string, inside: boolean) => Shares} */
  #goOn(rest, word, inside) {
    const key = `${inside} ${rest} ${word}`;
    let found = this.#goingOn.get(key);
    if (!found) {
      found = new Map();
      for (const [token, data] of this.#vocabulary.entries()) {
        for (const begin of inside ? begins(data) : [0]) {
          const part = data.slice(begin);
          if (!part) continue;
          if (rest.startsWith(part) || (part.startsWith(rest) && mayEnd(part.slice(rest.length)))) {
            keepLargest(found, new Map([[token, Math.min(part.length, rest.length) / word.length]]));
          }
        }
      }
      this.#goingOn.set(key, found);
    }
    return found;
  }
}

/** @param {string[]} words  @returns {string[]}  as bytes, each in the forms in which it may be written */
function forms(words) {
  const all = words.flatMap((word) => {
    const [first = ""] = word;
    return word === word.toLowerCase() ? [word, first.toUpperCase() + word.slice(first.length), word.toUpperCase()] : [word];
  });
  const bytes = all.map((form) => String.fromCharCode(...new TextEncoder().encode(form)));
  return [...new Set(bytes)];
}

/** @type {(found: Shares, shares: Shares) => void} */
function keepLargest(found, shares) {
  for (const [token, share] of shares) found.set(token, Math.max(found.get(token) ?? 0, share));
}

/** @param {string} data  where a word may begin within a token, but for its start */
function begins(data) {
  return Array.from(data, (_, place) => place).filter((place) => place && mayBegin(data.slice(0, place)));
}

/** @param {string} before */
function mayBegin(before) {
  const last = before.slice(-1);
  return !before || !isLetter(last) || (before.slice(-3, -1) === "\xe2\x80" && last >= "\x90");
}

/** @param {string} after */
function mayEnd(after) {
  return !after || !isLetter(after[0]) || after.startsWith("\xe2\x80");
}

/** @param {string} byte */
function isLetter(byte) {
  return byte >= "\x80" || (byte >= "A" && byte <= "Z") || (byte >= "a" && byte <= "z");
}
