/** The head of the page: which model writes, with which title a document begins, and light or dark. */

import { data, find, make } from "./elements.js";
import { size } from "./numbers.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("../engine/types.js").ModelEntry} ModelEntry */

const THEME = "janelm-theme";

/** @param {Session} session */
export function modelMenu(session) {
  const menu = /** @type {HTMLSelectElement} */ (find("model"));
  menu.addEventListener("change", () => session.choose(menu.value));
  const show = () => (menu.value = session.name);
  const fill = () => {
    const { models } = session.manifest;
    menu.replaceChildren(...models.map((model) => make("option", { value: model.name }, data(modelTitle(model)))));
    menu.disabled = models.length < 2;
    show();
  };
  session.addEventListener("model", show);
  session.addEventListener("models", fill);
  fill();
}

/** @param {ModelEntry} model */
export function modelTitle({ name, kind, bytes, adapter, served }) {
  const download = adapter ? `${size(bytes)} shared, ${size(adapter.bytes)} its own` : size(bytes);
  const where = served ? "on the server" : download;
  return name === kind ? `${name} (${where})` : `${name} (${kind}, ${where})`;
}

/**
 * A menu above the page for models that were trained on documents with titles.
 * @param {Session} session
 */
export function titleMenu(session) {
  const menu = make("select", { id: "title" });
  const element = make(
    "p",
    { class: "opening" },
    make("label", { class: "field", htmlFor: "title" }, "A new one from ", menu),
  );
  menu.addEventListener("change", () => {
    const { title_before, title_after } = session.model;
    if (menu.value) session.notebook.begin(title_before + menu.value + title_after);
    menu.value = "";
  });
  const show = () => {
    const { titles } = session.model;
    element.hidden = !titles?.length;
    menu.replaceChildren(
      make("option", { value: "" }, "…"),
      ...(titles ?? []).map((title) => make("option", { value: title }, data(title))),
    );
  };
  session.addEventListener("model", show);
  session.addEventListener("writing", () => (menu.disabled = session.busy));
  show();
  return element;
}

/** Light or dark, as the device says until somebody says otherwise. Dispatches "theme" on the document. */
export function themeButton() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const tell = () => document.dispatchEvent(new Event("theme"));
  try {
    root.dataset.theme = localStorage.getItem(THEME) ?? "";
  } catch {
    // A browser that keeps nothing for this page still shows it.
  }
  dark.addEventListener("change", tell);
  find("theme").addEventListener("click", () => {
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(THEME, root.dataset.theme);
    } catch {
      // As above.
    }
    tell();
  });
}
