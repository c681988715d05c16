/** Words: how often what is followed stands along the text, in which lines, beside which words; and phrases. */

import { data, make, section } from "../views/elements.js";
import { t } from "../views/language.js";
import { count } from "../views/numbers.js";
import { choice, barred, rate, wordList } from "./pieces.js";
import { plot } from "../views/plots.js";
import { COLOURS } from "./state.js";
import { dispersion } from "./words.js";

/** @typedef {import("./state.js").Reader} Reader */
/** @typedef {import("./state.js").Followed} Followed */

const SLICES = 50;
const AROUND = 70; // characters of a line on each side
const LINES = 25; // that are shown at a time

/**
 * @param {Reader} reader
 * @param {import("../views/session.js").Session} session
 */
export function explorerView(reader, session) {
  const { figures } = reader;
  const drawing = plot(session, "How often each word stands along the text; the figures of each book are in the table below");
  const where = choice("In", "words-where", [
    ["all", t("the whole text")],
    ...reader.books.map((book, place) => /** @type {[string, string]} */ ([String(place), book.title])),
  ]);
  where.element.hidden = reader.text === null || reader.books.length < 2;
  const table = make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Counts in each book" });
  const lines = make("div", { class: "lines" });
  const empty = make(
    "div",
    { class: "empty" },
    make("p", { class: "lead" }, "Follow a word, and see where it goes."),
    make("p", { class: "help" }, "Write one above, or choose from those that the text uses most."),
  );
  const found = make(
    "div",
    { class: "found" },
    section("along", "Along the text", "How often in ten thousand words, in fifty equal slices.", where.element, drawing.element),
    section("per-book", "Book by book", "How often in ten thousand words, and how evenly: 0 is even, 1 is all in one place.", table),
    lines,
  );
  const common = make("div", {});
  const phrases = make("div", {});
  const element = make(
    "div",
    { class: "explorer" },
    empty,
    found,
    section("common", "Used most", "Words of four letters and more. Choose some to follow them.", common),
    section(
      "phrases",
      "Said again and again",
      "Runs of three to eight words that come again. The longer a run, the sooner it is listed.",
      phrases,
    ),
  );
  const show = () => {
    const { words } = reader;
    empty.hidden = words.length > 0;
    found.hidden = !words.length;
    common.replaceChildren(
      wordList(reader, figures.common.slice(0, 40).map((one) => ({ word: one.word, figure: count(one.count) })), "Frequent words"),
    );
    phrases.replaceChildren(
      wordList(reader, figures.phrases.slice(0, 40).map(([word, number]) => ({ word, figure: count(number) })), "Repeated phrases"),
    );
    if (!words.length) return;
    draw(reader, drawing, where.menu.value);
    table.replaceChildren(perBook(reader));
    lines.replaceChildren(...words.map((word) => contexts(reader, word)));
  };
  where.menu.addEventListener("change", show);
  return { element, show };
}

/** @type {(reader: Reader, drawing: ReturnType<typeof plot>, where: string) => void} */
function draw(reader, drawing, where) {
  const { books, figures, words } = reader;
  const book = where === "all" ? undefined : books[Number(where)];
  const inSlice = (book?.words ?? figures.words) / SLICES;
  const length = (book ? book.end - book.begin : figures.characters) / SLICES;
  const begin = book?.begin ?? 0;
  const marks = (book ? book.chapters : books.length > 1 ? books : []).map((part) => ({
    at: (part.begin - begin) / length,
    name: book ? "" : part.title,
  }));
  drawing.show({
    x: Array.from({ length: SLICES }, (_, slice) => slice + 0.5),
    lines: words.map((word) => ({
      label: word.phrase,
      values: (reader.along(word, SLICES, book) ?? []).map((number) => (10_000 * number) / Math.max(1, inSlice)),
      colour: COLOURS[word.colour],
    })),
    nameX: (slice) => `${Math.round((100 * slice) / SLICES)}%`,
    nameY: (value) => value.toFixed(value < 10 ? 1 : 0),
    label: t("per 10,000 words"),
    marks: book ? marks.slice(0, 1) : marks,
  });
}

