/** The text survives a reload of the page, within its tab of the browser; nothing is kept beyond that. */

/** @typedef {import("./session.js").Session} Session */

const KEY = "janelm-draft";

/**
 * Put back what the page held before it was reloaded, and keep what it will hold then.
 * @param {Session} session
 * @returns {boolean}  whether there was anything
 */
export function restoreDraft(session) {
  addEventListener("pagehide", () => keep(session));
  const draft = kept();
  if (!draft || !session.manifest.models.some(({ name }) => name === draft.model)) return false;
  session.change(draft.settings);
  session.notebook.open(draft.text, draft.origin);
  session.choose(draft.model);
  return true;
}

/** @param {Session} session */
function keep({ name, settings, notebook, model }) {
  const { text, origin } = notebook;
  const { prompt, text: written } = model.example;
  try {
    if (text === prompt + written || text === "") sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify({ model: name, settings, text, origin }));
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
