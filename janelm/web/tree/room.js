/** The tree of all that was written: its map, its branches, and several continuations from one place. */

import { data, debounced, find, make } from "../views/elements.js";
import { t } from "../views/language.js";
import { branch } from "../views/notebook.js";
import { count, plural } from "../views/numbers.js";
import { addStyle } from "../views/rooms.js";
import { announce, notify } from "../views/status.js";
import { fromData, toData } from "./file.js";

/** @typedef {import("../views/session.js").Session} Session */
/** @typedef {import("../views/notebook.js").Page} Page */

const KEY = `janelm-tree ${new URL("./", document.baseURI).pathname}`;
const SHOWN = 48; // characters of what a page added

/**
 * @param {Session} session
 * @param {HTMLElement} place
 * @returns {Promise<() => void>}
 */
export async function openRoom(session, place) {
  await addStyle(new URL("tree.css", import.meta.url).href);
  const { notebook } = session;
  const list = make("ul", { class: "tree", role: "tree", "aria-label": "Everything that was written" });
  const number = make("select", { id: "tree-count" }, ...[2, 3, 5, 8].map((n) => make("option", { value: String(n), selected: n === 3 }, String(n))));
  const grow = button("Grow", "Write so many continuations from the cursor", () => {
    const area = /** @type {HTMLTextAreaElement} */ (find("text"));
    const at = area.value === notebook.text ? area.selectionEnd || notebook.text.length : notebook.text.length;
    void session.grow(at, Number(number.value));
  });
  const back = button("Bring back", "The tree that this browser kept", () => restore(session));
  const mark = button("Mark", "Mark the page that is open, to find it again (M)", () => notebook.mark(notebook.page));
  const save = button("Export", "The whole tree as a file", () => download(session));
  const file = make("input", { type: "file", accept: ".json,application/json", class: "unseen", "aria-label": "A tree to import", tabIndex: -1 });
  const load = button("Import", "A tree from a file; this one is replaced", () => file.click());
  file.addEventListener("change", async () => {
    const [chosen] = file.files ?? [];
    if (chosen) importTree(session, await chosen.text());
    file.value = "";
  });
  const path = make("p", { class: "help" });
  place.replaceChildren(
    make("p", { class: "help" }, "Undo and redo walk this tree; nothing that was written is lost when you go back and write on from there."),
    make("div", { class: "tree-buttons" }, make("label", { class: "field", htmlFor: "tree-count" }, "From the cursor ", number), grow),
    list,
    path,
    make("div", { class: "tree-buttons" }, mark, save, load, back, file),
  );
  back.hidden = !keptTree() || [...branch(notebook.root)].length > 2;

  const keep = debounced(1500, () => {
    if ([...branch(notebook.root)].length > 2) keepTree(session);
  });
  const show = () => {
    if (session.busy && list.childElementCount) return; // once it is written
    const focused = document.activeElement && pageOf.get(document.activeElement);
    const open = notebook.page;
    list.replaceChildren(...rows(session));
    const here = /** @type {HTMLElement | null} */ (list.querySelector("[aria-current]"));
    const again = /** @type {HTMLElement[]} */ ([...list.children]).find((row) => pageOf.get(row) === focused);
    if (focused) (again ?? here)?.focus({ preventScroll: true });
    here?.scrollIntoView({ block: "nearest" });
    let depth = 0;
    for (let one = open.parent; one; one = one.parent) depth++;
    const all = [...branch(notebook.root)];
    path.textContent = t("{pages}, this is step {step}; {marks}.", {
      pages: plural(all.length, "page"),
      step: count(depth + 1),
      marks: plural(all.filter((one) => one.marked).length, "mark"),
    });
    keep();
  };
  for (const name of ["change", "tree"]) notebook.addEventListener(name, debounced(50, show));
  session.addEventListener("writing", show);
  list.addEventListener("keydown", (event) => key(event, session));
  return show;
}

/** @type {(label: string, title: string, action: () => void) => HTMLButtonElement} */
function button(label, title, action) {
  return make("button", { type: "button", title, onclick: action }, t(label));
}

/** @type {WeakMap<Element, Page>} */
const pageOf = new WeakMap();

