/** Small things that the room's views share: words to press, bars, menus. */

import { data, make } from "../views/elements.js";
import { t } from "../views/language.js";
import { count } from "../views/numbers.js";
import { COLOURS } from "./state.js";

/** @typedef {import("./state.js").Reader} Reader */

/**
 * Words that can be pressed to follow them, largest first.
 * @param {Reader} reader
 * @param {{word: string, figure: string, name?: string}[]} words  `name` is what is shown, by default the word
 * @param {string} label
 */
export function wordList(reader, words, label) {
  return make("ul", { class: "words", "aria-label": label }, ...words.map((one) => make("li", {}, wordButton(reader, one))));
}

/** @type {(reader: Reader, word: {word: string, figure: string, name?: string}) => HTMLButtonElement} */
function wordButton(reader, { word, figure, name = word }) {
  const button = make(
    "button",
    { type: "button", class: "word-button", "aria-pressed": String(reader.follows(word)), title: t("Follow “{word}”", { word }) },
    make("span", {}, data(name)),
    make("span", { class: "unseen" }, ", "),
    make("span", { class: "share" }, figure),
  );
  button.addEventListener("click", () => {
    reader.toggle(word);
    const again = [...document.querySelectorAll(".word-button")].find(
      (one) => one.checkVisibility?.() !== false && one.firstChild?.textContent === name,
    );
    /** @type {HTMLElement | undefined} */ (again)?.focus({ preventScroll: true });
  });
  return button;
}

/**
 * A menu with a label; the reader's choice is `menu.value`.
 * @type {(label: string, id: string, options: [string, string][]) => {element: HTMLElement, menu: HTMLSelectElement}}
 */
export function choice(label, id, options) {
  const menu = make("select", { id }, ...options.map(([value, name]) => make("option", { value }, name)));
  return { menu, element: make("label", { class: "field", htmlFor: id }, `${t(label)} `, menu) };
}

/**
 * A figure with a bar below it, as long as its share of the largest.
 * @param {string} figure
 * @param {number} share  from 0 to 1
 * @param {string} [colour]  a custom property
 */
export function barred(figure, share, colour = "--accent") {
  const bar = make("span", { class: "under", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(share));
  bar.style.setProperty("--own", `var(${colour})`);
  return make("span", { class: "barred" }, figure, bar);
}

/**
 * A row of small bars: how often something stands in each slice.
 * @param {number[]} counts
 * @param {string} label
 * @param {string} [colour]
 */
export function strip(counts, label, colour = "--accent") {
  const most = Math.max(1, ...counts);
  const NS = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", `0 0 ${counts.length} 20`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "strip");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.style.setProperty("--own", `var(${colour})`);
  counts.forEach((number, place) => {
    if (!number) return;
    const bar = document.createElementNS(NS, "rect");
    const height = Math.max(1.5, (number / most) * 20);
    for (const [name, value] of Object.entries({ x: place + 0.08, y: 20 - height, width: 0.84, height })) {
      bar.setAttribute(name, String(value));
    }
    svg.append(bar);
  });
  return svg;
}

/**
 * What is followed, along a book or the whole text: rows of a list.
 * @type {(reader: Reader, part?: import("./data.js").Part) => HTMLElement[]}
 */
export function followedRows(reader, part) {
  return reader.words.flatMap((word) => {
    const counts = reader.along(word, part ? 60 : 50, part);
    if (!counts) return [];
    const number = counts.reduce((sum, one) => sum + one, 0);
    return make(
      "li",
      { class: "followed-row" },
      make("span", {}),
      make("span", { class: "person" }, data(`“${word.phrase}”`)),
      make("span", { class: "share" }, count(number)),
      strip(counts, along(word.phrase, count(number), part), COLOURS[word.colour]),
    );
  });
}

/** @type {(name: string, number: string, inBook?: unknown) => string} */
export function along(name, number, inBook) {
  const values = { name, count: number };
  return inBook ? t("{name} along the book, {count} times", values) : t("{name} along the text, {count} times", values);
}

/** @type {(number: number, words: number) => string}  in ten thousand words */
export function rate(number, words) {
  const value = (10_000 * number) / Math.max(1, words);
  return value >= 100 ? count(Math.round(value)) : value.toFixed(1);
}
