/** Making elements without markup in strings: data goes in as text, never as HTML. */

import { t } from "./language.js";

const SAID = ["title", "placeholder", "aria-label"];

/**
 * A new element. Properties that the element has are set as properties, all others as attributes; `class` is both.
 * Strings of several words are looked up in the reader's language. A single word may be one of a text, so that those of
 * the interface are given to `t`; a longer text that somebody wrote goes in as `data`.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | null | undefined)} children  strings become text; null and undefined nothing
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (SAID.includes(name)) element.setAttribute(name, said(value));
    else if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element) /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name, String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined) element.append(typeof child === "string" ? said(child) : child);
  }
  return element;
}

/** @param {string} text */
function said(text) {
  return /\S\s+\S/.test(text) ? t(text) : text;
}

/** @param {string} text  that is no sentence of the interface */
export function data(text) {
  return document.createTextNode(text);
}

/**
 * A section with a heading that names it and a sentence on what it shows.
 * @param {string} kind  its class, which also begins the heading's id
 * @param {string} heading
 * @param {string} help
 * @param {...(Node | string)} children
 */
export function section(kind, heading, help, ...children) {
  const id = `${kind.split(" ")[0]}-title`;
  const title = make("h2", { id }, t(heading));
  return make("section", { class: kind, "aria-labelledby": id }, title, make("p", { class: "help" }, help), ...children);
}

/**
 * The element of index.html with this id.
 * @template {HTMLElement} [Kind=HTMLElement]
 * @param {string} id
 * @returns {Kind}
 */
export function find(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element called ${id}`);
  return /** @type {Kind} */ (element);
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * An icon drawn by one path in a square of 24.
 * @param {string} path
 */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** Whether this person wants things to move. */
export function motionAllowed() {
  return !matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/**
 * Calls `action` once things have been quiet for `milliseconds`.
 * @param {number} milliseconds
 * @param {() => void} action
 */
export function debounced(milliseconds, action) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(action, milliseconds);
  };
}

/**
 * A promise that is given up as soon as the signal says so.
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
export function unlessAborted(promise, signal) {
  return new Promise((resolve, reject) => {
    promise.then(resolve, reject);
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

const FRAME = 20; // milliseconds that a frame takes at most while all is well

/**
 * The action at most once a frame and, where a frame takes long because the text has become long, less often: half of
 * the time is left to the person and, where there is only one processor, to the model.
 * @param {() => void} action
 */
export function paced(action) {
  let resting = false;
  let wanted = false;
  const run = () => {
    wanted = false;
    resting = true;
    const start = performance.now();
    action();
    requestAnimationFrame(() =>
      setTimeout(() => {
        setTimeout(
          () => {
            resting = false;
            if (wanted) run();
          },
          Math.max(0, performance.now() - start - FRAME),
        );
      }),
    );
  };
  return () => {
    if (resting) wanted = true;
    else run();
  };
}

/**
 * A colour of the style sheet, for drawing on a canvas.
 * @param {string} name  of a custom property, such as --accent
 */
export function colour(name) {
  const probe = make("span", { hidden: true });
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
