/** People: who is named in a book, where, and with whom; two names of one person can be joined. */

import { data, make, section } from "../views/elements.js";
import { t } from "../views/language.js";
import { count } from "../views/numbers.js";
import { announce } from "../views/status.js";
import { along, choice, followedRows, strip } from "./pieces.js";

/** @typedef {import("./data.js").Person} Person */
/** @typedef {import("./state.js").Reader} Reader */

const SHOWN = 16;
const IN_MATRIX = 12;
const KEY = "janelm-names";

/** @param {Reader} reader */
export function peopleView(reader) {
  const { books } = reader;
  const joins = keptJoins(books.map(({ title, people }) => `${title} ${people.length}`).join("; "));
  const book = choice("Book", "people-book", books.map(({ title }, place) => [String(place), title]));
  book.element.hidden = books.length < 2;
  const list = make("ol", { class: "people" });
  const matrix = make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Who is named with whom" });
  const join = make("button", { type: "button", "aria-disabled": "true" }, "Join the two names");
  const part = make("button", { type: "button", class: "quiet" }, "Part them again");
  /** @type {string[]} */
  let ticked = [];
  const element = make(
    "div",
    { class: "people-view" },
    section(
      "people-list",
      "Who is named",
      "Where in the book, from its start on the left to its end. Tick two names of one person to join them; press a name to follow it.",
      make("div", { class: "buttons" }, book.element, join, part),
      list,
    ),
    section(
      "people-matrix",
      "Who with whom",
      "In how many paragraphs two of them are named together.",
      matrix,
    ),
  );
  element.hidden = books.every(({ people }) => !people.length);

  const show = () => {
    book.menu.value = String(reader.book);
    const current = books[reader.book];
    const people = joined(current.people, joins.of(current.title));
    part.hidden = !joins.of(current.title).length;
    ticked = ticked.filter((name) => people.some((one) => one.name === name));
    join.setAttribute("aria-disabled", String(ticked.length !== 2));
    list.replaceChildren(
      ...followedRows(reader, books[reader.book]),
      ...people.slice(0, SHOWN).map((person) =>
        row(reader, person, ticked.includes(person.name), (on) => {
          ticked = on ? [...ticked, person.name].slice(-2) : ticked.filter((name) => name !== person.name);
          for (const box of list.querySelectorAll("input")) box.checked = ticked.includes(box.value);
          join.setAttribute("aria-disabled", String(ticked.length !== 2));
        }),
      ),
    );
    if (!people.length) list.append(make("li", { class: "help" }, "Nobody is named in it often enough."));
    matrix.replaceChildren(together(people.slice(0, IN_MATRIX)));
  };
  join.addEventListener("click", () => {
    if (ticked.length !== 2) return;
    joins.add(books[reader.book].title, ticked);
    announce(t("{gone} is joined to {kept}", { gone: ticked[1], kept: ticked[0] }));
    ticked = [];
    show();
  });
  part.addEventListener("click", () => {
    joins.clear(books[reader.book].title);
    show();
  });
  book.menu.addEventListener("change", () => reader.open(Number(book.menu.value)));
  return { element, show };
}

/** @type {(reader: Reader, person: Person, ticked: boolean, tick: (on: boolean) => void) => HTMLElement} */
function row(reader, person, ticked, tick) {
  const forms = Object.entries(person.forms).map(([form, number]) => `${form} ${count(number)}`);
  const box = make("input", { type: "checkbox", value: person.name, checked: ticked, "aria-label": t("Tick {name}", { name: person.name }) });
  box.addEventListener("change", () => tick(box.checked));
  const [form] = Object.entries(person.forms).sort((a, b) => b[1] - a[1])[0];
  const name = make("button", { type: "button", class: "quiet person", title: forms.join(", ") }, data(person.name));
  name.setAttribute("aria-pressed", String(reader.follows(form)));
  name.addEventListener("click", () => reader.toggle(form));
  return make(
    "li",
    {},
    box,
    name,
    make("span", { class: "share" }, count(person.count)),
    strip(person.slices, along(person.name, count(person.count), true)),
  );
}

/** @param {Person[]} people */
function together(people) {
  const most = Math.max(1, ...people.flatMap((person) => person.with.slice(0, people.length)));
  const head = people.map(({ name }) => make("th", { scope: "col" }, make("span", {}, data(name))));
  const rows = people.map((person, place) => {
    const cells = people.map((other, column) => {
      const number = person.with[column];
      if (place === column) return make("td", { class: "self" });
      const cell = make("td", { title: t("{one} and {other}: {count}", { one: person.name, other: other.name, count: count(number) }) }, number ? count(number) : "");
      cell.style.setProperty("--share", String(Math.sqrt(number / most)));
      return cell;
    });
    return make("tr", {}, make("th", { scope: "row" }, data(person.name)), ...cells);
  });
  return make(
    "table",
    { class: "matrix" },
    make("thead", {}, make("tr", {}, make("td", {}), ...head)),
    make("tbody", {}, ...rows),
  );
}

/**
 * The people with some names joined: a paragraph that names both counts once for each of the others at most by chance
 * twice, as it is not known which paragraphs these are.
 * @type {(people: Person[], pairs: string[][]) => Person[]}
 */
export function joined(people, pairs) {
  let found = people.map((person) => ({ ...person, with: [...person.with] }));
  for (const [kept, gone] of pairs) {
    const [i, j] = [found.findIndex(({ name }) => name === kept), found.findIndex(({ name }) => name === gone)];
    if (i < 0 || j < 0 || i === j) continue;
    const [a, b] = [found[i], found[j]];
    const sum = (/** @type {number[]} */ x, /** @type {number[]} */ y) => x.map((value, place) => value + y[place]);
    found[i] = {
      ...a,
      forms: { ...b.forms, ...a.forms },
      count: a.count + b.count,
      chapters: sum(a.chapters, b.chapters),
      slices: sum(a.slices, b.slices),
      with: sum(a.with, b.with),
    };
    for (const one of found) one.with[i] = one === found[i] ? 0 : one.with[i] + one.with[j];
    found = found.filter((_, place) => place !== j).map((one) => ({ ...one, with: one.with.filter((_, place) => place !== j) }));
  }
  const order = found.map((_, place) => place).sort((x, y) => found[y].count - found[x].count);
  return order.map((place) => ({ ...found[place], with: order.map((other) => found[place].with[other]) }));
}

/** The names that were joined, kept in this browser. @param {string} text  which it is */
function keptJoins(text) {
  /** @type {Record<string, string[][]>} */
  let pairs = {};
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (kept?.text === text && Object.values(kept.pairs).every(Array.isArray)) pairs = kept.pairs;
  } catch {
    // A browser that keeps nothing, or something else: no names are joined.
  }
  const keep = () => {
    try {
      localStorage.setItem(KEY, JSON.stringify({ text, pairs }));
    } catch {
      // As above.
    }
  };
  return {
    /** @param {string} book */
    of: (book) => pairs[book] ?? [],
    /** @type {(book: string, pair: string[]) => void} */
    add(book, pair) {
      pairs = { ...pairs, [book]: [...(pairs[book] ?? []), pair] };
      keep();
    },
    /** @param {string} book */
    clear(book) {
      const { [book]: _, ...others } = pairs;
      pairs = others;
      keep();
    },
  };
}
