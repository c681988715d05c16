/** Books: their measures side by side, the chapters of one, and the words that it has more of than the others. */

import { data, make, section } from "../views/elements.js";
import { t } from "../views/language.js";
import { count, percent } from "../views/numbers.js";
import { barred, choice, rate, wordList } from "./pieces.js";
import { COLOURS } from "./state.js";

/** @typedef {import("./data.js").Part} Part */
/** @typedef {import("./data.js").Book} Book */
/** @typedef {import("./state.js").Reader} Reader */

/** @type {{name: string, title: string, help: string, of: (part: Part) => number | null, show: (value: number) => string}[]} */
const MEASURES = [
  { name: "words", title: "words", help: "How long it is.", of: ({ words }) => words, show: (v) => count(v) },
  {
    name: "density",
    title: "density",
    help: "Different words in any 500 in a row, as a share of 500. It does not fall with length, so books and chapters can be compared.",
    of: ({ density }) => density,
    show: (v) => v.toFixed(3),
  },
  {
    name: "sentence",
    title: "words a sentence",
    help: "Mean length of a sentence.",
    of: ({ sentence_words }) => sentence_words,
    show: (v) => v.toFixed(1),
  },
  {
    name: "lix",
    title: "LIX",
    help: "Readability: words a sentence plus the percentage of words of more than six letters. Under 30 is easy, over 50 is hard.",
    of: ({ lix }) => lix,
    show: (v) => v.toFixed(1),
  },
  {
    name: "dialogue",
    title: "spoken",
    help: "The share that stands in quotation marks.",
    of: ({ dialogue }) => dialogue,
    show: percent,
  },
];

/**
 * @param {Reader} reader
 * @param {import("../views/session.js").Session} _session
 */
export function booksView(reader, _session) {
  const table = make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Measures of each book" });
  const chosen = choice("Chapters by", "chapter-measure", MEASURES.map(({ name, title }) => [name, t(title)]));
  const by = choice("Words by", "word-score", [
    ["distinctive", "log odds"],
    ["tf_idf", "TF-IDF"],
  ]);
  const chapters = make("div", { class: "columns" });
  const meaning = make("p", { class: "help" });
  const words = make("div", {});
  const title = make("h2", { id: "one-book" });
  const one = make(
    "section",
    { class: "one-book", "aria-labelledby": "one-book" },
    title,
    make("div", { class: "buttons" }, chosen.element),
    meaning,
    chapters,
    make("h3", {}, "Its own words"),
    make(
      "p",
      { class: "help" },
      "Words that it has more of than the other books. Log odds weighs rare words with care; TF-IDF favours those that few books have.",
    ),
    make("div", { class: "buttons" }, by.element),
    words,
  );
  const element = make(
    "div",
    { class: "books" },
    section("measures", "Side by side", "Choose a book to see its chapters.", table),
    one,
  );
  const show = () => {
    const book = reader.books[reader.book];
    table.replaceChildren(measures(reader));
    title.textContent = book.title;
    const measure = MEASURES.find(({ name }) => name === chosen.menu.value) ?? MEASURES[0];
    meaning.textContent = t(measure.help);
    chapters.replaceChildren(...chapterColumns(book, measure));
    const alone = reader.books.length < 2;
    const key = alone ? [] : book[/** @type {"distinctive" | "tf_idf"} */ (by.menu.value)];
    words.replaceChildren(
      alone
        ? make("p", { class: "help" }, "There is no other book to set it beside.")
        : wordList(reader, key.map((word) => ({ word: word.word, figure: count(word.count) })), t("Words of {book}", { book: book.title })),
    );
    by.element.hidden = alone;
  };
  chosen.menu.addEventListener("change", show);
  by.menu.addEventListener("change", show);
  return { element, show };
}

/** @param {Reader} reader */
function measures(reader) {
  const { books, words } = reader;
  const most = MEASURES.map(({ of }) => Math.max(...books.map((book) => of(book) ?? 0)));
  const rates = words.map((word) => word.books.map((number, place) => number / Math.max(1, books[place].words)));
  const rows = books.map((book, place) => {
    const button = make("button", { type: "button", class: "quiet book-button" }, data(book.title));
    button.setAttribute("aria-pressed", String(place === reader.book));
    button.addEventListener("click", () => {
      reader.open(place);
      /** @type {HTMLElement | null} */ (document.querySelector(".book-button[aria-pressed=true]"))?.focus();
    });
    const cells = MEASURES.map(({ of, show }, column) => {
      const value = of(book);
      return make("td", {}, value === null ? "–" : barred(show(value), value / (most[column] || 1)));
    });
    const more = words.map(({ books: counts, colour }, number) =>
      make("td", {}, barred(rate(counts[place], book.words), rates[number][place] / (Math.max(...rates[number]) || 1), COLOURS[colour])),
    );
    return make("tr", {}, make("th", { scope: "row" }, button), ...cells, ...more);
  });
  const head = [
    make("th", { scope: "col" }, t("book")),
    ...MEASURES.map(({ title, help }) => make("th", { scope: "col", title: help }, t(title))),
    ...words.map(({ phrase }) => make("th", { scope: "col", title: "in ten thousand words" }, t("“{word}” per 10,000", { word: phrase }))),
  ];
  return make("table", { class: "measures" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

/** @type {(book: Book, measure: typeof MEASURES[number]) => HTMLElement[]} */
function chapterColumns({ chapters, title }, { of, show, title: name }) {
  if (!chapters.length) return [make("p", { class: "help" }, "No chapter headings were found in it.")];
  const values = chapters.map(of);
  const known = values.filter((value) => value !== null);
  const [most, least] = [Math.max(...known), Math.min(...known)];
  const floor = least > most * 0.4 ? least - (most - least) * 0.35 : 0; // so that differences are seen
  const measured = t(name);
  const bars = chapters.map((chapter, place) => {
    const value = values[place];
    const text = value === null ? t("too short") : show(value);
    const bar = make("li", { title: `${chapter.title}: ${text}` });
    bar.style.setProperty("--share", String(value === null ? 0 : (value - floor) / (most - floor || 1)));
    bar.append(make("span", { class: "unseen" }, data(`${chapter.title}: ${text}`)));
    return bar;
  });
  const average = known.reduce((sum, value) => sum + value, 0) / known.length;
  const first = chapters[0].title;
  const last = chapters[chapters.length - 1].title;
  return [
    make("ol", { class: "chapter-bars", "aria-label": t("{measure}, chapters of {book}", { measure: measured, book: title }) }, ...bars),
    make(
      "p",
      { class: "scale" },
      make("span", {}, data(first)),
      make("span", {}, t("from {least} to {most}, mean {mean}", {
        least: show(least),
        most: show(most),
        mean: show(name === "words" ? Math.round(average) : average),
      })),
      make("span", {}, data(last)),
    ),
  ];
}
