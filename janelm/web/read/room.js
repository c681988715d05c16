/** The room Read: its head, where words are chosen, and its views. */

import { data, find, make } from "../views/elements.js";
import { t } from "../views/language.js";
import { count, plural } from "../views/numbers.js";
import { addStyle } from "../views/rooms.js";
import { announce } from "../views/status.js";
import { tabs } from "../views/tabs.js";
import { booksView } from "./books.js";
import { fetchReading } from "./data.js";
import { explorerView } from "./explorer.js";
import { feelingView } from "./feeling.js";
import { peopleView } from "./people.js";
import { likenessView } from "./likeness.js";
import { neighboursView } from "./neighbours.js";
import { surpriseView } from "./surprise.js";
import { COLOURS, Reader } from "./state.js";

/** @typedef {import("../views/session.js").Session} Session */

/**
 * @param {Session} session
 * @returns {Promise<() => void>}  to be called when the panel is shown
 */
export async function openRoom(session) {
  const reading = /** @type {import("../engine/types.js").TextShown} */ (session.manifest.reading);
  const base = new URL("./", document.baseURI);
  const [{ figures, text }] = await Promise.all([
    fetchReading(reading, base),
    addStyle(new URL("read.css", import.meta.url).href),
  ]);
  const reader = new Reader(figures, text);
  const views = [
    { name: "Books", ...booksView(reader, session) },
    { name: "Words", ...explorerView(reader, session) },
    { name: "Feeling", ...feelingView(reader, session) },
    { name: "People", ...peopleView(reader) },
    { name: "Neighbours", ...neighboursView(reader, session) },
    { name: "Surprise", ...surpriseView(reader, session) },
    { name: "Likeness", ...likenessView(reader) },
  ].filter(({ element }) => !element.hidden);
  const list = make(
    "div",
    { class: "rooms", role: "tablist", "aria-label": "What to read" },
    ...views.map(({ name }, place) =>
      make("button", {
        type: "button",
        role: "tab",
        id: `read-tab-${name}`,
        "aria-controls": `read-${name}`,
        "aria-selected": String(!place),
        tabIndex: place ? -1 : 0,
        textContent: t(name),
      }),
    ),
  );
  const panels = views.map(({ name, element }, place) =>
    make(
      "div",
      { id: `read-${name}`, class: "view", role: "tabpanel", "aria-labelledby": `read-tab-${name}`, hidden: !!place },
      element,
    ),
  );
  const panel = find("panel-read");
  panel.addEventListener("dblclick", ({ target }) => {
    const word = String(getSelection()).trim();
    const pressed = /** @type {Element} */ (target).closest("input, select, button, canvas, .uplot");
    if (!pressed && word && !/\s/.test(word) && !reader.follows(word)) reader.toggle(word);
  });
  panel.replaceChildren(head(session, reader), chooser(reader), list, ...panels);
  const show = () => views.forEach((view, place) => panels[place].hidden || view.show());
  tabs(list, show);
  for (const name of ["words", "book"]) reader.addEventListener(name, show);
  return show;
}

/**
 * @param {Session} session
 * @param {Reader} reader
 */
function head({ manifest }, { figures, text }) {
  const { books } = figures;
  const of = books.length === 1 ? books[0].title : plural(books.length, "book");
  const counted = t("Everything here was counted when the page was made, with JaneLM {version}, or is counted now on this device.", {
    version: manifest.janelm,
  });
  const withheld = t(
    "Whoever made this page shows figures of the text, not the text itself: words can be counted where they are frequent, and no line is shown.",
  );
  return make(
    "header",
    { class: "read-head" },
    make("p", { class: "lead" }, t("{text}, {count} words: what the models of this page learned from.", { text: of, count: count(figures.words) })),
    make("p", { class: "help" }, data(text === null ? `${counted} ${withheld}` : counted)),
  );
}

/**
 * The field in which a word is followed, and those that are.
 * @param {Reader} reader
 */
function chooser(reader) {
  const input = make("input", {
    id: "follow",
    type: "text",
    autocomplete: "off",
    spellcheck: false,
    enterKeyHint: "search",
    placeholder: reader.text === null ? "a frequent word" : "a word or phrase",
  });
  const problem = make("p", { class: "help problem", role: "status" });
  const chips = make("ul", { class: "followed", "aria-label": t("Followed") });
  const parts = make("input", { id: "follow-parts", type: "checkbox" });
  parts.addEventListener("change", () => reader.count(!parts.checked));
  const form = make(
    "form",
    { class: "follow", role: "search" },
    make("label", { htmlFor: "follow" }, t("Follow")),
    input,
    make("button", { type: "submit" }, t("Add")),
    reader.text === null
      ? null
      : make("label", { class: "check", htmlFor: "follow-parts" }, parts, "inside longer words too"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = input.value.split(",").filter((one) => one.trim());
    problem.textContent = wanted.map((one) => (reader.follows(one.trim()) ? "" : reader.toggle(one))).join(" ").trim();
    if (!problem.textContent) input.value = "";
  });
  const show = () => {
    chips.replaceChildren(...reader.words.map((word) => chip(reader, word, input)));
    if (reader.words.length) announce(t("Following {words}", { words: reader.words.map(({ phrase }) => phrase).join(", ") }));
  };
  reader.addEventListener("words", show);
  show();
  return make("div", { class: "chooser box" }, form, chips, problem);
}

/** @type {(reader: Reader, word: import("./state.js").Followed, input: HTMLElement) => HTMLElement} */
function chip(reader, { phrase, colour, count: number }, input) {
  const button = make(
    "button",
    { type: "button", class: "followed-word", title: "No longer follow it" },
    make("span", {}, data(phrase)),
    make("span", { class: "share" }, count(number)),
    make("span", { "aria-hidden": "true" }, "×"),
    make("span", { class: "unseen" }, data(`, ${t("no longer follow")}`)),
  );
  button.style.setProperty("--own", `var(${COLOURS[colour]})`);
  button.addEventListener("click", () => {
    reader.toggle(phrase);
    input.focus();
  });
  return make("li", {}, button);
}

