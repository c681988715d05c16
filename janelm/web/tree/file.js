/** A tree of pages as plain data, for a file and for this browser: each page by what it changes of the one before. */

import { branch, page } from "../views/notebook.js";

/** @typedef {import("../views/notebook.js").Page} Page */

/**
 * @typedef {Object} Kept
 * @property {1} format
 * @property {number} open  the page that is open
 * @property {{parent: number, keep: number, text: string, origin: any, marked: boolean}[]} pages
 *   `keep` units of the parent's text, then `text`
 */

const MOST = 5000; // pages, and
const LONGEST = 5_000_000; // units of a text, that are read from a file

/**
 * @param {import("../views/notebook.js").Notebook} notebook
 * @returns {Kept}
 */
export function toData(notebook) {
  const all = [...branch(notebook.root)];
  const numbers = new Map(all.map((one, number) => [one, number]));
  const pages = all.map(({ text, origin, parent, marked }) => {
    const before = parent?.text ?? "";
    let keep = 0;
    while (keep < before.length && before[keep] === text[keep]) keep++;
    const above = parent ? (numbers.get(parent) ?? -1) : -1;
    return { parent: above, keep, text: text.slice(keep), origin, marked };
  });
  return { format: 1, open: numbers.get(notebook.page) ?? 0, pages };
}

/**
 * The page to open. Throws an Error that says what is wrong with the data.
 * @param {any} data
 * @returns {Page}
 */
export function fromData(data) {
  if (data?.format !== 1 || !Array.isArray(data.pages) || !data.pages.length) throw new Error("it holds no tree");
  if (data.pages.length > MOST) throw new Error(`it has more than ${MOST} pages`);
  /** @type {Page[]} */
  const pages = [];
  data.pages.forEach((/** @type {any} */ one, /** @type {number} */ number) => {
    const { parent: above, keep, text, origin, marked } = one ?? {};
    const parent = number ? pages[above] : null;
    const sound = typeof text === "string" && Number.isInteger(keep) && keep >= 0 && parent !== undefined;
    if (!sound || keep > (parent?.text.length ?? 0)) throw new Error(`its page ${number + 1} is damaged`);
    const whole = (parent?.text.slice(0, keep) ?? "") + text;
    if (whole.length > LONGEST) throw new Error(`its page ${number + 1} is too long`);
    const made = { ...page(whole, isOrigin(origin, whole) ? origin : null, parent), marked: marked === true };
    parent?.children.push(made);
    if (parent) parent.next = made;
    pages.push(made);
  });
  const open = pages[data.open];
  if (!open) throw new Error("the page that is open is not in it");
  return open;
}

/** @type {(origin: any, text: string) => boolean} */
function isOrigin(origin, text) {
  const { model, from, settings } = origin ?? {};
  return typeof model === "string" && from >= 0 && from <= text.length && typeof settings?.seed === "number";
}
