/** Points with names on a canvas, flat or turning in space. */

import { colour, make } from "../views/elements.js";

/**
 * @typedef {Object} Point
 * @property {string} name
 * @property {number} x  from -1 to 1
 * @property {number} y
 * @property {number} z  0 where it is flat
 * @property {string} colour
 * @property {boolean} named  whether its name is written where there is room
 * @property {boolean} ringed  whether it is pointed out
 */

const HEIGHT = 460;
const REACH = 14; // pixels within which a pointer means a point
const STEP = 0.12; // radians of a press of a key
const TURN = 0.00025; // radians in a millisecond

/**
 * @param {string} label  for those who do not see it
 * @param {(place: number) => void} choose
 */
export function cloud(label, choose) {
  const canvas = make("canvas", { class: "cloud", tabIndex: 0, role: "img", "aria-label": label });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  /** @type {Point[]} */
  let points = [];
  /** @type {{x: number, y: number, near: number}[]} */
  let placed = [];
  let [yaw, pitch, solid, turning, hovered] = [0.5, 0.3, false, false, -1];
  /** @type {{x: number, y: number} | null} */
  let held = null;
  let moved = false;
  let inks = { ink: "", sheet: "" };

  const draw = () => {
    const width = canvas.clientWidth;
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = HEIGHT * ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    placed = points.map((point) => seen(point, solid ? yaw : 0, solid ? pitch : 0, width));
    paint(context, points, placed, { hovered, width, ...inks });
  };
  const drawAnew = () => {
    inks = { ink: colour("--ink"), sheet: colour("--sheet") };
    draw();
  };

  let last = 0;
  const step = (/** @type {number} */ now) => {
    if (!turning || !canvas.offsetParent) return void (turning = false);
    yaw += TURN * Math.min(50, now - last);
    last = now;
    draw();
    requestAnimationFrame(step);
  };

  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.offsetX, y: event.offsetY };
    moved = false;
    if (solid) canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (held && solid) {
      yaw += (event.offsetX - held.x) * 0.01;
      pitch = Math.max(-1.5, Math.min(1.5, pitch + (event.offsetY - held.y) * 0.01));
      moved ||= Math.hypot(event.offsetX - held.x, event.offsetY - held.y) > 2;
      held = { x: event.offsetX, y: event.offsetY };
    }
    hovered = nearestTo(placed, event.offsetX, event.offsetY);
    canvas.style.cursor = hovered >= 0 ? "pointer" : solid ? "grab" : "default";
    if (!turning) draw();
  });
  canvas.addEventListener("pointerleave", () => {
    hovered = -1;
    draw();
  });
  addEventListener("pointerup", () => (held = null));
  canvas.addEventListener("click", (event) => {
    const place = nearestTo(placed, event.offsetX, event.offsetY);
    if (place >= 0 && !moved) choose(place);
  });
  canvas.addEventListener("keydown", (event) => {
    const by = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] })[event.key];
    if (!by || !solid) return;
    event.preventDefault();
    yaw += by[0];
    pitch = Math.max(-1.5, Math.min(1.5, pitch + by[1]));
    draw();
  });
  new ResizeObserver(draw).observe(canvas);
  document.addEventListener("theme", drawAnew);

  return {
    element: canvas,
    /** @type {(some: Point[], inSpace: boolean) => void} */
    show(some, inSpace) {
      points = some;
      solid = inSpace;
      canvas.classList.toggle("solid", inSpace);
      drawAnew();
    },
    get turning() {
      return turning;
    },
    /** @param {boolean} on */
    turn(on) {
      if (on && !turning) requestAnimationFrame((now) => ((last = now), step(now)));
      turning = on;
    },
  };
}

/** Where a point is on the canvas, and how near: from -1 to 1. @type {(point: Point, yaw: number, pitch: number, width: number) => {x: number, y: number, near: number}} */
function seen({ x, y, z }, yaw, pitch, width) {
  const across = x * Math.cos(yaw) + z * Math.sin(yaw);
  const deep = z * Math.cos(yaw) - x * Math.sin(yaw);
  const up = y * Math.cos(pitch) - deep * Math.sin(pitch);
  const near = y * Math.sin(pitch) + deep * Math.cos(pitch);
  const [half, high] = [width / 2 - 12, HEIGHT / 2 - 14];
  const flat = !yaw && !pitch;
  const size = Math.min(half, high);
  return { x: width / 2 + across * (flat ? half : size), y: HEIGHT / 2 - up * (flat ? high : size), near: flat ? 0 : near };
}

/** @type {(placed: {x: number, y: number}[], x: number, y: number) => number} */
function nearestTo(placed, x, y) {
  let [best, least] = [-1, REACH];
  placed.forEach((one, place) => {
    const far = Math.hypot(one.x - x, one.y - y);
    if (far < least) [best, least] = [place, far];
  });
  return best;
}

/** @type {(context: CanvasRenderingContext2D, points: Point[], placed: {x: number, y: number, near: number}[], how: {hovered: number, width: number, ink: string, sheet: string}) => void} */
function paint(context, points, placed, { hovered, width, ink, sheet }) {
  context.clearRect(0, 0, width, HEIGHT);
  const { fontFamily } = getComputedStyle(document.body);
  const order = points.map((_, place) => place).sort((a, b) => placed[a].near - placed[b].near);
  for (const place of order) {
    const { x, y, near } = placed[place];
    context.globalAlpha = points[place].ringed ? 1 : 0.55 + 0.4 * near;
    context.fillStyle = points[place].colour;
    context.beginPath();
    context.arc(x, y, (points[place].ringed ? 5 : 3) + near, 0, 7);
    context.fill();
  }
  context.globalAlpha = 1;
  /** @type {{left: number, right: number, y: number}[]} */
  const taken = [];
  const write = (/** @type {number} */ place, /** @type {boolean} */ always) => {
    const { x, y } = placed[place];
    const { name, ringed } = points[place];
    context.font = `${ringed ? "600 15px" : "13px"} ${fontFamily}`;
    const long = context.measureText(name).width;
    const left = Math.max(2, Math.min(width - long - 2, x + 7));
    const box = { left, right: left + long, y };
    if (!always && taken.some((one) => Math.abs(one.y - y) < 14 && one.left < box.right + 4 && box.left < one.right + 4)) return;
    taken.push(box);
    context.lineWidth = 3;
    context.strokeStyle = sheet;
    context.fillStyle = ink;
    context.strokeText(name, left, y + 4);
    context.fillText(name, left, y + 4);
    if (!ringed) return;
    context.lineWidth = 1.5;
    context.strokeStyle = ink;
    context.beginPath();
    context.arc(x, y, 8, 0, 7);
    context.stroke();
  };
  points.forEach(({ ringed }, place) => ringed && write(place, true));
  if (hovered >= 0) write(hovered, true);
  points.forEach(({ ringed, named }, place) => named && !ringed && write(place, false));
}
