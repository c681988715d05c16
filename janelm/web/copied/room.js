/** Copied: which passages of what is written stand word for word in the text that the model learned from. */

import { data, debounced, find, make } from "../views/elements.js";
import { t } from "../views/language.js";
import { count, percent } from "../views/numbers.js";
import { addStyle, fetched } from "../views/rooms.js";

/** @typedef {import("../views/session.js").Session} Session */
/** @typedef {import("../engine/types.js").CopiedIndex} CopiedIndex */
/** @typedef {{begin: number, end: number}} Place */

const SEEDS = [0x811c9dc5, 0x9747b28c];
const PRIME = 0x01000193;

/**
 * The passages of a text that are in the index; its twin is janelm/reading/copied.py.
 * @param {string} text
 * @param {CopiedIndex} index
 * @param {Uint8Array} filter
 * @returns {{passages: Place[], words: number, copied: number}}
 */
export function copiedPassages(text, { word, run, stride, size, hashes }, filter) {
  const words = Array.from(text.matchAll(new RegExp(word, "gu")), ({ 0: form, index }) => ({ form, index, end: index + form.length }));
  const own = words.map(({ form }) => SEEDS.map((seed) => hash(form.toLowerCase().replaceAll("’", "'"), seed)));
  const hit = words.map((_, at) => at + run <= words.length && holds(SEEDS.map((seed, which) => mixed(own, at, run, seed, which))));
  const inside = new Array(words.length).fill(false);
  // A run of the text stands in the index every `stride` words: between two such nothing else is looked for.
  hit.forEach((one, at) => {
    if (!one) return;
    const next = hit.indexOf(true, at + 1);
    const until = next > at && next <= at + stride ? next : at;
    inside.fill(true, at, Math.max(until, at) + run);
  });
  /** @type {Place[]} */
  const passages = [];
  words.forEach(({ index, end }, at) => {
    if (!inside[at]) return;
    if (inside[at - 1]) passages[passages.length - 1].end = end;
    else passages.push({ begin: index, end });
  });
  return { passages, words: words.length, copied: inside.filter(Boolean).length };

  /** @param {number[]} two */
  function holds([first, second]) {
    for (let i = 0; i < hashes; i++) {
      const place = (first + i * ((second | 1) >>> 0)) % size;
      if (!((filter[Math.floor(place / 8)] >> (place % 8)) & 1)) return false;
    }
    return true;
  }
}

/** @type {(word: string, seed: number) => number} */
function hash(word, seed) {
  for (let place = 0; place < word.length; place++) seed = Math.imul(seed ^ word.charCodeAt(place), PRIME);
  return seed >>> 0;
}

/** @type {(own: number[][], at: number, run: number, seed: number, which: number) => number} */
function mixed(own, at, run, seed, which) {
  let whole = seed;
  for (let offset = 0; offset < run; offset++) {
    whole = Math.imul(whole ^ own[at + offset][which], PRIME);
    whole ^= whole >>> 15;
  }
  return whole >>> 0;
}

/**
 * @param {Session} session
 * @param {HTMLElement} place
 * @returns {Promise<() => void>}
 */
export async function openRoom(session, place) {
  await addStyle(new URL("copied.css", import.meta.url).href);
  /** @type {Map<string, Uint8Array>} */
  const filters = new Map();
  const area = /** @type {HTMLTextAreaElement} */ (find("text"));
  const marks = make("p", { class: "prose copied-marks", dir: "auto", "aria-hidden": "true" });
  area.before(marks);
  const said = make("p", { role: "status" });
  const list = make("ol", { class: "copied-list" });
  const about = make("p", { class: "help" });
  place.replaceChildren(said, list, about);
  const box = place.closest("details");

  const show = async () => {
    const index = session.manifest.copied?.[session.name];
    marks.hidden = !index || !box?.open;
    if (!box?.open) return;
    if (!index) {
      said.textContent = t("There is no index of the text that {name} learned from.", { name: session.name });
      return list.replaceChildren();
    }
    const filter = filters.get(index.path) ?? (await fetched(index.path, new URL("./", document.baseURI)));
    filters.set(index.path, filter);
    const text = area.value;
    const { passages, words, copied } = copiedPassages(text, index, filter);
    said.textContent = words
      ? t("{share} of these {count} words stand in passages of {least} words or more that are in the training text too.", {
          share: percent(copied / words),
          count: count(words),
          least: count(index.run + index.stride - 1),
        })
      : t("Nothing is written yet.");
    list.replaceChildren(...passages.map(({ begin, end }) => make("li", {}, data(text.slice(begin, end)))));
    const pieces = passages.flatMap(({ begin, end }, i) => [text.slice(passages[i - 1]?.end ?? 0, begin), make("mark", {}, data(text.slice(begin, end)))]);
    marks.replaceChildren(...pieces, text.slice(passages.at(-1)?.end ?? 0));
    about.textContent = t(
      "The index has {size} MB. It holds no text, but whoever asks it often enough can recover the text from it; the page's maker chose to publish it.",
      { size: (index.bytes / 1e6).toFixed(1) },
    );
  };
  const later = debounced(200, () => void show().catch((error) => session.fail(error)));
  for (const name of ["change", "tree"]) session.notebook.addEventListener(name, later);
  for (const name of ["model", "view", "writing"]) session.addEventListener(name, later);
  area.addEventListener("input", later);
  box?.addEventListener("toggle", later);
  await show();
  return later;
}
