/** Progress, speed, and the sentences that tell a reader what happens: on the screen and for screen readers. */

import { data, find, make } from "./elements.js";
import { t } from "./language.js";
import { explain } from "./messages.js";
import { count, duration, plural, size } from "./numbers.js";

const SERVED = "The server that shows this page runs it: what you write goes there, and no further.";

/** @typedef {import("./session.js").Session} Session */

/** @param {string} sentence  for screen readers, now and then */
export function announce(sentence) {
  find("announcer").textContent = sentence;
}

/** @param {Session} session */
export function showFailures(session) {
  session.addEventListener("failure", (event) => {
    const { detail: error } = /** @type {CustomEvent} */ (event);
    const load = () => void session.ensure(error.model).catch((another) => session.fail(another));
    showFailure(error, error.model && load);
  });
}

/** @type {(error: unknown, again?: () => void) => void} again: what can be tried again, where anything can */
export function showFailure(error, again) {
  const { title, advice, detail } = explain(error);
  const button = make("button", { type: "button", hidden: !again }, "Try again");
  button.addEventListener("click", () => {
    find("notice").hidden = true;
    again?.();
  });
  notify(make("strong", {}, title), data(` ${t(advice)} `), button, make("small", {}, data(detail)));
}

/** @param {...(Node | string)} content  of the box above the text, until it is dismissed */
export function notify(...content) {
  const box = find("notice");
  const close = make("button", { type: "button", class: "quiet close", "aria-label": t("Dismiss"), textContent: "×" });
  close.addEventListener("click", () => (box.hidden = true));
  box.replaceChildren(make("p", {}, ...content), close);
  box.hidden = false;
}

/**
 * The line of figures beside the buttons, with its progress bar.
 * @param {Session} session
 */
export function statusLine(session) {
  const bar = make("progress", { max: 1, value: 0, "aria-label": "Loading the model", hidden: true });
  const figures = make("span", { class: "figures" });
  const line = make("div", { class: "status" }, bar, figures);

  const show = () => {
    const { loading, readingProgress, frame, summary } = session;
    bar.hidden = !loading;
    if (loading) {
      bar.value = loading.total ? loading.loaded / loading.total : 0;
      figures.textContent =
        loading.stage === "download"
          ? t("Loading: {done} of {total}", { done: size(loading.loaded), total: size(loading.total) })
          : t("Starting the model");
    } else if (readingProgress && readingProgress.total > 400) {
      figures.textContent = t("Reading: {done} of {total}", {
        done: count(readingProgress.done),
        total: plural(readingProgress.total, "token"),
      });
    } else if (summary) {
      figures.textContent = figuresOf(summary.tokens, summary);
    } else if (frame) {
      figures.textContent = figuresOf(frame.written, frame);
    } else figures.textContent = session.busy ? t("Reading") : "";
  };
  for (const name of ["load", "reading", "writing", "frame", "model"]) session.addEventListener(name, show);

  session.addEventListener("writing", () => {
    if (session.busy) announce(t("Writing"));
    else if (session.summary)
      announce(t("{end} {tokens} written.", { end: ending(session.summary.reason), tokens: plural(session.summary.tokens, "token") }));
  });
  return line;
}

/** @type {(tokens: number, figures: {tokensPerSecond: number, millisecondsPerToken: number}) => string} */
function figuresOf(tokens, figures) {
  return [plural(tokens, "token"), speed(figures)].filter(Boolean).join(" · ");
}

/** @param {{tokensPerSecond: number, millisecondsPerToken: number}} figures */
export function speed({ tokensPerSecond, millisecondsPerToken }) {
  if (!Number.isFinite(tokensPerSecond) || !tokensPerSecond) return "";
  const rate = tokensPerSecond < 10 ? tokensPerSecond.toFixed(1) : count(Math.round(tokensPerSecond));
  const milliseconds = millisecondsPerToken.toFixed(millisecondsPerToken < 10 ? 1 : 0);
  return t("{rate} tokens/s · {milliseconds} ms per token", { rate, milliseconds });
}

/** @param {string} reason */
export function ending(reason) {
  if (reason === "stopped") return t("Stopped.");
  if (reason === "stop text") return t("Ended at a stop text.");
  if (reason === "end of document") return t("The model ended its document here.");
  return t("Done.");
}

/**
 * The line at the foot of the page: which model this is, and what it took to load it.
 * @param {Session} session
 */
export function showFacts(session) {
  const show = () => {
    const { model } = session;
    const loaded = session.loaded.get(model.name);
    const kind = model.name === model.kind ? "" : `${model.kind}, `;
    const parts = [
      t("{model} {size} million parameters, {precision}", {
        model: `${model.name}: ${kind}`.trim(),
        size: (model.parameters / 1e6).toFixed(1),
        precision: model.precision,
      }),
    ];
    if (loaded && !model.served) {
      const told = { bytes: size(loaded.bytes), time: duration(loaded.milliseconds / 1000) };
      parts.push(t(loaded.cached ? "{bytes} from this device, ready in {time}" : "{bytes} over the network, ready in {time}", told));
    }
    find("facts").textContent = `${parts.join(" · ")}. ${t(model.served ? SERVED : "Everything runs here; nothing you write leaves this device.")}`;
  };
  for (const name of ["load", "model"]) session.addEventListener(name, show);
  show();
}
