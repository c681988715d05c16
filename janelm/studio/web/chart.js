/** Curves against seconds, as small pictures, each with a sentence for who cannot see it. */

import { make } from "/house/views/elements.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, LEFT, BOTTOM] = [640, 44, 28];

/**
 * @typedef {object} Curves  what was measured while a run learned, as the studio gives it
 * @property {string} name
 * @property {number[]} seconds
 * @property {(number | null)[]} train_bits_per_byte
 * @property {(number | null)[]} validation_bits_per_byte
 * @property {(number | null)[]} gradient_norm
 */

/** @typedef {[string, number][]} Lines  what a loss means: names, and bits per byte */

/** @typedef {{kind: string, index: number, seconds: number[], values: (number | null)[]}} Series */

/**
 * @param {string} name
 * @param {Record<string, any>} properties
 * @param {...(Node | string)} children
 */
function draw(name, properties, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(properties)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/**
 * Losses, with lines of what they mean.
 * @param {Curves[]} runs
 * @param {Lines} [lines]
 */
export function chart(runs, lines = []) {
  const shown = runs.filter((run) => run.seconds.length);
  if (!shown.length) return make("p", { class: "help" }, "The first measurement is still to come.");
  const series = shown.flatMap((run, index) => [
    { kind: "train", index, seconds: run.seconds, values: run.train_bits_per_byte },
    { kind: "validation", index, seconds: run.seconds, values: run.validation_bits_per_byte },
  ]);
  const best = shown.map((run) => `${run.name} ${Math.min(...numbers(run.validation_bits_per_byte)).toFixed(3)}`);
  const meanings = lines.map(([name, bits]) => `; ${name} needs ${bits.toFixed(2)}`).join("");
  const label = `Bits per byte against seconds; the best on held-out text so far: ${best.join(", ")}${meanings}`;
  return make("figure", {}, plot(series, 260, label, lines), key(shown, "solid: held-out text, dashed: training text; bits per byte, less is better"));
}

/**
 * How large gradients were.
 * @param {Curves[]} runs
 */
export function gradients(runs) {
  const shown = runs.filter((run) => numbers(run.gradient_norm).length);
  if (!shown.length) return [];
  const series = shown.map((run, index) => ({ kind: "norm", index, seconds: run.seconds, values: run.gradient_norm }));
  const last = shown.map((run) => `${run.name} ${numbers(run.gradient_norm).at(-1)?.toFixed(2)}`);
  const picture = plot(series, 140, `Norm of the gradient against seconds; the last: ${last.join(", ")}`);
  return [make("figure", {}, picture, key(shown, "norm of the gradient before it is clipped"))];
}

/** @param {(number | null)[]} values */
const numbers = (values) => /** @type {number[]} */ (values.filter((value) => value !== null));

/**
 * @param {Series[]} series
 * @param {number} height
 * @param {string} label
 * @param {Lines} [lines]
 */
function plot(series, height, label, lines = []) {
  const every = series.flatMap(({ values }) => numbers(values));
  const last = Math.max(1, ...series.flatMap(({ seconds }) => seconds));
  const [low, high] = [Math.min(...every) * 0.95, Math.max(...every) * 1.03 + 1e-9];
  const x = (/** @type {number} */ s) => LEFT + (s / last) * (WIDTH - LEFT - 8);
  const y = (/** @type {number} */ value) => 8 + ((high - value) / (high - low)) * (height - BOTTOM - 8);
  const picture = draw("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "chart", role: "img", "aria-label": label });
  for (const [name, value] of lines) {
    if (value < low || value > high) continue;
    picture.append(draw("path", { class: "axis meaning", d: `M${LEFT} ${y(value)}H${WIDTH - 8}` }));
    picture.append(draw("text", { x: WIDTH - 10, y: y(value) - 4, "text-anchor": "end" }, name));
  }
  for (let part = 0; part <= 4; part++) {
    const value = low + ((high - low) * part) / 4;
    picture.append(draw("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(2)));
    picture.append(draw("text", { x: x((last * part) / 4), y: height - 8, "text-anchor": part === 4 ? "end" : "middle" }, `${Math.round((last * part) / 4)} s`));
  }
  for (const { kind, index, seconds, values } of series) {
    const points = values.flatMap((value, i) => (value === null ? [] : [`${x(seconds[i]).toFixed(1)} ${y(value).toFixed(1)}`]));
    if (points.length) picture.append(draw("path", { class: `${kind} line${index % 4}`, d: `M${points.join("L")}` }));
  }
  return picture;
}

/**
 * @param {Curves[]} runs
 * @param {string} sentence
 */
function key(runs, sentence) {
  const items = runs.map((run, index) =>
    make("li", {}, draw("svg", { viewBox: "0 0 24 8", "aria-hidden": "true" }, draw("line", { x1: 0, y1: 4, x2: 24, y2: 4, class: `line${index % 4}` })), run.name),
  );
  return make("ul", { class: "key" }, ...items, make("li", {}, sentence));
}
