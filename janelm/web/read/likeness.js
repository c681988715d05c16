/** Likeness: which books each model expects, and how far apart the books are in style. */

import { data, make, section } from "../views/elements.js";
import { t } from "../views/language.js";
import { barred } from "./pieces.js";

/** @typedef {import("./state.js").Reader} Reader */

/** @param {Reader} reader */
export function likenessView(reader) {
  const { likeness } = reader.figures;
  const names = Object.keys(likeness?.models ?? {});
  const element = make("div", { class: "likeness", hidden: !likeness || (!names.length && !likeness.delta) });
  if (!likeness) return { element, show: () => {} };
  if (names.length) {
    element.append(
      section(
        "likeness-models",
        "Model by book",
        "Bits per byte, at ten places of each book: the fewer, the more the model writes like it. What training saw it expects " +
          "better than its style alone explains, so compare what it saw with what it saw, and what it never saw with the same.",
        scrolled("Bits per byte of each book by each model", models(likeness, names)),
      ),
    );
  }
  element.append(
    section(
      "likeness-delta",
      "Book by book",
      likeness.delta
        ? "Burrows’ Delta: how much the shares of the 150 most frequent words differ, on average, in standard deviations. The fewer, the " +
            "more alike in style; no model has a part in it."
        : "Burrows’ Delta compares the words of at least three books: here are fewer.",
      ...(likeness.delta ? [scrolled("Delta between the books", distances(likeness.books, likeness.delta))] : []),
    ),
  );
  const show = () => {
    for (const row of element.querySelectorAll("tr")) row.classList.toggle("current", row.dataset.book === reader.books[reader.book].title);
  };
  return { element, show };
}

/** @type {(label: string, table: HTMLElement) => HTMLElement} */
function scrolled(label, table) {
  return make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": label }, table);
}

/** @type {(likeness: import("./data.js").Likeness, names: string[]) => HTMLElement} */
function models({ books, models: told }, names) {
  const every = names.flatMap((name) => told[name]).flatMap((one) => (one ? [one[0]] : []));
  const [least, most] = [Math.min(...every), Math.max(...every)];
  const rows = books.map((title, place) => {
    const cells = names.map((name) => {
      const one = told[name][place];
      if (!one) return make("td", {}, t("too short"));
      const [bits, unseen] = one;
      const said = unseen === null ? "" : unseen === 1 ? t("never seen") : unseen ? t("{share}% never seen", { share: Math.round(100 * unseen) }) : t("seen");
      return make("td", {}, barred(bits.toFixed(3), 0.15 + (0.85 * (bits - least)) / (most - least || 1)), make("small", {}, data(` ${said}`)));
    });
    return make("tr", { "data-book": title }, make("th", { scope: "row" }, data(title)), ...cells);
  });
  return table([t("book"), ...names], rows, "measures");
}

/** @type {(books: string[], delta: number[][]) => HTMLElement} */
function distances(books, delta) {
  const others = delta.flatMap((row, i) => row.filter((_, j) => i !== j));
  const [least, most] = [Math.min(...others), Math.max(...others)];
  const rows = books.map((title, place) => {
    const cells = delta[place].map((value, column) => {
      if (column === place) return make("td", { class: "self" });
      const cell = make("td", { title: t("{one} and {other}", { one: title, other: books[column] }) }, value.toFixed(2));
      cell.style.setProperty("--share", String(1 - (value - least) / (most - least || 1)));
      return cell;
    });
    return make("tr", { "data-book": title }, make("th", { scope: "row" }, data(title)), ...cells);
  });
  const head = books.map((title) => make("th", { scope: "col" }, make("span", {}, data(title))));
  return make("table", { class: "matrix" }, make("thead", {}, make("tr", {}, make("td", {}), ...head)), make("tbody", {}, ...rows));
}

/** @type {(head: string[], rows: HTMLElement[], kind: string) => HTMLElement} */
function table(head, rows, kind) {
  const titles = head.map((name) => make("th", { scope: "col" }, data(name)));
  return make("table", { class: kind }, make("thead", {}, make("tr", {}, ...titles)), make("tbody", {}, ...rows));
}
