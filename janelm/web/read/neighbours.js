/** Neighbours: words and names by what a model makes of them, on a map, in space, and in lists. */

import { colour, data, make, section } from "../views/elements.js";
import { t } from "../views/language.js";
import { count, plural } from "../views/numbers.js";
import { announce, showFailure } from "../views/status.js";
import { cloud } from "./cloud.js";
import { choice, wordList } from "./pieces.js";
import { fetchSpaces } from "./vectors.js";

/** @typedef {import("./state.js").Reader} Reader */
/** @typedef {import("./vectors.js").Space} Space */
/** @typedef {import("./vectors.js").Entry} Entry */
/** @typedef {{name: string, entry: number, vector: Float32Array}} Placed */

const LISTED = 10;
const WRITTEN = 4; // words that are placed without being followed
const IN_SPACE = 700;
const KINDS = /** @type {const} */ ({ person: "people", name: "other names", word: "words" });
/** @type {Record<string, string>}  of each kind of map */
const SAID = {
  near: "Distances between groups mean little.",
  flat: "The two directions in which they differ most.",
  solid: "Drag it, or turn it with the arrow keys.",
};
const OFTEN = ["the most frequent tenth", "the next three tenths", "the rarer ones"];

/**
 * @param {Reader} reader
 * @param {import("../views/session.js").Session} session
 */
export function neighboursView(reader, session) {
  const file = session.manifest.reading?.embeddings;
  /** @type {Map<string, Space> | null} */
  let spaces = null;
  /** @type {string[]} */
  let written = [];
  const models = choice("As", "neighbours-model", session.names.map((name) => [name, name]));
  const drawn = choice("drawn", "neighbours-map", [
    ["near", "near ones together"],
    ["flat", "by two directions"],
    ["solid", "by three, turning"],
  ]);
  const by = choice("coloured by", "neighbours-colour", [
    ["kind", t("kind")],
    ["often", t("frequency")],
    ["book", t("book")],
  ]);
  by.menu.options[2].hidden = reader.books.length < 2;
  const turn = make("button", { type: "button" }, t("Turn"));
  const legend = make("ul", { class: "legend", "aria-label": t("Colours") });
  const lists = make("div", { class: "near-lists" });
  const problem = make("p", { class: "help unplaced", role: "status" });
  const input = make("input", { id: "neighbours-word", type: "text", autocomplete: "off", spellcheck: false, placeholder: "any word" });
  const form = make("form", { class: "follow" }, make("label", { htmlFor: "neighbours-word" }, t("Place")), input, make("button", { type: "submit" }, t("Place")));
  const about = make("p", { class: "help" });
  /** @type {number[]}  the entry of each point, or -1 */
  let shown = [];
  const drawing = cloud("Words and names on a map: those that are near each other are listed below", (place) => {
    const entry = space()?.entries[shown[place]];
    if (entry) problem.textContent = reader.toggle(entry.form);
  });
  const element = make(
    "div",
    { class: "neighbours", hidden: !file },
    section(
      "neighbours-map-of",
      "Near each other",
      "People and common words of the text, each where the model's idea of it is: the mean of what it expects where the word stands, and of " +
        "what it has understood once it has read it. The vectors of its tokens say too little: by them a third of the neighbours of " +
        "Austen's main characters are no people, by these one in fifty. Press a point to follow it.",
      make("div", { class: "buttons" }, models.element, drawn.element, by.element, turn),
      drawing.element,
      legend,
      about,
    ),
    section(
      "neighbours-lists",
      "Neighbours",
      "Of what you follow, and of words that you write here, whether or not they stand in the text.",
      form,
      problem,
      lists,
    ),
  );
  const space = () => spaces?.get(models.menu.value);

  const show = () => {
    if (!file || element.hidden) return;
    if (!spaces) {
      about.textContent = t("Opening…");
      fetchSpaces(file.path, new URL("./", document.baseURI)).then((found) => {
        spaces = found;
        models.menu.replaceChildren(...[...found.keys()].map((name) => make("option", { value: name }, name)));
        if (found.has(session.name)) models.menu.value = session.name;
        models.element.hidden = found.size < 2;
        show();
      }, showFailure);
      return;
    }
    const current = /** @type {Space} */ (space());
    const solid = drawn.menu.value === "solid";
    const wanted = [...reader.words.map(({ phrase }) => phrase), ...written];
    const placed = wanted.map((word) => placedIn(current, word, session, models.menu.value)).filter((one) => one !== null);
    turn.hidden = !solid;
    if (!solid) drawing.turn(false);
    turn.textContent = t(drawing.turning ? "Stop" : "Turn");
    const points = pointsOf(current, placed, drawn.menu.value, by.menu.value, reader);
    shown = points.map(({ entry }) => entry);
    drawing.show(points, solid);
    legend.replaceChildren(...legendOf(by.menu.value, reader));
    const all = count(current.entries.length);
    const some = t("{count} words and names, of which {drawn} are drawn.", { count: all, drawn: count(Math.min(current.map.length, IN_SPACE)) });
    about.textContent = `${some} ${t(SAID[drawn.menu.value])}`;
    lists.replaceChildren(...placed.map((one) => listOf(reader, current, one)));
    if (!placed.length) lists.append(make("p", { class: "help" }, "Nothing is followed yet."));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const word = input.value.trim();
    const current = space();
    if (!word || !current) return;
    const known = placedIn(current, word, session, models.menu.value) !== null;
    problem.textContent = known ? "" : t("The model never read a piece of “{word}” there.", { word });
    if (!known) return;
    written = [...written.filter((one) => one !== word), word].slice(-WRITTEN);
    input.value = "";
    announce(t("{word} is placed", { word }));
    show();
  });
  turn.addEventListener("click", () => {
    drawing.turn(!drawing.turning);
    turn.textContent = t(drawing.turning ? "Stop" : "Turn");
  });
  drawn.menu.addEventListener("change", () => {
    drawing.turn(drawn.menu.value === "solid" && !matchMedia("(prefers-reduced-motion: reduce)").matches);
    show();
  });
  for (const { menu } of [models, by]) menu.addEventListener("change", show);
  return { element, show };
}

