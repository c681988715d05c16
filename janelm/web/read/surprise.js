/** Surprise: where the models of the page expect their own text, and where not. */

import { data, make, section } from "../views/elements.js";
import { t } from "../views/language.js";
import { count } from "../views/numbers.js";
import { plot } from "../views/plots.js";
import { choice, followedRows } from "./pieces.js";
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
  const drawing = plot(session, "Bits per byte along the text, of each model; the means of each book are under Likeness");
  const menu = choice("By", "surprise-model", names.map((name) => [name, name]));
  const sentences = make("div", { class: "surprise-sides" });
  const followed = make("ol", { class: "people", "aria-label": "What is followed, along the text" });
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
      followed,
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
          { label: t("{name}, seen", { name }), values: part(false), colour, width: 1.25, dash: [4, 4] },
          { label: t("{name}, held out", { name }), values: part(true), colour },
        ];
      }),
      nameX: (value) => `${Math.round(100 * value)}%`,
      nameY: (value) => value.toFixed(2),
      label: t("bits per byte"),
      marks: reader.books.length > 1 ? reader.books.map(({ begin, title }) => ({ at: begin / characters, name: title })) : [],
    });
    const { expected, unexpected, sentences: number } = surprise[menu.menu.value || names[0]];
    held.hidden = reader.text === null || !number;
    menu.element.hidden = names.length < 2;
    followed.replaceChildren(...followedRows(reader));
    followed.hidden = !followed.childElementCount;
    sentences.replaceChildren(list(reader, t("Least expected of {count}", { count: count(number) }), unexpected), list(reader, t("Most expected"), expected));
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

/** @type {(reader: Reader, title: string, some: {number: number, bits: number}[]) => HTMLElement} */
function list(reader, title, some) {
  return make(
    "div",
    {},
    make("h3", {}, data(title)),
    make(
      "ol",
      { class: "costly" },
      ...some.map(({ number, bits }) => make("li", {}, make("span", { class: "share" }, bits.toFixed(2)), data(reader.sentence(number)))),
    ),
  );
}
