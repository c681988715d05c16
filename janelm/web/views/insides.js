/** The inside of the model at one token: where each head of a transformer looks, how an LSTM's cells stand. */

import { colour, data, make } from "./elements.js";
import { t } from "./language.js";
import { percent } from "./numbers.js";
import { visible } from "./tokens.js";

/** @typedef {import("../engine/types.js").Attention} Attention */
/** @typedef {import("../engine/types.js").Hidden} Hidden */
/** @typedef {import("../engine/types.js").Look} Look */

const WIDTH = 96;
const HEIGHT = 26;

export class Insides {
  #title = make("h2", { id: "insides-title" }, "Inside the model");
  #lead = make("p", { class: "help" });
  #body = make("div", {});
  element = make("section", { class: "box", "aria-labelledby": "insides-title" }, this.#title, this.#lead, this.#body);
  /** @type {{look: Look, text: string} | null} */
  #now = null;
  #head = "all"; // or "layer head", which stays chosen from token to token
  #part = make(
    "select",
    { id: "insides-part" },
    make("option", { value: "hidden" }, "what it says (hidden state)"),
    make("option", { value: "cell" }, "what it keeps (cell state)"),
  );
  #field = make("label", { class: "field", htmlFor: "insides-part" }, data(`${t("Show")} `), this.#part);
  #layers = make("div", {});

