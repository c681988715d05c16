/** The text survives a reload of the page, within its tab of the browser; nothing is kept beyond that. */

import { parse } from "./permalink.js";

/** @typedef {import("./session.js").Session} Session */

const KEY = "janelm-draft";

/**
 * Put back what the page held before it was reloaded, unless the address has a link since then, and keep what it will
 * hold the next time.
 * @param {Session} session
 * @returns {boolean}  whether there was anything
 */
export function restoreDraft(session) {
  addEventListener("pagehide", () => keep(session));
  // A phone may end a tab in the background without a further word.
  document.addEventListener("visibilitychange", () => document.hidden && keep(session));
  const draft = kept();
  if (draft?.page !== location.pathname) return false; // another page of the same host
  if (draft.hash !== location.hash && parse(location.hash, session.names)) return false;
  session.change(draft.settings);
  session.notebook.open(draft.text, draft.origin);
  session.choose(session.names.includes(draft.model) ? draft.model : session.name); // one of somebody's own is gone
  return true;
}

/** @param {Session} session */
function keep({ name, names, settings, notebook, model, busy }) {
  const { text, origin } = notebook;
  const { prompt, text: written } = model.example;
  const { hash } = location;
  const linked = busy && text === parse(hash, names)?.recipe.prompt; // which has not begun to write
  try {
    if ((prompt + written).startsWith(text) || linked) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify({ page: location.pathname, model: name, settings, text, origin, hash }));
  } catch {
    // A browser that keeps nothing, or has no room: the page works without.
  }
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}
