/** Lines drawn by uPlot in the page's own colours, drawn anew when the width or the colours change. */

import { make, colour } from "./elements.js";
import { axisStyle, library } from "./curves.js";
import { t } from "./language.js";

/**
 * @typedef {Object} Line
 * @property {string} label
 * @property {(number | null)[]} values
 * @property {string} colour  a custom property of the style sheet
 * @property {number} [width]
 * @property {number[]} [dash]
 * @property {{low: number[], high: number[]}} [band]  drawn behind it
 */

/**
 * @typedef {Object} Drawing
 * @property {number[]} x
 * @property {Line[]} lines
 * @property {(value: number) => string} nameX
 * @property {(value: number) => string} nameY
 * @property {string} label  of the y axis
 * @property {[number, number]} [range]  of the y axis
 * @property {{at: number, name: string}[]} [marks]  where a part begins
 * @property {(index: number | null) => void} [onPoint]
 */

const HEIGHT = 300;

/**
 * @param {import("./session.js").Session} session
 * @param {string} label  what the drawing shows, for those who do not see it
 */
export function plot(session, label) {
  const element = make("div", { class: "plot", role: "img", "aria-label": label });
  /** @type {any} */
  let drawn = null;
  /** @type {any} */
  let Plot = null;
  /** @type {Drawing | null} */
  let wanted = null;

  const draw = async () => {
    if (!wanted || !element.clientWidth) return;
    Plot ??= (await library(session)).default;
    drawn?.destroy();
    drawn = new Plot(options(wanted, element.clientWidth), columns(wanted), element);
  };
  const drawAgain = () => void draw().catch(() => (element.textContent = t("The drawing could not be loaded.")));
  document.addEventListener("theme", drawAgain);
  let width = 0;
  new ResizeObserver(() => {
    if (element.clientWidth && element.clientWidth !== width) {
      width = element.clientWidth;
      drawAgain();
    }
  }).observe(element);
  return {
    element,
    /** @param {Drawing} drawing */
    show(drawing) {
      wanted = drawing;
      drawAgain();
    },
    /** @param {number} index  where the cursor goes */
    point(index) {
      if (!drawn || !wanted) return;
      drawn.setCursor({ left: drawn.valToPos(wanted.x[index], "x"), top: HEIGHT / 2 }, false);
    },
  };
}

/** @param {Drawing} drawing */
function columns({ x, lines }) {
  return [x, ...lines.flatMap(({ band, values }) => (band ? [band.high, band.low, values] : [values]))];
}

/** @type {(drawing: Drawing, width: number) => object} */
function options(drawing, width) {
  const { lines, nameX, nameY, label, range, onPoint } = drawing;
  const axis = axisStyle();
  /** @type {object[]} */
  const series = [{ label: t("at"), value: (/** @type {unknown} */ _, /** @type {number | null} */ v) => (v === null ? "–" : nameX(v)) }];
  /** @type {object[]} */
  const bands = [];
  for (const line of lines) {
    const stroke = colour(line.colour);
    if (line.band) {
      const edge = { stroke: "transparent", points: { show: false }, class: "edge" };
      bands.push({ series: [series.length, series.length + 1], fill: faint(stroke) });
      series.push({ ...edge, label: "high" }, { ...edge, label: "low" });
    }
    const value = (/** @type {unknown} */ _, /** @type {number | null} */ v) => (v === null || v === undefined ? "–" : nameY(v));
    series.push({ label: line.label, stroke, width: line.width ?? 2, dash: line.dash, points: { show: false }, value });
  }
  return {
    width,
    height: HEIGHT,
    padding: [drawing.marks ? 22 : 8, 8, 0, 0],
    series,
    bands,
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    legend: { live: true },
    scales: { x: { time: false }, y: range ? { range: () => range } : {} },
    axes: [
      { ...axis, values: (/** @type {unknown} */ _, /** @type {number[]} */ splits) => splits.map(nameX) },
      { ...axis, label, size: 52, values: (/** @type {unknown} */ _, /** @type {number[]} */ splits) => splits.map(nameY) },
    ],
    hooks: {
      draw: [(/** @type {any} */ one) => drawMarks(one, drawing.marks ?? [])],
      setCursor: [(/** @type {any} */ one) => onPoint?.(one.cursor.idx ?? null)],
    },
  };
}

/** @param {string} stroke  an rgb colour */
function faint(stroke) {
  return stroke.replace(/^rgb\((.*)\)$/, "rgba($1, 0.13)");
}

/** @type {(plot: any, marks: {at: number, name: string}[]) => void} */
function drawMarks(one, marks) {
  const { ctx, bbox } = one;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = colour("--edge");
  ctx.fillStyle = colour("--muted");
  ctx.font = `italic ${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textAlign = "left";
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  marks.forEach(({ at, name }, place) => {
    const x = Math.max(bbox.left, Math.round(one.valToPos(at, "x", true)));
    const next = place + 1 < marks.length ? one.valToPos(marks[place + 1].at, "x", true) : bbox.left + bbox.width;
    if (place) {
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.fillText(fitted(ctx, name, next - x - 8 * ratio), x + 4 * ratio, bbox.top - 7 * ratio);
  });
  ctx.restore();
}

/** @type {(ctx: CanvasRenderingContext2D, name: string, room: number) => string} */
function fitted(ctx, name, room) {
  if (ctx.measureText(name).width <= room) return name;
  for (let length = name.length - 1; length > 2; length--) {
    const short = `${name.slice(0, length).trimEnd()}…`;
    if (ctx.measureText(short).width <= room) return short;
  }
  return "";
}
