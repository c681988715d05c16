/** Several drafts: texts with a name, kept in this browser, each as it was left. */

import { data, debounced, make } from "../views/elements.js";
import { addStyle } from "../views/rooms.js";
import { t } from "../views/language.js";
import { announce, notify } from "../views/status.js";
import { count, plural } from "../views/numbers.js";

/** @typedef {import("../views/session.js").Session} Session */

/**
 * @typedef {object} Draft
 * @property {string} name
 * @property {string} text
 * @property {string} model
 * @property {number} changed  when, in milliseconds
 */

const KEY = `janelm-drafts ${new URL("./", document.baseURI).pathname}`;
const MOST = 200;

/** @type {Draft[]} where the browser keeps nothing, for this visit alone */
let held = [];

/**
 * @param {Session} session
 * @param {HTMLElement} place
 * @returns {Promise<() => void>}
 */
export async function openRoom(session, place) {
  await addStyle(new URL("drafts.css", import.meta.url).href);
  held = kept();
  const { notebook } = session;
  /** @type {Draft | null} the one that is being written */
  let open = held.find(({ text }) => text === notebook.text) ?? null;
  let base = notebook.page; // what came before it, to which undo may go back, is not of the draft
  const isOpen = () => {
    for (let page = /** @type {typeof base | null} */ (notebook.page); page; page = page.parent) if (page === base) return open;
    return null;
  };
  const name = make("input", { type: "text", id: "draft-name", maxLength: 80, autocomplete: "off", placeholder: "The heron" });
  const add = make("button", { type: "button" }, "Keep the text");
  const fresh = make("button", { type: "button" }, t("New"));
  const list = make("ul", { class: "drafts" });
  const note = make("p", { class: "help" });

  const show = () => {
    list.replaceChildren(...held.map((draft) => row(draft)));
    note.textContent = held.length ? (canKeep() ? "" : t("This browser keeps nothing for this page: they last for this visit.")) : t("No draft yet.");
  };
  const change = (/** @type {Draft[]} */ drafts) => {
    held = drafts;
    if (!keep(held)) notify("This browser has no more room for drafts: save one as a file, and delete it here.");
    show();
  };
  const save = () => {
    if (!open || !isOpen() || open.text === notebook.text) return;
    const draft = { ...open, text: notebook.text, model: session.name, changed: Date.now() };
    change(held.map((one) => (one === open ? draft : one)));
    open = draft;
    show();
  };
  /** @param {Draft} draft */
  const row = (draft) => {
    const words = plural(draft.text.trim().split(/\s+/u).filter(Boolean).length, "word");
    const choose = make("button", { type: "button", class: "draft", "aria-current": draft === isOpen() ? "true" : undefined }, data(draft.name), make("small", {}, words));
    choose.addEventListener("click", () => {
      save();
      session.stop();
      open = draft;
      if (session.names.includes(draft.model) && draft.model !== session.name) session.choose(draft.model);
      notebook.begin(draft.text); // undo comes back
      base = notebook.page;
      announce(t("{name} is open", { name: draft.name }));
      show();
    });
    const rename = iconButton("Rename", draft, "✎", () => {
      const input = make("input", { type: "text", value: draft.name, maxLength: 80, "aria-label": t("New name of {name}", { name: draft.name }) });
      const done = () => {
        const given = input.value.trim();
        const named = { ...draft, name: given || draft.name };
        if (open === draft) open = named;
        change(held.map((one) => (one === draft ? named : one)));
      };
      input.addEventListener("change", done);
      input.addEventListener("blur", done, { once: true });
      choose.replaceWith(input);
      input.select();
    });
    const remove = iconButton("Delete", draft, "×", () => {
      if (open === draft) open = null;
      change(held.filter((one) => one !== draft));
      announce(t("{name} is deleted", { name: draft.name }));
    });
    return make("li", {}, choose, rename, remove);
  };

  add.addEventListener("click", () => {
    if (held.length >= MOST) return notify(t("There are {count} drafts: delete one first.", { count: count(MOST) }));
    const first = notebook.text.trim().split(/\s+/u).slice(0, 4).join(" ").slice(0, 40);
    open = { name: name.value.trim() || first || t("Untitled"), text: notebook.text, model: session.name, changed: Date.now() };
    name.value = "";
    base = notebook.page;
    change([open, ...held]);
    announce(t("{name} is kept", { name: open.name }));
  });
  fresh.addEventListener("click", () => {
    save();
    session.stop();
    open = null;
    notebook.begin("");
    show();
  });
  notebook.addEventListener("change", debounced(800, () => session.busy || save()));
  session.addEventListener("writing", () => session.busy || save());
  place.replaceChildren(
    make("p", { class: "help" }, "Texts with a name, kept in this browser alone; the one that is open is kept as you write."),
    make("label", { class: "draft-name", htmlFor: "draft-name" }, t("Name"), name),
    make("div", { class: "tree-buttons" }, add, fresh),
    list,
    note,
  );
  return show;
}

/** @type {(label: string, draft: Draft, sign: string, action: () => void) => HTMLButtonElement} */
function iconButton(label, { name }, sign, action) {
  return make("button", { type: "button", class: "quiet", title: t(label), "aria-label": `${t(label)} ${name}`, onclick: action }, sign);
}

function canKeep() {
  try {
    localStorage.setItem(`${KEY} try`, "");
    localStorage.removeItem(`${KEY} try`);
    return true;
  } catch {
    return false;
  }
}

/** @returns {Draft[]} those of this browser that are whole */
function kept() {
  try {
    const all = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    const whole = (/** @type {any} */ one) =>
      typeof one?.name === "string" && typeof one.text === "string" && typeof one.model === "string" && Number.isFinite(one.changed);
    return Array.isArray(all) ? all.filter(whole).slice(0, MOST) : [];
  } catch {
    return held;
  }
}

/** @type {(drafts: Draft[]) => boolean} */
function keep(drafts) {
  try {
    localStorage.setItem(KEY, JSON.stringify(drafts));
    return true;
  } catch {
    return !canKeep(); // where nothing is kept, that is said already
  }
}