/** A row for each page; only where the tree branches are the rows after it set in. @param {Session} session */
function rows({ notebook }) {
  /** @type {Map<Page, number>} */
  const depths = new Map();
  const onPath = new Set();
  for (let one = /** @type {Page | null} */ (notebook.page); one; one = one.parent) onPath.add(one);
  return Array.from(branch(notebook.root), (one) => {
    const { parent } = one;
    const depth = parent ? (depths.get(parent) ?? 0) + (parent.children.length > 1 ? 1 : 0) : 0;
    depths.set(one, depth);
    const item = make("li", {
      role: "treeitem",
      tabIndex: one === notebook.page ? 0 : -1,
      "aria-level": String(depth + 1),
      "aria-selected": String(one === notebook.page),
      class: onPath.has(one) ? "on-path" : "",
      textContent: added(one),
    });
    if (one === notebook.page) item.setAttribute("aria-current", "step");
    if (one.marked) item.prepend(make("span", { class: "mark", "aria-label": "Marked, " }, "★ "));
    item.style.setProperty("--depth", String(Math.min(depth, 8)));
    item.addEventListener("click", () => notebook.go(one));
    pageOf.set(item, one);
    return item;
  });
}

/** What a page added to the one before, or where it cut that off. @param {Page} one */
function added({ text, parent }) {
  const before = parent?.text ?? "";
  const flat = (/** @type {string} */ part) => part.trim().replace(/\s+/gu, " ");
  if (text.startsWith(before)) {
    const more = flat(text.slice(before.length));
    return more.length > SHOWN ? `${more.slice(0, SHOWN)}…` : more || t("(as before)");
  }
  const end = flat(text.slice(-SHOWN));
  return end ? `…${end}` : t("(an empty page)");
}

/** @type {(event: KeyboardEvent, session: Session) => void} */
function key(event, { notebook, busy }) {
  const item = /** @type {HTMLElement} */ (/** @type {Element} */ (event.target).closest("[role=treeitem]"));
  const one = item && pageOf.get(item);
  if (!one || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = /** @type {HTMLElement[]} */ ([...(item.parentElement?.children ?? [])]);
  const rowOf = (/** @type {Page | null | undefined} */ wanted) => all.find((row) => pageOf.get(row) === wanted);
  const place = all.indexOf(item);
  const next = {
    ArrowDown: all[place + 1],
    ArrowUp: all[place - 1],
    ArrowLeft: rowOf(one.parent),
    ArrowRight: rowOf(one.next ?? one.children[0]),
    Home: all[0],
    End: all.at(-1),
  }[event.key];
  if (next) {
    for (const row of all) row.tabIndex = row === next ? 0 : -1;
    next.focus();
  } else if (event.key === "Enter" || event.key === " ") {
    if (!busy) notebook.go(one);
  } else if (event.key.toLowerCase() === "m") notebook.mark(one);
  else if (event.key === "Delete") {
    if (!busy) notebook.drop(one);
  } else return;
  event.preventDefault();
}

/** @param {Session} session */
function download({ notebook, name }) {
  const file = new Blob([JSON.stringify(toData(notebook))], { type: "application/json" });
  const address = URL.createObjectURL(file);
  make("a", { href: address, download: `${name}-tree.json` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** @type {(session: Session, text: string) => void} */
function importTree({ notebook, busy }, text) {
  if (busy) return;
  try {
    notebook.go(fromData(JSON.parse(text)));
    announce(t("The tree is here"));
  } catch (error) {
    const why = error instanceof SyntaxError ? "it is no JSON" : /** @type {Error} */ (error).message;
    notify(make("strong", {}, "This file is not a tree."), data(` ${t("It was not imported, because {why}.", { why })}`));
  }
}

/** @param {Session} session */
function restore(session) {
  importTree(session, keptTree() ?? "");
}

function keptTree() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser that keeps nothing
  }
}

/** @param {Session} session */
function keepTree({ notebook }) {
  try {
    localStorage.setItem(KEY, JSON.stringify(toData(notebook)));
  } catch {
    // No room, or nothing is kept: the tree can still be exported.
  }
}
