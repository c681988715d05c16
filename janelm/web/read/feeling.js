/** Feeling: the mood of a book's sentences by a lexicon, smoothed as far as the reader wants, over another's. */

import { data, make, section } from "../views/elements.js";
import { t } from "../views/language.js";
import { count, plural } from "../views/numbers.js";
import { choice, followedRows } from "./pieces.js";
import { plot } from "../views/plots.js";

/** @typedef {import("./state.js").Reader} Reader */

const POINTS = 400; // at most, that are drawn of a book
const WIDTH = 100; // of the scale on which two books lie over each other

/**
 * The mean of the `span` values around each, or of as many as there are at the ends; or the exponential one.
 * @param {ArrayLike<number>} values
 * @param {number} span
 * @param {boolean} exponential
 */
export function smoothed(values, span, exponential) {
  const found = new Float64Array(values.length);
  if (exponential) {
    const share = 2 / (span + 1);
    let mean = 0;
    for (let i = 0; i < values.length; i++) found[i] = mean = i ? mean + share * (values[i] - mean) : values[i];
    return found;
  }
  const total = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) total[i + 1] = total[i] + values[i];
  for (let i = 0; i < values.length; i++) {
    const first = Math.max(0, i - Math.floor(span / 2));
    const last = Math.min(values.length, i + Math.ceil(span / 2));
    found[i] = (total[last] - total[first]) / Math.max(1, last - first);
  }
  return found;
}

/**
 * @param {Reader} reader
 * @param {import("../views/session.js").Session} session
 */
export function feelingView(reader, session) {
  const { books, figures } = reader;
  if (!figures.lexicon || !figures.feelings.length) {
    const why = "The feeling of sentences is known of English texts alone: the lexicon is an English one.";
    return { element: make("p", { class: "lead" }, why), show: () => {} };
  }
  const names = books.map((book, place) => /** @type {[string, string]} */ ([String(place), book.title]));
  const other = choice("over", "feeling-other", [["", t("none")], ...names]);
  const first = choice("Book", "feeling-book", names);
  first.menu.addEventListener("change", () => reader.open(Number(first.menu.value)));
  const part = choice("Of it", "feeling-part", [
    ["all", "all sentences"],
    ["first", "the first"],
    ["last", "the last"],
  ]);
  const number = make("input", { type: "number", id: "feeling-number", min: "20", value: "500", "aria-label": t("Sentences") });
  const span = slider("Smoothed over", "feeling-span", 5, 1000, 200);
  const kind = choice("by", "feeling-kind", [
    ["moving", "moving mean"],
    ["exponential", "exponential mean"],
  ]);
  const at = make("input", { type: "range", id: "feeling-at", min: "0", step: "1", "aria-label": t("Sentence") });
  const drawing = plot(session, "The feeling of sentences along the book");
  const quote = make("blockquote", { class: "quote prose" });
  const facts = make("p", { class: "help" });
  const followed = make("ol", { class: "people", "aria-label": "What is followed, along the book" });
  const { name, licence, made_for } = figures.lexicon;
  const element = section(
    "feeling",
    "Bright and dark",
    "Each sentence from −1 to 1 by the words in it; the line is their mean, the band half of the sentences around it. One sentence says little.",
    make("div", { class: "buttons" }, first.element, books.length > 1 ? other.element : "", part.element, number),
    make("div", { class: "buttons" }, span.element, kind.element),
    drawing.element,
    make("label", { class: "unseen", htmlFor: "feeling-at" }, t("Sentence")),
    at,
    followed,
    quote,
    facts,
    make("p", { class: "help" }, t("The lexicon is {name} ({licence}), made for {made_for}. It knows no irony, and no older sense of a word.", {
        name,
        licence,
        made_for: t(made_for),
      })),
  );
  /** @type {{first: number, step: number}} */
  let scale = { first: 0, step: 1 };
  let points = 0;

  const tell = (/** @type {number} */ point) => {
    const sentence = Math.min(scale.first + Math.round(point * scale.step), figures.feelings.length - 1);
    const feeling = figures.feelings[sentence] / 100;
    const said = reader.sentence(sentence);
    at.value = String(point);
    at.setAttribute("aria-valuetext", t("sentence {number}, {feeling}", { number: sentence + 1, feeling: feeling.toFixed(2) }));
    quote.replaceChildren(
      make("span", { class: "score" }, `${feeling > 0 ? "+" : ""}${feeling.toFixed(2).replace("-", "−")}`),
      said ? data(said) : "The sentences themselves are not on this page, as its maker kept the text back.",
    );
  };
  const show = () => {
    first.menu.value = String(reader.book);
    number.hidden = part.menu.value === "all";
    followed.replaceChildren(...followedRows(reader, books[reader.book]));
    followed.hidden = !followed.childElementCount || !number.hidden;
    const chosen = [reader.book, ...(other.menu.value === "" ? [] : [Number(other.menu.value)])];
    const arcs = chosen.map((place) => arc(reader, place, part.menu.value, Number(number.value) || 500));
    const smooth = { span: span.value(), exponential: kind.menu.value === "exponential" };
    points = Math.min(POINTS, arcs[0].values.length);
    scale = { first: arcs[0].first, step: (arcs[0].values.length - 1) / Math.max(1, points - 1) };
    at.max = String(points - 1);
    const x = Array.from({ length: points }, (_, point) => (WIDTH * point) / Math.max(1, points - 1));
    const all = arcs.map(({ values }) => figuresOf(values, smooth, points));
    const extreme = Math.max(0.15, ...all.flatMap(({ mean, low, high }) => [...mean, ...low, ...high].map(Math.abs)));
    drawing.show({
      x,
      lines: all.map(({ mean, low, high }, place) => ({
        label: books[chosen[place]].title,
        values: mean,
        colour: ["--accent", "--cool"][place],
        band: place ? undefined : { low, high },
      })),
      nameX: (value) => `${Math.round((100 * value) / WIDTH)}%`,
      nameY: (value) => value.toFixed(2).replace("-", "−"),
      label: t("feeling"),
      range: [-Math.min(1, extreme * 1.05), Math.min(1, extreme * 1.05)],
      onPoint: (point) => point !== null && tell(point),
    });
    const overall = arcs[0].values.reduce((sum, value) => sum + value, 0) / Math.max(1, arcs[0].values.length);
    facts.textContent = t(
      "{sentences}, mean {mean}; smoothed over {span}. Move over the line, or with the slider below it, to read the sentence there.",
      { sentences: plural(arcs[0].values.length, "sentence"), mean: overall.toFixed(3).replace("-", "−"), span: count(smooth.span) },
    );
    tell(Math.min(Number(at.value) || Math.floor(points / 2), points - 1));
  };
  at.addEventListener("input", () => {
    drawing.point(Number(at.value));
    tell(Number(at.value));
  });
  for (const one of [other.menu, part.menu, number, span.input, kind.menu]) one.addEventListener("input", show);
  return { element, show };
}