/** @param {Reader} reader */
function perBook(reader) {
  const { books, words } = reader;
  const most = words.map((word) => Math.max(...word.books.map((number, place) => number / Math.max(1, books[place].words))));
  const rows = books.map((book, place) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, data(book.title)),
      ...words.map(({ books: counts, colour }, column) =>
        make(
          "td",
          {},
          barred(
            `${rate(counts[place], book.words)} (${count(counts[place])})`,
            counts[place] / Math.max(1, book.words) / (most[column] || 1),
            COLOURS[colour],
          ),
        ),
      ),
    ),
  );
  const spread = words.map((word) => {
    const counts = reader.along(word, SLICES);
    return make("td", {}, counts ? dispersion(counts).toFixed(2) : "–");
  });
  const head = [t("book"), ...words.map(({ phrase }) => phrase)].map((name) => make("th", { scope: "col" }, data(name)));
  return make(
    "table",
    { class: "measures" },
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...rows, make("tr", {}, make("th", { scope: "row" }, t("dispersion")), ...spread)),
  );
}

/** @type {(reader: Reader, word: Followed) => HTMLElement} */
function contexts(reader, word) {
  const { phrase, places, colour } = word;
  const own = { class: "context", "aria-label": t("“{word}” in its lines", { word: phrase }) };
  const title = make("h2", {}, "“", make("span", { class: "own" }, data(phrase)), "” ", make("small", {}, count(word.count)));
  const element = make("section", own, title);
  element.style.setProperty("--own", `var(${COLOURS[colour]})`);
  if (places === null || reader.text === null) {
    element.append(make("p", { class: "help" }, "Its lines are not on this page, as its maker kept the text back."));
    return element;
  }
  const beside = reader.beside(word).slice(0, 24);
  const list = make("ol", { class: "kwic" });
  const more = make("button", { type: "button" });
  let shown = 0;
  const step = Math.max(1, Math.floor(places.length / LINES));
  // The first lines are spread over the whole text; "all" goes from start to end.
  const some = places.filter((_, place) => place % step === 0).slice(0, LINES);
  const fill = (/** @type {import("./words.js").Place[]} */ wanted) => {
    list.append(...wanted.map((place) => line(reader, place)));
    shown += wanted.length;
    more.hidden = shown >= places.length;
  };
  fill(some);
  more.textContent = t("All {count} lines, in order", { count: count(places.length) });
  let all = false;
  more.addEventListener("click", () => {
    if (!all) {
      all = true;
      shown = 0;
      list.replaceChildren();
    }
    fill(places.slice(shown, shown + 8 * LINES));
    more.textContent = t("{count} more lines", { count: count(places.length - shown) });
  });
  element.append(
    beside.length
      ? make("div", { class: "beside" }, make("h3", {}, "Beside it"), wordList(reader, beside.map((one) => ({ word: one.word, figure: count(one.count) })), t("Words beside {word}", { word: phrase })))
      : "",
    make("h3", {}, "In its lines"),
    make("p", { class: "help" }, "Press any word twice to follow it too."),
    list,
    more,
  );
  return element;
}

/** @type {(reader: Reader, place: import("./words.js").Place) => HTMLElement} */
function line(reader, { begin, end }) {
  const text = /** @type {string} */ (reader.text);
  const flat = (/** @type {string} */ part) => part.replace(/\s+/gu, " ");
  const book = reader.books.find((one) => begin >= one.begin && begin < one.end);
  const chapter = book?.chapters.find((one) => begin >= one.begin && begin < one.end);
  const where = [book?.title, chapter?.title].filter(Boolean).join(", ");
  return make(
    "li",
    { title: where },
    make("span", { class: "before" }, make("bdi", {}, data(flat(text.slice(Math.max(0, begin - AROUND), begin)).replace(/ $/, "\u00a0")))),
    make("mark", {}, data(flat(text.slice(begin, end)))),
    make("span", { class: "after" }, make("bdi", {}, data(flat(text.slice(end, end + AROUND))))),
  );
}
