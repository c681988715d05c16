/**
 * Any word or phrase in the text, as its twin janelm/reading/searching.py finds it; tests hold the two together.
 *
 * @typedef {{begin: number, end: number}} Place
 */

const UNSPACED = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}";
const WORD = new RegExp(`[${UNSPACED}]|[\\p{L}\\p{M}]+(?:['’][\\p{L}\\p{M}]+)*`, "gu");
const NEAR = 5; // words on each side that stand beside a word
const LEAST = 3;
const REACH = 80; // characters in which these are looked for

/** @param {string} word  as it is counted: small letters, a plain apostrophe, no 's at its end */
export function normal(word) {
  return word.replaceAll("’", "'").toLowerCase().replace(/'s$/, "");
}

/**
 * Where a phrase stands, in any case, its words parted by any white space.
 * @param {string} text
 * @param {string} phrase
 * @param {boolean} whole  words only, or inside others too
 * @returns {Place[]}
 */
export function search(text, phrase, whole) {
  const words = phrase.split(/\s+/u).filter(Boolean);
  if (!words.length) return [];
  const inside = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("\\s+");
  const pattern = whole ? `(?<![\\p{L}\\p{M}])${inside}(?![\\p{L}\\p{M}])` : inside;
  return Array.from(text.matchAll(new RegExp(pattern, "giu")), ({ index, 0: { length } }) => ({
    begin: index,
    end: index + length,
  }));
}

/**
 * How many stand in each of so many equal slices of a part of the text.
 * @param {Place[]} places
 * @param {number} slices
 * @param {number} begin
 * @param {number} end
 */
export function along(places, slices, begin, end) {
  const counts = new Array(slices).fill(0);
  const size = Math.max(1, end - begin);
  for (const place of places) {
    if (place.begin >= begin && place.begin < end) counts[Math.floor(((place.begin - begin) * slices) / size)]++;
  }
  return counts;
}

/**
 * Gries' DP over equal slices: 0 is even, 1 is all in one of them.
 * @param {number[]} counts
 */
export function dispersion(counts) {
  const total = counts.reduce((sum, count) => sum + count, 0) || 1;
  const share = 1 / counts.length;
  return counts.reduce((sum, count) => sum + Math.abs(count / total - share), 0) / 2 / (1 - share);
}

/** @param {string} text  @returns {Map<string, number>} */
export function countWords(text) {
  /** @type {Map<string, number>} */
  const forms = new Map();
  for (const [form] of text.matchAll(WORD)) forms.set(form, (forms.get(form) ?? 0) + 1);
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const [form, count] of forms) counts.set(normal(form), (counts.get(normal(form)) ?? 0) + count);
  return counts;
}

/**
 * The words within five on each side that stand there more often than chance has it, the least likely first
 * (log-likelihood, Dunning 1993).
 * @param {string} text
 * @param {Place[]} places
 * @param {Map<string, number>} everywhere  all words of the text
 * @returns {{word: string, count: number}[]}
 */
export function collocates(text, places, everywhere) {
  /** @type {Map<string, number>} */
  const beside = new Map();
  let near = 0;
  for (const { begin, end } of places) {
    const before = Array.from(text.slice(Math.max(0, begin - REACH), begin).matchAll(WORD), ([word]) => word);
    const after = Array.from(text.slice(end, end + REACH).matchAll(WORD), ([word]) => word);
    for (const word of [...before.slice(-NEAR), ...after.slice(0, NEAR)]) {
      beside.set(normal(word), (beside.get(normal(word)) ?? 0) + 1);
      near++;
    }
  }
  let total = 0;
  for (const count of everywhere.values()) total += count;
  const scored = [...beside]
    .filter(([word, count]) => count >= LEAST && count / near > (everywhere.get(word) ?? 0) / total)
    .map(([word, count]) => ({ word, count, score: likelihood(count, near, everywhere.get(word) ?? 0, total) }));
  return scored.sort((a, b) => b.score - a.score || (a.word < b.word ? -1 : 1));
}

/** @type {(count: number, near: number, everywhere: number, total: number) => number} */
function likelihood(count, near, everywhere, total) {
  const rest = Math.max(0, everywhere - count);
  const others = Math.max(1, total - near);
  const share = (count + rest) / (near + others);
  const part = (/** @type {number} */ seen, /** @type {number} */ size) =>
    seen ? seen * Math.log(seen / (size * share)) : 0;
  return 2 * (part(count, near) + part(rest, others));
}
