/** What may come next: bars that follow the settings, without the model. */

import { make, section } from "./elements.js";
import { t } from "./language.js";
import { percent } from "./numbers.js";
import { CONTROLS, OFF, samplingOf } from "./settings.js";
import { slider } from "./controls.js";
import { isWritable, nameOf } from "./tokens.js";

/** @typedef {import("./session.js").Session} Session */

const SHOWN = 10;
const AS_TRAINED = { ...OFF, temperature: 1, seed: 0 };

/**
 * @param {Session} session
 * @returns {{element: HTMLElement, show: () => void}}
 */
export function nextBars(session) {
  const list = make("div", { class: "bars" });
  const sliders = CONTROLS.filter(({ further }) => !further).map((control) => slider(session, control, `bars-${control.name}`));
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
      if (!session.busy && session.known()) void session.branch(session.notebook.text.length, texts[place], 0);
    });
  });
  list.append(...rows);
  /** @type {string[]} */
  let texts = [];

  const show = () => {
    const known = session.known();
    element.classList.toggle("waiting", !known);
    if (!known) return;
    const { name, logits } = known;
    const own = session.engine.probabilities(name, logits, AS_TRAINED);
    const now = probabilities(session, known);
    const likeliest = [...own.keys()].sort((a, b) => own[b] - own[a]).slice(0, SHOWN);
    texts = likeliest.map((token) => session.engine.textOf(name, token));
    rows.forEach((row, place) => {
      const token = likeliest[place];
      row.hidden = !own[token];
      if (row.hidden) return;
      const share = now[token];
      row.disabled = !isWritable(texts[place]);
      row.classList.toggle("ruled-out", share === 0);
      row.style.setProperty("--share", String(share));
      row.style.setProperty("--own", String(own[token]));
      row.children[0].replaceWith(nameOf(texts[place]));
      row.children[2].textContent = share === 0 ? t("ruled out") : percent(share);
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
 * @param {import("./session.js").Known} known
 */
function probabilities({ engine, settings }, { name, logits, text }) {
  const sampling = samplingOf(settings);
  const asked = /** @type {(keyof typeof OFF)[]} */ (Object.keys(OFF)).some((name) => sampling[name] !== OFF[name]);
  const words = sampling.favour.length + sampling.ban.length > 0;
  const written = asked || words ? engine.tokens(name, text).map(({ token }) => token) : [];
  return engine.probabilities(name, logits, sampling, written);
}
