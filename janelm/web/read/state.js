/** What the room's views share: the text, what is known of it, and what a reader has chosen. */

import { t } from "../views/language.js";
import { along, collocates, countWords, search } from "./words.js";

/** @typedef {import("./data.js").Figures} Figures */
/** @typedef {import("./words.js").Place} Place */

/**
 * @typedef {Object} Followed  a word or phrase that is followed through all views
 * @property {string} phrase
 * @property {number} colour  its number
 * @property {Place[] | null} places  null where the text is not published
 * @property {number} count
 * @property {number[]} books  how many in each
 */

const MOST_WORDS = 4;
export const COLOURS = ["--accent", "--cool", "--third", "--muted"];

/** Dispatches "words" (other ones are followed) and "book" (another one is chosen). */
export class Reader extends EventTarget {
  /** @type {Followed[]} */
  words = [];
  whole = true;
  /** The book that is looked at. */
  book = 0;
  /** @type {Map<string, number> | null} */
  #counts = null;

  /**
   * @param {Figures} figures
   * @param {string | null} text
   */
  constructor(figures, text) {
    super();
    this.figures = figures;
    this.text = text;
  }

  get books() {
    return this.figures.books;
  }

  /**
   * Follow one more, or no longer one that is followed. Returns what is wrong with it, if anything.
   * @param {string} phrase
   * @returns {string}
   */
  toggle(phrase) {
    const wanted = phrase.trim().replace(/\s+/gu, " ");
    if (!wanted) return "";
    const there = this.words.findIndex((one) => one.phrase.toLowerCase() === wanted.toLowerCase());
    if (there >= 0) this.words = this.words.filter((_, place) => place !== there);
    else {
      const found = this.find(wanted);
      if (!found.count) return this.#none(wanted);
      const kept = this.words.slice(-MOST_WORDS + 1);
      const free = COLOURS.findIndex((_, colour) => !kept.some((one) => one.colour === colour));
      this.words = [...kept, { ...found, colour: free }];
    }
    this.dispatchEvent(new Event("words"));
    return "";
  }

  /** @param {string} phrase */
  follows(phrase) {
    return this.words.some((one) => one.phrase.toLowerCase() === phrase.toLowerCase());
  }

  /** @param {string} wanted */
  #none(wanted) {
    if (this.text !== null) return t("“{word}” does not stand in the text.", { word: wanted });
    return t("“{word}” is not among the frequent single words that this page knows: its maker kept the text back.", { word: wanted });
  }

  /** @param {boolean} whole  words, or parts of words too */
  count(whole) {
    this.whole = whole;
    this.words = this.words.map((one) => ({ ...this.find(one.phrase), colour: one.colour }));
    this.dispatchEvent(new Event("words"));
  }

  /** @param {number} book */
  open(book) {
    this.book = book;
    this.dispatchEvent(new Event("book"));
  }

  /** @param {string} phrase  @returns {Omit<Followed, "colour">} */
  find(phrase) {
    const { books, table } = this.figures;
    if (this.text === null) {
      const row = table && Object.hasOwn(table, phrase.toLowerCase()) ? table[phrase.toLowerCase()] : null;
      const counts = row?.books ?? books.map(() => 0);
      return { phrase, places: null, count: counts.reduce((sum, count) => sum + count, 0), books: counts };
    }
    const places = search(this.text, phrase, this.whole);
    const counts = books.map(({ begin, end }) => places.filter((one) => one.begin >= begin && one.begin < end).length);
    return { phrase, places, count: places.length, books: counts };
  }

  /**
   * How many stand in each slice of the whole text, or of one book.
   * @param {Followed} word
   * @param {number} slices
   * @param {{begin: number, end: number}} [part]
   * @returns {number[] | null}  null where that is not known
   */
  along(word, slices, part) {
    if (word.places === null) return part ? null : (this.figures.table?.[word.phrase.toLowerCase()]?.along ?? null);
    const { begin, end } = part ?? { begin: 0, end: this.figures.characters };
    return along(word.places, slices, begin, end);
  }

  /** @param {Followed} word */
  beside(word) {
    if (this.text === null || word.places === null) return [];
    this.#counts ??= countWords(this.text);
    return collocates(this.text, word.places, this.#counts);
  }

  /** @param {number} sentence  @returns {string} */
  sentence(sentence) {
    const { sentences } = this.figures;
    if (this.text === null || !sentences) return "";
    return this.text.slice(sentences[sentence], sentences[sentence + 1]).trim().replace(/\s+/gu, " ");
  }
}
