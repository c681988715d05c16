/** How texts of a model's language are set: what language they say they are of, and lines from top to bottom. */

/** @typedef {import("./session.js").Session} Session */

/** Where lines may run from top to bottom, the next on the left or on the right. */
const VERTICAL = new Map([
  ["ja", "rl"],
  ["zh", "rl"],
  ["mn", "lr"],
]);

/**
 * @param {string | undefined} language  BCP 47 code
 * @returns {string | undefined}  "rl" or "lr" where lines may be vertical
 */
export function verticalOf(language) {
  return VERTICAL.get(language?.split("-")[0] ?? "");
}

/**
 * Let all texts that are there say the model's language.
 * @param {Session} session
 */
export function sayLanguage(session) {
  for (const one of document.querySelectorAll("#text, #example, .ribbon, .prose.print")) {
    /** @type {HTMLElement} */ (one).lang = session.model.language ?? "";
  }
}

/**
 * Keeps the texts in the model's language and, where somebody wants that, in vertical lines.
 * @param {Session} session
 */
export function setScript(session) {
  const show = () => {
    sayLanguage(session);
    const way = session.vertical && verticalOf(session.model.language);
    if (way) document.body.dataset.vertical = way;
    else delete document.body.dataset.vertical;
  };
  for (const name of ["model", "view"]) session.addEventListener(name, show);
  show();
}
