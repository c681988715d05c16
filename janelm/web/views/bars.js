/** What may come next: bars that follow the settings, without the model. */

import { make, section } from "./elements.js";
import { percent } from "./numbers.js";
import { CONTROLS, samplingOf } from "./settings.js";
import { slider } from "./controls.js";
import { isWritable, nameOf } from "./tokens.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("../engine/types.js").Alternative} Alternative */

const SHOWN = 10;
const CONSIDERED = 300; // a repetition penalty may bring up a token from further down
const AS_TRAINED = {
  temperature: 1,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
  no_repeat_ngram_size: 0,
  seed: 0,
};

/**
 * @param {Session} session
 * @returns {{element: HTMLElement, show: () => void}}
 */
export function nextBars(session) {
  const list = make("div", { class: "bars" });
  const sliders = CONTROLS.map((control) => slider(session, control, `bars-${control.name}`));
  const [temperature, ...others] = sliders.map((one) => one.element);
  const element = section(
    "next-token box",
    "The next token",
    "How likely each is with your settings; the thin mark is what the model itself thinks. Choose one to write it.",
    temperature,
    make("details", {}, make("summary", {}, "Other settings"), ...others),
    list,
  );

  /** @type {HTMLButtonElement[]} */
  const rows = Array.from({ length: SHOWN }, () =>
    make(
      "button",
      { type: "button", class: "bar next" },
      make("span", {}),
      make("span", { class: "unseen" }, ", "),
      make("span", { class: "share" }),
    ),
  );
  rows.forEach((row, place) => {
    row.addEventListener("click", () => {
      const chosen = likeliest[place];
      if (chosen && !session.busy) void session.branch(session.notebook.text.length, chosen.text, 0);
    });
  });
  list.append(...rows);
  /** @type {Alternative[]} */
  let likeliest = [];

  const show = () => {
    const known = session.known();
    element.classList.toggle("waiting", !known);
    if (!known) return;
    const { name, logits, text } = known;
    likeliest = session.engine.sampleBars(name, logits, AS_TRAINED, SHOWN);
    const now = probabilities(session, logits, text);
    rows.forEach((row, place) => {
      const alternative = likeliest[place];
      row.hidden = !alternative;
      if (!alternative) return;
      const share = now.get(alternative.token) ?? 0;
      row.disabled = !isWritable(alternative.text);
      row.classList.toggle("ruled-out", share === 0);
      row.style.setProperty("--share", String(share));
      row.style.setProperty("--own", String(alternative.probability));
      row.children[0].replaceWith(nameOf(alternative.text));
      row.children[2].textContent = share === 0 ? "ruled out" : percent(share);
    });
  };
  const showSettings = () => {
    for (const one of sliders) one.show(session.settings);
    if (!element.closest("[hidden]")) show();
  };
  session.addEventListener("settings", showSettings);
  showSettings();
  return { element, show };
}

/**
 * The probability of each token with the settings of now.
 * @param {Session} session
 * @param {Float32Array} logits
 * @param {string} text
 * @returns {Map<number, number>}
 */
function probabilities(session, logits, text) {
  const { engine, name, settings } = session;
  const asked = settings.repetition_penalty !== 1 || settings.no_repeat_ngram_size > 0;
  const written = asked ? engine.tokens(name, text).map(({ token }) => token) : [];
  const bars = engine.sampleBars(name, logits, samplingOf(settings), CONSIDERED, written);
  return new Map(bars.map(({ token, probability }) => [token, probability]));
}
