/** Where texts that began alike first part, and how likely each way on was to each model. */

import { data, make } from "./elements.js";
import { t } from "./language.js";
import { percent } from "./numbers.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {{name: string, text: string}} Written  what a model wrote, its beginning included */

/**
 * @typedef {Object} Parting
 * @property {number} at  up to where all texts are the same, at the end of a word
 * @property {string[]} words  how they go on from there, with the blanks before the words, each once
 */

/**
 * Where texts part; null where none says anything else than the others.
 * @param {string[]} texts
 * @param {number} from  where they began
 * @returns {Parting | null}
 */
export function partingOf(texts, from) {
  let at = from;
  while (texts.every((text) => at < text.length && text[at] === texts[0][at])) at++;
  if (texts.every((text) => text.length === at)) return null;
  const letters = /[\p{L}\p{M}\p{N}'’]/u;
  while (at > from && texts.some((text) => letters.test(text[at] ?? "")) && letters.test(texts[0][at - 1])) at--;
  while (at > from && /\s/.test(texts[0][at - 1])) at--; // a word has its blank before it, as most tokens do
  const words = texts.map((text) => /^\s*(?:[\p{L}\p{M}\p{N}'’]+|[^\s])?/u.exec(text.slice(at))?.[0] ?? "");
  const different = [...new Set(words)].filter(Boolean);
  return different.length > 1 ? { at, words: different } : null;
}

/**
 * The parting as an element, with the probability that each model gives each word.
 * @param {Session} session
 * @param {Written[]} written
 * @param {number} from
 * @returns {Promise<HTMLElement>}
 */
export async function partingView(session, written, from) {
  const found = partingOf(
    written.map(({ text }) => text),
    from,
  );
  const heading = make("h3", {}, "Where they part");
  if (!found) return make("section", { class: "parting" }, heading, make("p", {}, "They wrote the same words."));
  const before = written[0].text.slice(0, found.at);
  const head = make("tr", {}, make("th", { scope: "col" }, "the next word"));
  for (const { name } of written) head.append(make("th", { scope: "col" }, data(name)));
  const rows = [];
  for (const word of found.words) {
    const row = make("tr", {}, make("th", { scope: "row" }, data(`“${word.trim() || "↵"}”`)));
    for (const { name, text } of written) {
      const share = await probability(session, name, before, word);
      const own = text.startsWith(before + word);
      row.append(make("td", { class: own ? "own" : "" }, data(percent(share)), own ? make("span", { class: "unseen" }, t(", which it wrote")) : null));
    }
    rows.push(row);
  }
  const shown = before.slice(-60).replace(/\s+/g, " ");
  return make(
    "section",
    { class: "parting" },
    heading,
    make("p", {}, t("After “{words}” they go different ways. How likely each word was to each model, at temperature 1; what it wrote is bold.", { words: before.length > 60 ? `…${shown}` : shown })),
    make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "How likely each word was" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))),
  );
}

/**
 * How likely a model goes on with these very characters: the product over its tokens for them.
 * @type {(session: Session, name: string, before: string, word: string) => Promise<number>}
 */
async function probability({ engine, settings }, name, before, word) {
  const options = { from: before.length, alternatives: 0, memory: settings.memory ?? undefined };
  const { tokens } = await engine.read(name, before + word, options);
  return 2 ** -tokens.reduce((sum, { bits }) => sum + bits, 0);
}
