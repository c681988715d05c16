/**
 * The interface in another language: languages/<code>.json has what stands for each English sentence of it. `make`
 * looks up what it is given as plain strings, so that only sentences with figures or names in them need `t`.
 */

import { tellKeeper } from "../engine/loader.js";

/** @typedef {import("../engine/types.js").Manifest} Manifest */

const KEY = "janelm-language";

/** @type {Record<string, string>} */
let sentences = {};

/** @type {Set<string>} what was looked up in vain, for the tests */
export const missing = new Set();

/**
 * A sentence in the reader's language, with values for the names in {braces}.
 * @param {string} english
 * @param {Record<string, string | number>} [values]
 */
export function t(english, values = {}) {
  const sentence = english.trim();
  const found = Object.hasOwn(sentences, sentence) ? sentences[sentence] : null;
  if (!found) missing.add(sentence);
  const own = found ? english.replace(sentence, () => found) : english;
  return own.replace(/\{(\w+)\}/g, (found, name) => (Object.hasOwn(values, name) ? String(values[name]) : found));
}

/**
 * Take the language that the reader chose, or the first of the browser's that the page has; English needs nothing.
 * @param {Manifest} manifest
 * @param {URL} base
 */
export async function chooseLanguage({ languages = [], app }, base) {
  const offered = ["en", ...languages];
  const [wanted] = [kept(), ...navigator.languages]
    .map((language) => language?.split("-")[0] ?? "")
    .filter((language) => offered.includes(language));
  if (wanted && wanted !== "en") await learn(wanted, new URL(`${app[0].split("/")[0]}/languages/${wanted}.json`, base));
  const next = offered[(offered.indexOf(wanted ?? "en") + 1) % offered.length];
  const button = /** @type {HTMLElement} */ (document.getElementById("language"));
  button.hidden = offered.length < 2 || !keep(kept());
  button.textContent = new Intl.DisplayNames(next, { type: "language" }).of(next) ?? next;
  button.lang = next;
  button.addEventListener("click", () => {
    keep(next);
    location.reload();
  });
}

/** @type {(language: string, address: URL) => Promise<void>} */
async function learn(language, address) {
  try {
    const response = await fetch(address);
    if (!response.ok) return;
    sentences = await response.json();
  } catch {
    return; // English is better than no page
  }
  document.documentElement.lang = language;
  tellKeeper("keep languages");
  for (const one of document.querySelectorAll("[data-t]")) {
    if (one.firstChild instanceof Text) one.firstChild.data = t(one.firstChild.data);
    for (const name of ["aria-label", "title", "placeholder"]) {
      const value = one.getAttribute(name);
      if (value) one.setAttribute(name, t(value));
    }
  }
}

function kept() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** @param {string | null} language  whether the browser keeps it */
function keep(language) {
  try {
    if (language) localStorage.setItem(KEY, language);
    return Boolean(localStorage);
  } catch {
    return false; // nothing is kept, so a choice would be lost by the reload
  }
}
