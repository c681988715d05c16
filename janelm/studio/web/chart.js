/** Curves of losses against seconds, as a small picture, with a table of the same for who cannot see it. */

import { make } from "/house/views/elements.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [640, 260, 44, 28];

/** What a loss means, in bits per byte of English text. */
const MEANINGS = [[4.7, "letters at random"], [4.1, "letters by how common they are"], [2.3, "words take shape"], [1.5, "sentences"]];

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

/** @param {{name: string, seconds: number[], train_bits_per_byte: number[], validation_bits_per_byte: number[]}[]} runs */
export function chart(runs) {
  const shown = runs.filter((run) => run.seconds.length);
  const losses = shown.flatMap((run) => [...run.validation_bits_per_byte, ...run.train_bits_per_byte]);
  if (!losses.length) return make("p", { class: "help" }, "The first measurement is still to come.");
  const last = Math.max(1, ...shown.flatMap((run) => run.seconds));
  const [low, high] = [Math.min(...losses) * 0.95, Math.max(...losses) * 1.03];
  const x = (/** @type {number} */ s) => LEFT + (s / last) * (WIDTH - LEFT - 8);
  const y = (/** @type {number} */ loss) => 8 + ((high - loss) / (high - low)) * (HEIGHT - BOTTOM - 8);
  const best = shown.map((run) => `${run.name} ${Math.min(...run.validation_bits_per_byte).toFixed(3)}`);
  const label = `Bits per byte against seconds; the best on held-out text so far: ${best.join(", ")}`;
  const picture = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": label });
  for (const [loss, meaning] of MEANINGS) {
    if (loss < low || loss > high) continue;
    picture.append(draw("path", { class: "axis", d: `M${LEFT} ${y(loss)}H${WIDTH - 8}` }));
    picture.append(draw("text", { x: WIDTH - 10, y: y(loss) - 4, "text-anchor": "end" }, meaning));
  }
  for (let part = 0; part <= 4; part++) {
    const loss = low + ((high - low) * part) / 4;
    picture.append(draw("text", { x: LEFT - 6, y: y(loss) + 4, "text-anchor": "end" }, loss.toFixed(2)));
    picture.append(draw("text", { x: x((last * part) / 4), y: HEIGHT - 8, "text-anchor": part === 4 ? "end" : "middle" }, `${Math.round((last * part) / 4)} s`));
  }
  shown.forEach((run, index) => {
    for (const [kind, values] of [["train", run.train_bits_per_byte], ["validation", run.validation_bits_per_byte]]) {
      const points = /** @type {number[]} */ (values).map((loss, i) => `${x(run.seconds[i]).toFixed(1)} ${y(loss).toFixed(1)}`);
      picture.append(draw("path", { class: `${kind} line${index % 4}`, d: `M${points.join("L")}` }));
    }
  });
  const key = shown.map((run, index) =>
    make("li", {}, draw("svg", { viewBox: "0 0 24 8", "aria-hidden": "true" }, draw("line", { x1: 0, y1: 4, x2: 24, y2: 4, class: `line${index % 4}` })), run.name),
  );
  return make("figure", {}, picture, make("ul", { class: "key" }, ...key, make("li", {}, "solid: held-out text, dashed: training text; bits per byte, less is better")));
}
