/** How the models learned: loss against tokens or seconds, drawn by uPlot. */

import { colour, data, find, make, section } from "./elements.js";
import { t } from "./language.js";
import { count, duration } from "./numbers.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("../engine/types.js").ModelEntry} ModelEntry */
/** @typedef {"tokens" | "seconds"} Axis */

const COLOURS = ["--accent", "--cool", "--third", "--muted"];
const HEIGHT = 320;

/**
 * @param {Session} session
 * @returns {{element: HTMLElement, show: () => void}}
 */
export function curves(session) {
  const models = session.manifest.models.filter(({ curves: { tokens } = { tokens: [] } }) => tokens.length > 1);
  const axis = choice("Against", "curve-axis", [
    ["tokens", "tokens read"],
    ["seconds", "seconds"],
  ]);
  const scale = choice("scale", "curve-scale", [
    ["linear", "linear"],
    ["log", "logarithmic"],
  ]);
  const place = make("div", { class: "chart" });
  const element = section(
    "curves",
    "How they learned",
    "Bits per byte while training: on text that the model learns from (dashed) and on text that is held " +
      "out (solid). Drag to look closer, double-click to step back.",
    make("div", { class: "buttons" }, axis.element, scale.element),
    place,
    table(models),
  );
  /** @type {any} */
  let plot = null;
  /** @type {any} */
  let Plot = null;

  const draw = () => {
    if (!Plot || !place.clientWidth) return;
    plot?.destroy();
    const by = /** @type {Axis} */ (axis.menu.value);
    plot = new Plot(options(models, by, scale.menu.value === "log", place.clientWidth), align(models, by), place);
  };
  axis.menu.addEventListener("change", draw);
  scale.menu.addEventListener("change", draw);
  document.addEventListener("theme", draw);
  new ResizeObserver(() => {
    if (plot && place.clientWidth) plot.setSize({ width: place.clientWidth, height: HEIGHT });
    else draw();
  }).observe(place);

  const show = async () => {
    if (Plot || !models.length) return;
    try {
      Plot = (await library(session)).default;
      draw();
    } catch {
      place.textContent = t("The drawing could not be loaded; the figures are in the table below.");
    }
  };
  element.hidden = !models.length;
  return { element, show };
}

/** @type {(label: string, id: string, options: string[][]) => {element: HTMLElement, menu: HTMLSelectElement}} */
function choice(label, id, options) {
  const menu = make("select", { id }, ...options.map(([value, name]) => make("option", { value }, t(name))));
  return { menu, element: make("label", { class: "field", htmlFor: id }, data(`${t(label)} `), menu) };
}

/**
 * uPlot: a file beside this page or, where its address is pinned to another host, one whose hash is checked first.
 * @param {Session} session
 * @returns {Promise<{default: any}>}
 */
export async function library({ manifest }) {
  const { charts } = manifest;
  const address = new URL(charts.module, document.baseURI).href;
  if (!charts.integrity) return import(address);
  const response = await fetch(address, { integrity: charts.integrity[charts.module] });
  const copy = URL.createObjectURL(new Blob([await response.arrayBuffer()], { type: "text/javascript" }));
  return import(copy);
}

/**
 * One shared x axis for all the curves: x, then validation and training of each model, null where it has no point.
 * @type {(models: ModelEntry[], by: Axis) => (number | null)[][]}
 */
function align(models, by) {
  const all = new Set(models.flatMap(({ curves }) => curves[by]));
  const x = [...all].filter((value) => value > 0).sort((a, b) => a - b);
  const series = models.flatMap(({ curves }) => {
    const places = new Map(curves[by].map((value, place) => [value, place]));
    return ["validation", "train"].map((name) => {
      const values = curves[/** @type {"validation" | "train"} */ (name)];
      return x.map((value) => values[places.get(value) ?? -1] ?? null);
    });
  });
  return [x, ...series];
}

/** An axis in the page's own colours and letters. */
export function axisStyle() {
  const [ink, line] = [colour("--muted"), colour("--line")];
  const font = `12px ${getComputedStyle(find("panel-compare")).fontFamily}`;
  const ruled = { stroke: line, width: 1 };
  return { stroke: ink, font, labelFont: font, grid: ruled, ticks: ruled };
}

/** @type {(models: ModelEntry[], by: Axis, log: boolean, width: number) => object} */
function options(models, by, log, width) {
  const axis = axisStyle();
  const short = (/** @type {number} */ value) =>
    value >= 1e6 ? `${value / 1e6}M` : value >= 1e3 ? `${value / 1e3}k` : String(value);
  const bits = (/** @type {unknown} */ _, /** @type {number | null} */ value) =>
    value === null || value === undefined ? "–" : value.toFixed(3);
  return {
    width,
    height: HEIGHT,
    cursor: { drag: { x: true, y: false }, points: { size: 7 } },
    legend: { live: true },
    scales: { x: { time: false, distr: log ? 3 : 1 } },
    axes: [
      {
        ...axis,
        label: t(by === "tokens" ? "tokens read" : "seconds"),
        values: (/** @type {unknown} */ _, /** @type {(number | null)[]} */ splits) =>
          splits.map((value) => (value === null ? "" : short(value))),
      },
      { ...axis, label: t("bits per byte"), size: 56 },
    ],
    series: [
      {
        label: t(by === "tokens" ? "tokens" : "time"),
        value: (/** @type {unknown} */ _, /** @type {number | null} */ value) =>
          value === null || value === undefined ? "–" : by === "tokens" ? count(value) : duration(value),
      },
      ...models.flatMap(({ name }, place) => {
        const stroke = colour(COLOURS[place % COLOURS.length]);
        const both = { stroke, spanGaps: true, value: bits, points: { show: false } };
        return [
          { ...both, label: name, width: 2 },
          { ...both, label: t("{name}, training", { name }), width: 1.25, dash: [4, 4] },
        ];
      }),
    ],
  };
}

/**
 * The ends of the curves in figures, for those who do not see the picture.
 * @param {ModelEntry[]} models
 */
function table(models) {
  const head = ["model", "kind", "parameters", "tokens read", "time", "training", "held out"];
  const rows = models.map(({ name, kind, parameters, curves }) => {
    const last = curves.tokens.length - 1;
    const figures = [curves.train[last], curves.validation[last]].map((value) => value?.toFixed(3) ?? "–");
    return [name, kind, count(parameters), count(curves.tokens[last]), duration(curves.seconds[last]), ...figures];
  });
  return make(
    "div",
    { class: "scroll", tabIndex: 0, role: "region", "aria-label": "The last loss of each model, a table" },
    make(
      "table",
      {},
      make("caption", {}, "At the end of training, in bits per byte"),
      make("thead", {}, make("tr", {}, ...head.map((cell) => make("th", { scope: "col" }, t(cell))))),
      make(
        "tbody",
        {},
        ...rows.map(([first, ...rest]) =>
          make("tr", {}, make("th", { scope: "row" }, first), ...rest.map((cell) => make("td", {}, cell))),
        ),
      ),
    ),
  );
}
