/** Watch it learn: the curve of a training, and what the model wrote at the moment that a slider points at. */

import { data, make, motionAllowed, section } from "../views/elements.js";
import { t } from "../views/language.js";
import { count, duration, plural } from "../views/numbers.js";
import { plot } from "../views/plots.js";
import { addStyle, unpacked } from "../views/rooms.js";

/** @typedef {import("../views/session.js").Session} Session */

/**
 * @typedef {Object} Learning
 * @property {Record<string, {step: number, validation: number, text: string}[]>} samples  of each model
 * @property {Record<string, [string, number][]>} yardsticks  what bits per byte mean
 */

const PACE = 900; // milliseconds that each moment is shown
const COLOURS = ["--muted", "--third", "--cool", "--edge", "--third", "--cool"];

/**
 * @param {Session} session
 * @param {HTMLElement} place
 * @returns {Promise<() => void>}  to be called when the panel is shown
 */
export async function openRoom(session, place) {
  const packed = /** @type {import("../engine/types.js").Packed} */ (session.manifest.learning);
  const [told] = await Promise.all([
    unpacked(packed.path, new URL("./", document.baseURI)),
    addStyle(new URL("learn.css", import.meta.url).href),
  ]);
  /** @type {Learning} */
  const learning = await told.json();
  const view = learningView(session, learning);
  place.replaceChildren(view.element);
  return view.show;
}

/**
 * @param {Session} session
 * @param {Learning} learning
 */
function learningView(session, { samples, yardsticks }) {
  const names = Object.keys(samples);
  const menu = make("select", { id: "learn-model" }, ...names.map((name) => make("option", { value: name }, name)));
  const label = make("label", { class: "field", htmlFor: "learn-model", hidden: names.length < 2 }, data(`${t("Model")} `), menu);
  const play = make("button", { type: "button", class: "primary" }, t("Play"));
  const at = make("input", { type: "range", id: "learn-at", min: "0", step: "1", value: "0" });
  const moment = make("p", { class: "moment", "aria-live": "polite" });
  const text = make("p", { class: "prose learnt" });
  const drawing = plot(session, "Bits per byte on held-out text at each evaluation; the figures stand beside the slider");
  const lines = make("ul", { class: "yardsticks" });
  const element = section(
    "learn",
    "Watch it learn",
    "At each evaluation the model wrote a few words from the same start. Move through its training, and read how they change.",
    make("div", { class: "buttons" }, label, play),
    make("div", { class: "inputs" }, make("label", { class: "unseen", htmlFor: "learn-at" }, "Moment of the training"), at),
    make(
      "div",
      { class: "learn-sides" },
      make("div", {}, drawing.element, lines),
      make("div", { class: "sheet small" }, moment, text),
    ),
  );
  let timer = 0;
  const name = () => menu.value;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = t("Play");
  };
  const tell = () => {
    const sample = samples[name()][Number(at.value)];
    const { curves } = session.engine.entry(name());
    const row = Number(at.value);
    const when = row < curves.tokens.length ? `${plural(curves.tokens[row], "token")}, ${duration(curves.seconds[row])}` : "";
    at.setAttribute("aria-valuetext", t("step {step}, {bits} bits per byte", { step: sample.step, bits: sample.validation.toFixed(3) }));
    moment.replaceChildren(
      make("strong", {}, sample.validation.toFixed(3)),
      data(` ${t("bits per byte after {steps}", { steps: plural(sample.step, "step") })}${when && ` · ${when}`}`),
    );
    text.textContent = sample.text || t("(nothing but blanks)");
    drawing.point(row);
  };
  const show = () => {
    const all = samples[name()];
    at.max = String(all.length - 1);
    at.value = String(Math.min(Number(at.value), all.length - 1));
    const marks = yardsticks[name()] ?? [];
    const x = all.map(({ step }) => step);
    drawing.show({
      x,
      lines: [
        { label: name(), values: all.map(({ validation }) => validation), colour: "--accent" },
        ...marks.map(([label, bits], place) => ({
          label: named(label),
          values: x.map(() => bits),
          colour: COLOURS[place % COLOURS.length],
          width: 1,
          dash: [3, 4],
        })),
      ],
      nameX: (value) => count(value),
      nameY: (value) => value.toFixed(2),
      label: t("bits per byte"),
      onPoint: (point) => {
        if (point === null || timer) return;
        at.value = String(point);
        tell();
      },
    });
    lines.replaceChildren(
      ...marks.map(([label, bits], place) => {
        const line = make("li", {}, make("span", {}, data(named(label))), make("span", { class: "share" }, bits.toFixed(3)));
        line.style.setProperty("--own", `var(${COLOURS[place % COLOURS.length]})`);
        return line;
      }),
    );
    lines.hidden = !marks.length;
    tell();
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(at.value) === Number(at.max)) at.value = "0";
    play.textContent = t("Pause");
    tell();
    timer = window.setInterval(
      () => {
        at.value = String(Number(at.value) + 1);
        tell();
        if (Number(at.value) === Number(at.max)) stop();
      },
      motionAllowed() ? PACE : 3 * PACE,
    );
  });
  at.addEventListener("input", () => {
    stop();
    tell();
  });
  menu.addEventListener("change", () => {
    stop();
    show();
  });
  return { element, show };
}

/** A yardstick as the reader's language has it; janelm/measuring/yardsticks.py names them. @param {string} label */
function named(label) {
  const tokens = /^([\d,]+) tokens, all equally likely$/.exec(label);
  if (tokens) return t("{count} tokens, all equally likely", { count: tokens[1] });
  const sample = /^the (\w+) that comes with JaneLM$/.exec(label);
  return sample ? t("the {kind} that comes with JaneLM", { kind: sample[1] }) : t(label);
}
