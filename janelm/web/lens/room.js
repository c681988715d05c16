/**
 * Further inside: what each layer would say next, how far each head looks, and the LSTM's most telling units coloured over
 * the text.
 */

import { data, make } from "../views/elements.js";
import { t } from "../views/language.js";
import { percent } from "../views/numbers.js";
import { addStyle } from "../views/rooms.js";
import { nameOf, visible } from "../views/tokens.js";

/** @typedef {import("../views/session.js").Session} Session */
/** @typedef {import("../engine/types.js").Unit} Unit */
/** @typedef {import("../engine/types.js").Units} Units */

/**
 * @typedef {object} Place
 * @property {() => string} text  up to the token that is looked at
 * @property {(weights: Map<number, number>) => void} shade  the text by weights from −1 to 1, by where a token starts
 */

/**
 * @param {Session} session
 * @param {HTMLElement} body
 * @param {Place} place
 * @returns {Promise<() => void>}  to be called when there is something else to show
 */
export async function openRoom(session, body, place) {
  await addStyle(new URL("lens.css", import.meta.url).href);
  const lens = make("div", { class: "lens" });
  const heads = make("div", { class: "distances" });
  const units = make("div", { class: "units" });
  body.replaceChildren(lens, heads, units);
  let turn = 0;
  return async () => {
    const now = ++turn;
    const { engine, name, model, settings, manifest } = session;
    const text = place.text();
    const options = { memory: settings.memory ?? undefined };
    try {
      if (manifest.runtime.glue) {
        lens.replaceChildren(make("p", { class: "help" }, "Layer by layer only the page's own step reads; this page runs ONNX Runtime."));
      } else {
        const found = await engine.lens(name, text, options);
        if (now === turn) lens.replaceChildren(...lensTable(found, text));
      }
      heads.hidden = model.kind === "lstm" || !engine.canLook(name);
      if (!heads.hidden) {
        const found = await engine.distances(name, text, options);
        if (now === turn) heads.replaceChildren(...distanceTable(found));
      }
      units.hidden = model.kind !== "lstm";
      if (!units.hidden) {
        const found = await engine.units(name, text, options);
        if (now === turn) units.replaceChildren(...unitButtons(found, text, place.shade));
      }
    } catch (error) {
      session.fail(error);
    }
  };
}

/** @type {(found: import("../engine/types.js").Lens, text: string) => HTMLElement[]} */
function lensTable({ first, layers }, text) {
  const last = layers[layers.length - 1][0]?.token;
  const rows = layers.map((top, i) => {
    const count = first + i;
    const cells = top.slice(0, 3).map(({ token, text: word, probability }) =>
      make("td", { class: token === last ? "own" : "" }, nameOf(word), make("span", { class: "share" }, data(` ${percent(probability)}`))),
    );
    const label = count === 0 ? t("the token itself") : t("after layer {layer}", { layer: count });
    return make("tr", {}, make("th", { scope: "row" }, data(label)), ...cells);
  });
  return [
    make("h3", {}, "What each layer would say"),
    make("p", { class: "help" }, t("If the model ended after that layer, these would come after “{words}”. Bold is what it says in the end.", { words: visible(text.slice(-20)) })),
    make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "What each layer would say" }, make("table", {}, make("tbody", {}, ...rows))),
  ];
}

/** @type {(found: import("../engine/types.js").Distances) => HTMLElement[]} */
function distanceTable({ tokens, layers }) {
  const most = Math.max(...layers.flat(), 1);
  const rows = layers.map((heads, layer) => {
    const cells = heads.map((back) => {
      const cell = make("td", {}, data(back.toFixed(back < 10 ? 1 : 0)));
      cell.style.setProperty("--far", String(back / most));
      return cell;
    });
    return make("tr", {}, make("th", { scope: "row" }, data(t("Layer {layer}", { layer: layer + 1 }))), ...cells);
  });
  const title = "How far each head looks";
  return [
    make("h3", {}, title),
    make("p", { class: "help" }, t("How many tokens back each head of each layer looks, on average over the end of the text (tokens: {count}).", { count: tokens })),
    make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": title }, make("table", {}, make("tbody", {}, ...rows))),
  ];
}

/** @type {(found: Units, text: string, shade: Place["shade"]) => HTMLElement[]} */
function unitButtons({ spans, units }, text, shade) {
  const note = make("p", { class: "help", role: "status" });
  const buttons = units.map((one) => {
    const name = t("Layer {layer}, unit {unit}", { layer: one.layer + 1, unit: one.unit + 1 });
    const button = make("button", { type: "button", class: "chip", "aria-pressed": "false" }, data(name));
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      shade(new Map(spans.map(({ start }, i) => [start, one.values[i]])));
      const order = [...one.values.keys()].sort((a, b) => one.values[b] - one.values[a]);
      const words = (/** @type {number[]} */ places) =>
        places.map((i) => `“${visible(text.slice(spans[i].start, spans[i].end))}”`).join(", ");
      note.textContent = t("{name} is highest at {high} and lowest at {low}.", {
        name,
        high: words(order.slice(0, 3)),
        low: words(order.slice(-3).reverse()),
      });
    });
    return button;
  });
  return [
    make("h3", {}, "Its most telling units"),
    make("p", { class: "help" }, "The numbers of its state that change most along the text. Choose one, and the text is coloured by it: warm above zero, cool below."),
    make("div", { class: "unit-buttons" }, ...buttons),
    note,
  ];
}
