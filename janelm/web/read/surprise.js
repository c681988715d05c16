/** Surprise: where the models of the page expect their own text, and where not; who writes like whom. */

import { make, section } from "../views/elements.js";
import { count } from "../views/numbers.js";
import { plot } from "../views/plots.js";
import { choice } from "./pieces.js";
import { COLOURS } from "./state.js";

/** @typedef {import("./data.js").Surprise} Surprise */
/** @typedef {import("./state.js").Reader} Reader */

const SPAN = 3; // windows, whose mean is drawn

/**
 * @param {Reader} reader
 * @param {import("../views/session.js").Session} session
 */
export function surpriseView(reader, session) {
  const { surprise, characters } = reader.figures;
  const names = Object.keys(surprise ?? {});
  const drawing = plot(session, "Bits per byte along the text, of each model; the means of each book are in the table below");
  const table = make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Bits per byte of each book by each model" });
  const menu = choice("By", "surprise-model", names.map((name) => [name, name]));
  const sentences = make("div", { class: "surprise-sides" });
  const held = section(
    "surprise-sentences",
    "Least and most expected",
    "Sentences of the held-out part, which no training saw, by what they cost in bits per byte.",
    menu.element,
    sentences,
  );
  const element = make(
    "div",
    { class: "surprise", hidden: !names.length },
    section(
      "surprise-arc",
      "Along the text",
      "How many bits a model needs for each byte: low where it expects what comes. Dashed is what it was trained on, and has " +
        "read again and again; solid is the last tenth, which was held out. Only the solid part says how well it foresees.",
      drawing.element,
    ),
    section(
      "surprise-books",
      "Model by book",
      "The mean of each, in bits per byte; a book that training saw in part is said to be so.",
      table,
    ),
    held,
  );
  const show = () => {
    const first = surprise[names[0]].arc;
    drawing.show({
      x: first.map(([at]) => at),
      lines: names.flatMap((name, place) => {
        const { arc } = surprise[name];
        const mean = smooth(arc);
        const colour = COLOURS[place % COLOURS.length];
        const aligned = first.map((_, i) => (i < arc.length ? i : -1));
        const part = (/** @type {boolean} */ unseen) => aligned.map((i) => (i >= 0 && arc[i][2] === unseen ? mean[i] : null));
        return [
          { label: `${name}, seen`, values: part(false), colour, width: 1.25, dash: [4, 4] },
          { label: `${name}, held out`, values: part(true), colour },
        ];
      }),
      nameX: (value) => `${Math.round(100 * value)}%`,
      nameY: (value) => value.toFixed(2),
      label: "bits per byte",
      marks: reader.books.length > 1 ? reader.books.map(({ begin, title }) => ({ at: begin / characters, name: title })) : [],
    });
    table.replaceChildren(matrix(reader, names));
    const { expected, unexpected, sentences: number } = surprise[menu.menu.value || names[0]];
    held.hidden = reader.text === null || !number;
    menu.element.hidden = names.length < 2;
    sentences.replaceChildren(list(reader, `Least expected of ${count(number)}`, unexpected), list(reader, "Most expected", expected));
  };
  menu.menu.addEventListener("change", show);
  return { element, show };
}

/** The mean of the windows around each, none of which is of the other kind. @param {Surprise["arc"]} arc */
function smooth(arc) {
  return arc.map(([, , unseen], place) => {
    const around = arc.slice(Math.max(0, place - (SPAN >> 1)), place + (SPAN >> 1) + 1).filter((one) => one[2] === unseen);
    return around.reduce((sum, [, bits]) => sum + bits, 0) / around.length;
  });
}

/** @type {(reader: Reader, names: string[]) => HTMLElement} */
function matrix({ books, figures }, names) {
  const rows = books.map((book) => {
    const [from, to] = [book.begin / figures.characters, book.end / figures.characters];
    const cells = names.map((name) => {
      const inside = figures.surprise[name].arc.filter(([at]) => at >= from && at < to);
      if (!inside.length) return make("td", {}, "–");
      const mean = inside.reduce((sum, [, bits]) => sum + bits, 0) / inside.length;
      const unseen = inside.filter((one) => one[2]).length / inside.length;
      const said = unseen === 1 ? "held out" : unseen ? `${Math.round(100 * unseen)}% held out` : "seen";
      return make("td", {}, mean.toFixed(3), make("small", {}, ` ${said}`));
    });
    return make("tr", {}, make("th", { scope: "row" }, book.title), ...cells);
  });
  const head = ["book", ...names].map((name) => make("th", { scope: "col" }, name));
  return make("table", { class: "measures" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

/** @type {(reader: Reader, title: string, some: {number: number, bits: number}[]) => HTMLElement} */
function list(reader, title, some) {
  return make(
    "div",
    {},
    make("h3", {}, title),
    make(
      "ol",
      { class: "costly" },
      ...some.map(({ number, bits }) => make("li", {}, make("span", { class: "share" }, bits.toFixed(2)), reader.sentence(number))),
    ),
  );
}
