/** The room's data: what `janelm read` found, and the text itself where it may be shown. */

import { unpacked } from "../views/rooms.js";
import { unsorted } from "./block_sorting.js";

/**
 * @typedef {Object} Part  a book or a chapter; places are UTF-16 units, sentences are numbered through the whole text
 * @property {string} title
 * @property {number} begin
 * @property {number} end
 * @property {number} first  sentence
 * @property {number} last  sentence, not included
 * @property {number} words
 * @property {number} vocabulary
 * @property {number | null} density
 * @property {number} sentences
 * @property {number} sentence_words
 * @property {[number, number, number]} sentence_quartiles
 * @property {number} lix
 * @property {number} ari
 * @property {number} dialogue
 */

/** @typedef {{word: string, count: number, score: number}} KeyWord */

/**
 * @typedef {Object} Person
 * @property {string} name
 * @property {Record<string, number>} forms
 * @property {number} count
 * @property {number[]} chapters
 * @property {number[]} slices
 * @property {number[]} with  paragraphs shared with each of the others
 */

/** @typedef {Part & {chapters: Part[], people: Person[], distinctive: KeyWord[], tf_idf: KeyWord[]}} Book */

/**
 * @typedef {Object} Figures
 * @property {string} language
 * @property {boolean} english
 * @property {number} words
 * @property {number} characters
 * @property {Book[]} books
 * @property {{word: string, count: number, dispersion: number}[]} common
 * @property {[string, number][]} phrases
 * @property {{name: string, licence: string, made_for: string} | null} lexicon
 * @property {Int8Array} feelings  of each sentence, in hundredths
 * @property {number[] | null} sentences  where each begins, and the end; only beside the text
 * @property {Record<string, Surprise>} surprise  of each model
 * @property {Likeness | null} [likeness]
 * @property {Record<string, {books: number[], along: number[]}> | null} table  of single words, instead of the text
 */

/**
 * @typedef {Object} Likeness  who writes like whom
 * @property {string[]} books
 * @property {number[][] | null} delta  between them; null where they are fewer than three
 * @property {Record<string, ([number, number | null] | null)[]>} models  of each and of each book the bits per byte and
 *   the share that training never saw
 */

/**
 * @typedef {Object} Surprise  how well a model expects its own text
 * @property {[number, number, boolean][]} arc  how far into the text, bits per byte, whether training never saw it
 * @property {{number: number, bits: number}[]} expected  held-out sentences, the most expected first
 * @property {{number: number, bits: number}[]} unexpected
 * @property {number} sentences  of which these are the ends
 */

/**
 * @param {import("../engine/types.js").TextShown} reading
 * @param {URL} base
 * @returns {Promise<{figures: Figures, text: string | null}>}
 */
export async function fetchReading({ figures, text }, base) {
  const [told, packed] = await Promise.all([unpacked(figures.path, base), text && unpacked(text.path, base)]);
  const read = await told.json();
  const feelings = Int8Array.from(atob(read.feelings), (sign) => sign.charCodeAt(0));
  const sentences = read.sentences && running(read.sentences);
  return { figures: { ...read, feelings, sentences }, text: packed && textOf(await packed.arrayBuffer()) };
}

/** @param {ArrayBuffer} packed */
function textOf(packed) {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(unsorted(new Uint8Array(packed)));
}

/** @param {number[]} steps  @returns {number[]}  0 and every sum of them */
function running(steps) {
  let place = 0;
  return [0, ...steps.map((step) => (place += step))];
}