/** @type {(reader: Reader, book: number, part: string, most: number) => {first: number, values: number[]}} */
function arc({ books, figures }, book, part, most) {
  let { first, last } = books[book];
  if (part === "first") last = Math.min(last, first + most);
  if (part === "last") first = Math.max(first, last - most);
  return { first, values: Array.from(figures.feelings.subarray(first, last), (value) => value / 100) };
}

/**
 * The mean, and between which values half of the sentences around lie, at so many evenly spread points.
 * @type {(values: number[], smooth: {span: number, exponential: boolean}, points: number) =>
 *   {mean: number[], low: number[], high: number[]}}
 */
function figuresOf(values, { span, exponential }, points) {
  const mean = smoothed(values, span, exponential);
  const step = (values.length - 1) / Math.max(1, points - 1);
  const places = Array.from({ length: points }, (_, point) => Math.round(point * step));
  const around = places.map((place) =>
    values.slice(Math.max(0, place - Math.floor(span / 2)), place + Math.ceil(span / 2) + 1).sort((a, b) => a - b),
  );
  return {
    mean: places.map((place) => mean[place]),
    low: around.map((some) => some[Math.floor(some.length / 4)]),
    high: around.map((some) => some[Math.floor((3 * (some.length - 1)) / 4)]),
  };
}

/** @type {(label: string, id: string, least: number, most: number, value: number) => {element: HTMLElement, input: HTMLInputElement, value: () => number}} */
function slider(label, id, least, most, value) {
  // Even steps of the slider are equal factors.
  const place = (/** @type {number} */ number) => Math.log(number / least) / Math.log(most / least);
  const input = make("input", { type: "range", id, min: "0", max: "1", step: "0.01", value: String(place(value)) });
  const now = () => Math.round(least * (most / least) ** Number(input.value));
  const output = make("output", { htmlFor: id });
  const show = () => {
    output.textContent = plural(now(), "sentence");
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", show);
  show();
  return { input, value: now, element: make("label", { class: "field wide-field", htmlFor: id }, `${t(label)} `, input, output) };
}