/** @type {(space: Space, word: string, session: import("../views/session.js").Session, model: string) => Placed | null} */
function placedIn(space, word, session, model) {
  const entry = space.find(word);
  if (entry >= 0) return { name: space.entries[entry].name, entry, vector: space.vectors[entry] };
  const spelt = session.engine.tokens(model, ` ${word}`).filter(({ end }) => end > 1);
  const vector = space.guess(spelt.map(({ token }) => token));
  return vector && { name: word, entry: -1, vector };
}

/** @type {(space: Space, placed: Placed[], map: string, by: string, reader: Reader) => (import("./cloud.js").Point & {entry: number})[]} */
function pointsOf(space, placed, map, by, reader) {
  const near = map === "near";
  const most = Math.max(...space.vectors.slice(0, IN_SPACE).flatMap((vector) => [...vector.slice(0, 3)].map(Math.abs)), 0.1);
  const at = (/** @type {Float32Array} */ vector) => ({ x: vector[0] / most, y: vector[1] / most, z: map === "solid" ? vector[2] / most : 0 });
  const flat = (/** @type {[number, number]} */ [x, y]) => ({ x, y, z: 0 });
  const points = space.entries.slice(0, near ? space.map.length : IN_SPACE).map((entry, place) => ({
    name: entry.name,
    entry: place,
    ...(near ? flat(space.map[place]) : at(space.vectors[place])),
    colour: colourOf(entry, by, space, reader),
    named: true,
    ringed: placed.some((one) => one.entry === place),
  }));
  const missing = placed.filter(({ entry }) => entry < 0 || entry >= points.length);
  return [
    ...points,
    ...missing.map(({ name, entry, vector }) => ({
      name,
      entry,
      ...(near ? flat(space.place(vector)) : at(vector)),
      colour: colour("--ink"),
      named: true,
      ringed: true,
    })),
  ];
}

/** @type {(entry: Entry, by: string, space: Space, reader: Reader) => string} */
function colourOf({ kind, count: often, book }, by, space, { books }) {
  if (by === "book") return hue(book, books.length);
  if (by === "kind") return PALETTE[Object.keys(KINDS).indexOf(kind)];
  const more = space.entries.filter((one) => one.count > often).length / space.entries.length;
  return PALETTE[more < 0.1 ? 0 : more < 0.4 ? 1 : 2];
}

const PALETTE = ["#c0492f", "#6d8f2e", "#4a83b0"];

/** @type {(place: number, of: number) => string} */
function hue(place, of) {
  return `hsl(${Math.round((360 * place) / of)} 60% 48%)`;
}

/** @type {(by: string, reader: Reader) => HTMLElement[]} */
function legendOf(by, { books }) {
  const names = by === "book" ? books.slice(0, 12).map(({ title }) => title) : (by === "kind" ? Object.values(KINDS) : OFTEN).map((one) => t(one));
  return names.map((name, place) => {
    const dot = make("span", { class: "dot", "aria-hidden": "true" });
    dot.style.setProperty("--own", by === "book" ? hue(place, books.length) : PALETTE[place]);
    return make("li", {}, dot, data(name));
  });
}

/** @type {(reader: Reader, space: Space, placed: Placed) => HTMLElement} */
function listOf(reader, space, { name, entry, vector }) {
  const near = space.nearest(vector, LISTED, entry);
  const known = entry >= 0 ? space.entries[entry] : null;
  const said = known
    ? t("{count} in the text, read in {places}", { count: count(known.count), places: plural(known.contexts, "place") })
    : t("too rare in the text, or not in it: placed by the pieces that it is spelt with, which is a guess");
  return make(
    "div",
    {},
    make("h3", {}, data(`${t("Near “{word}”", { word: name })} `), make("small", {}, data(said))),
    wordList(
      reader,
      near.map((one) => ({ word: space.entries[one.entry].form, name: space.entries[one.entry].name, figure: one.cosine.toFixed(2) })),
      t("Nearest to {word}", { word: name }),
    ),
  );
}
