/** Vectors of words and names as a model of the page has them, and what is near what: see janelm/reading/embeddings.py. */

import { unpacked } from "../views/rooms.js";

/**
 * @typedef {Object} Entry
 * @property {string} name
 * @property {"person" | "name" | "word"} kind
 * @property {number} count
 * @property {number} book
 * @property {string} form  how it mostly stands in the text
 * @property {number} contexts  the places in which it was read
 */

/** @typedef {{entry: number, cosine: number}} Near */

/**
 * @typedef {Object} Told
 * @property {[string, Entry["kind"], number, number, string][]} entries
 * @property {number[]} contexts
 * @property {number} width
 * @property {string} vectors
 * @property {number[]} tokens
 * @property {string} pieces
 * @property {string} map
 */

const MIDDLE = 79; // the letter of zero
const MEANT = 5; // neighbours whose middle is the place of a word that is not on the map

export class Space {
  /** @param {Told} told */
  constructor(told) {
    this.width = told.width;
    /** @type {Entry[]} */
    this.entries = told.entries.map(([name, kind, count, book, form], i) => ({ name, kind, count, book, form, contexts: told.contexts[i] }));
    const vectors = lettered(told.vectors);
    this.vectors = this.entries.map((_, i) => unit(row(vectors, i, told.width)));
    const map = new Int16Array(Uint8Array.from(atob(told.map), (sign) => sign.charCodeAt(0)).buffer);
    /** @type {[number, number][]}  of the first entries, from -1 to 1 */
    this.map = Array.from({ length: map.length / 2 }, (_, i) => [map[2 * i] / 32767, map[2 * i + 1] / 32767]);
    this.pieces = lettered(told.pieces);
    this.tokens = new Map(told.tokens.map((token, place) => [token, place]));
  }

  /** The entry that is called so, or stands so in the text; else the most frequent in whose name it is. @param {string} wanted */
  find(wanted) {
    const small = wanted.toLowerCase();
    const exact = this.entries.findIndex(({ name, form }) => name.toLowerCase() === small || form.toLowerCase() === small);
    if (exact >= 0) return exact;
    let best = -1;
    this.entries.forEach(({ name, count }, place) => {
      const inside = name.toLowerCase().split(" (")[0].split(" ").includes(small);
      if (inside && (best < 0 || count > this.entries[best].count)) best = place;
    });
    return best;
  }

  /** A vector for a word that is no entry, from its tokens; null where they were never read. @param {number[]} tokens */
  guess(tokens) {
    const first = this.tokens.get(tokens[0] ?? -1);
    const last = this.tokens.get(tokens[tokens.length - 1] ?? -1);
    if (first === undefined || last === undefined) return null;
    const before = row(this.pieces, first, this.width);
    const after = row(this.pieces, this.tokens.size + last, this.width);
    return unit(before.map((value, i) => value + after[i]));
  }

  /** @type {(vector: Float32Array, most: number, without?: number) => Near[]} */
  nearest(vector, most, without = -1) {
    const all = this.vectors.map((other, entry) => ({ entry, cosine: dot(vector, other) }));
    return all.filter(({ entry }) => entry !== without).sort((a, b) => b.cosine - a.cosine).slice(0, most);
  }

  /** Where on the map a vector stands: in the middle of its neighbours there. @param {Float32Array} vector */
  place(vector) {
    const near = this.nearest(vector, this.entries.length).filter(({ entry }) => entry < this.map.length).slice(0, MEANT);
    const weights = near.map(({ cosine }) => Math.max(1e-6, cosine) ** 4);
    const total = weights.reduce((sum, weight) => sum + weight, 0) || 1;
    const mean = (/** @type {0 | 1} */ axis) => near.reduce((sum, { entry }, i) => sum + weights[i] * this.map[entry][axis], 0) / total;
    return /** @type {[number, number]} */ ([mean(0), mean(1)]);
  }
}

/** @type {(path: string, base: URL) => Promise<Map<string, Space>>}  of each model */
export async function fetchSpaces(path, base) {
  const told = await (await unpacked(path, base)).json();
  return new Map(Object.entries(told).map(([name, one]) => [name, new Space(/** @type {Told} */ (one))]));
}

/** A number for each letter, as janelm/site/rooms.py put them. @param {string} letters */
function lettered(letters) {
  return Int8Array.from(letters, (letter) => letter.charCodeAt(0) - MIDDLE);
}

/** @type {(values: Int8Array, place: number, width: number) => Float32Array} */
function row(values, place, width) {
  return Float32Array.from(values.subarray(place * width, (place + 1) * width));
}

/** @param {Float32Array} vector */
function unit(vector) {
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

/** @type {(a: Float32Array, b: Float32Array) => number} */
function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