  /** @param {(weights: Map<number, number>) => void} onWeights  told how much each token, by its start, is looked at */
  constructor(onWeights) {
    this.onWeights = onWeights;
    this.#part.addEventListener("change", () => this.#draw());
    document.addEventListener("theme", () => this.#draw());
  }

  /** @type {(look: Look, text: string) => void} */
  show(look, text) {
    this.#now = { look, text };
    this.#draw();
  }

  /** @param {string} sentence  instead of a picture */
  say(sentence) {
    this.#now = null;
    this.#lead.textContent = t(sentence);
    this.#body.replaceChildren();
  }

  #draw() {
    if (!this.#now) return;
    const { look, text } = this.#now;
    if (look.kind === "attention") this.#drawAttention(look, text);
    else this.#drawHidden(look, text);
  }

  /** @type {(look: Attention, text: string) => void} */
  #drawAttention(look, text) {
    const last = look.spans[look.spans.length - 1];
    this.#lead.textContent =
      t("Where each head looks from “{word}” when it works out what comes next. One line for each layer, the text from left to right. The figure is how many tokens back it looks on average. Choose a head, and the text is shaded by it.", { word: visible(text.slice(last.start, last.end)) });
    const ink = colour("--accent");
    const layers = look.attention.length;
    const buttons = [this.#headButton(look, "all", t("All heads"), average(look), text, ink, 3 * WIDTH)];
    /** @type {HTMLElement[]} */
    const cells = [make("span", {}, t("all")), ...buttons];
    for (let layer = 0; layer < layers; layer++) {
      cells.push(make("span", { title: t("Layer {layer}", { layer: layer + 1 }) }, String(layer + 1)));
      for (let head = 0; head < look.heads; head++) {
        const name = t("Layer {layer}, head {head}", { layer: layer + 1, head: head + 1 });
        buttons.push(this.#headButton(look, `${layer} ${head}`, name, weightsOf(look, layer, head), text, ink, WIDTH));
        cells.push(buttons[buttons.length - 1]);
      }
    }
    const grid = make("div", { class: "heads" }, ...cells);
    grid.style.setProperty("--heads", String(look.heads));
    const table = make("p", { class: "help", id: "head-words" });
    this.#body.replaceChildren(grid, table);
    (buttons.find((one) => one.dataset.head === this.#head) ?? buttons[0]).click();
  }

  /**
   * @param {Attention} look
   * @param {string} id  "all", or layer and head
   * @param {string} name
   * @param {Float32Array} weights  of each of the look's spans
   * @param {string} text
   * @param {string} ink
   * @param {number} width  of the drawing
   */
  #headButton(look, id, name, weights, text, ink, width) {
    const canvas = make("canvas", { width: width * 2, height: HEIGHT * 2 });
    drawStrip(canvas, weights, ink);
    const back = distance(weights);
    const label = t("{name}, {tokens} tokens back on average", { name, tokens: back });
    const button = make("button", { type: "button", class: "head-button", "aria-label": label, title: label }, canvas, data(back));
    button.dataset.head = id;
    button.addEventListener("click", () => {
      this.#head = id;
      for (const one of this.#body.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
      const strongest = [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, 4);
      const words = strongest.map((place) => {
        const { start, end } = look.spans[place];
        return `“${start === end ? t("start") : visible(text.slice(start, end))}” ${percent(weights[place])}`;
      });
      const note = this.#body.querySelector("#head-words");
      if (note) note.textContent = t("{name} looks most at {words}.", { name, words: words.join(", ") });
      const most = Math.max(...weights);
      this.onWeights(new Map(look.spans.map(({ start }, place) => [start, Math.sqrt(weights[place] / most)])));
    });
    return button;
  }

  /** @type {(look: Hidden, text: string) => void} */
  #drawHidden(look, text) {
    this.#lead.textContent =
      t("The LSTM carries all it remembers of the text in these numbers, one square each, after “{words}”. Warm is above zero, cool below.", { words: text.slice(-24).trim() });
    const numbers = this.#part.value === "cell" ? look.cell : look.hidden;
    const colours = [colour("--accent"), colour("--cool")];
    const figures = Array.from({ length: look.layers }, (_, layer) => {
      const values = numbers.subarray(layer * look.width, (layer + 1) * look.width);
      const canvas = make("canvas", { class: "activity", role: "img" });
      const busy = values.filter((value) => Math.abs(value) > 0.5).length;
      canvas.setAttribute("aria-label", t("Layer {layer}: {busy} of {width} numbers are beyond 0.5 or −0.5", { layer: layer + 1, busy, width: look.width }));
      drawActivity(canvas, values, colours);
      return make("figure", {}, make("figcaption", {}, t("Layer {layer}", { layer: layer + 1 })), canvas);
    });
    if (!this.#field.isConnected) this.#body.replaceChildren(this.#field, this.#layers);
    this.#layers.replaceChildren(...figures);
  }
}

/** @type {(look: Attention, layer: number, head: number) => Float32Array} */
function weightsOf(look, layer, head) {
  const n = look.spans.length;
  return look.attention[layer].subarray(head * n, (head + 1) * n);
}

/**
 * How far back it looks on average, in tokens.
 * @param {Float32Array} weights  of each token, the last one last
 */
function distance(weights) {
  const mean = weights.reduce((sum, weight, place) => sum + weight * (weights.length - 1 - place), 0);
  return mean.toFixed(mean < 10 ? 1 : 0);
}

/** @param {Attention} look */
function average(look) {
  const n = look.spans.length;
  const sum = new Float32Array(n);
  for (const layer of look.attention) for (let i = 0; i < layer.length; i++) sum[i % n] += layer[i];
  return sum.map((value) => value / (look.attention.length * look.heads));
}

/**
 * The weights as a strip of columns, the end of the text on the right.
 * @type {(canvas: HTMLCanvasElement, weights: Float32Array, ink: string) => void}
 */
function drawStrip(canvas, weights, ink) {
  const context = canvas.getContext("2d");
  if (!context) return;
  const most = Math.max(...weights) || 1;
  const step = canvas.width / Math.max(weights.length, 24);
  context.fillStyle = ink;
  weights.forEach((weight, place) => {
    const height = Math.sqrt(weight / most) * canvas.height;
    const x = canvas.width - (weights.length - place) * step;
    context.fillRect(x, canvas.height - height, Math.max(1, step - 0.5), height);
  });
}

/** @type {(canvas: HTMLCanvasElement, values: Float32Array, colours: string[]) => void} */
function drawActivity(canvas, values, [warm, cool]) {
  const cell = 12;
  const columns = Math.min(64, values.length);
  canvas.width = columns * cell;
  canvas.height = Math.ceil(values.length / columns) * cell;
  const context = canvas.getContext("2d");
  if (!context) return;
  const most = Math.max(1, ...values.map(Math.abs));
  values.forEach((value, place) => {
    context.globalAlpha = Math.abs(value) / most;
    context.fillStyle = value > 0 ? warm : cool;
    context.fillRect((place % columns) * cell, Math.floor(place / columns) * cell, cell - 1, cell - 1);
  });
}
