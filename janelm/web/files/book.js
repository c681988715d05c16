/** A text as a book: a title, and chapters of paragraphs; headings are those of janelm/writing/chapters.py. */

import { flowing } from "../views/flow.js";

/** @typedef {{title: string, paragraphs: string[][]}} Chapter  a paragraph is its lines; the title may be empty */
/** @typedef {{title: string, language: string, chapters: Chapter[]}} Book */

const WORDS =
  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen " +
  "first second third fourth fifth sixth seventh eighth ninth tenth last";
const HEADING = new RegExp(
  `^(?:CHAPTER|Chapter|VOLUME|Volume|BOOK|Book|PART|Part)\\s+(?:[0-9]+|[IVXLCDM]+|(?:[Tt][Hh][Ee]\\s+)?(?:${WORDS.split(" ")
    .map((word) => [...word].map((letter) => `[${letter.toUpperCase()}${letter}]`).join(""))
    .join("|")}))[.:]?$`,
);
const RIGHT_TO_LEFT = ["ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"];
// What XML cannot hold: control characters, lone surrogates, U+FFFE and U+FFFF.
const UNPRINTABLE = /[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

/**
 * @param {string} text
 * @param {{title: string, language: string, wraps: boolean}} about  wraps: whether its lines are broken to a width
 * @returns {Book}
 */
export function bookOf(text, { title, language, wraps }) {
  const clean = (wraps ? flowing(text) : text).replace(UNPRINTABLE, "");
  /** @type {Chapter[]} */
  const chapters = [{ title: "", paragraphs: [] }];
  /** @type {string[]} */
  let paragraph = [];
  const end = () => {
    if (paragraph.length) chapters[chapters.length - 1].paragraphs.push(paragraph);
    paragraph = [];
  };
  for (const line of clean.split("\n").map((one) => one.trim())) {
    if (HEADING.test(line)) {
      end();
      chapters.push({ title: line.replace(/\s+/g, " "), paragraphs: [] });
    } else if (line) paragraph.push(line.replace(/[ \t]+/g, " "));
    else end();
  }
  end();
  if (!chapters[0].paragraphs.length && chapters.length > 1) chapters.shift();
  return { title: title.replace(UNPRINTABLE, "").trim() || "Untitled", language: language || "und", chapters };
}

/** @param {string} language */
export function fromRight(language) {
  return RIGHT_TO_LEFT.includes(language.toLowerCase().split("-")[0]);
}

/** @param {string} text  for XML */
export function escaped(text) {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
