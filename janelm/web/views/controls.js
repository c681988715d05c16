/** The panel of settings: sliders with their meaning beside them, presets, the seed, stop texts, memory, pace. */

import { icon, make } from "./elements.js";
import { t } from "./language.js";
import { CONTROLS, MOST_SEED, MOST_TOKENS, PACES, PRESETS, presetOf, throwDice } from "./settings.js";
import { verticalOf } from "./script.js";
import { announce } from "./status.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./settings.js").Settings} Settings */

const DICE =
  "M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zM8 8h.01M16 8h.01M12 12h.01M8 " +
  "16h.01M16 16h.01";
const COPY = "M9 9h11v11H9zM15 9V4H4v11h5";

/**
 * Fills the panel, and keeps it as the session's settings are.
 * @param {Session} session
 * @param {HTMLElement} panel
 */
export function controls(session, panel) {
  /** @type {((settings: Settings) => void)[]} */
  const shows = [];
  const add = (/** @type {{element: HTMLElement, show: (settings: Settings) => void}} */ part) => {
    shows.push(part.show);
    return part.element;
  };
  const body = make(
    "div",
    { class: "fields" },
    add(presets(session)),
    ...CONTROLS.filter(({ further }) => !further).map((control) => add(slider(session, control))),
    add(seed(session)),
    add(length(session)),
    add(stops(session)),
    words(session, add),
    add(memory(session)),
    add(pace(session)),
    add(lines(session)),
    add(turned(session)),
  );
  const box = make("details", { class: "box" }, make("summary", {}, t("Settings")), body);
  const wide = matchMedia("(min-width: 60rem)");
  const unfold = () => (box.open = wide.matches);
  wide.addEventListener("change", unfold);
  unfold();
  panel.replaceChildren(box);

  const show = () => shows.forEach((one) => one(session.settings));
  session.addEventListener("settings", show);
  session.addEventListener("model", show);
  show();
}

/**
 * A row: its name, what it is set to, the input, and its meaning behind a small button.
 * @param {string} id
 * @param {string} label
 * @param {string} help
 * @param {Element} input
 * @param {...(Element | null)} after  what stands beside the input
 */
function row(id, label, help, input, ...after) {
  input.id = id;
  input.setAttribute("aria-describedby", `${id}-help`);
  const meaning = make("p", { id: `${id}-help`, class: "help", hidden: true }, help);
  const ask = make(
    "button",
    { type: "button", class: "ask", "aria-expanded": "false", "aria-controls": meaning.id },
    "?",
  );
  ask.setAttribute("aria-label", t("What “{name}” means", { name: t(label) }));
  ask.title = t(help);
  ask.addEventListener("click", () => {
    meaning.hidden = !meaning.hidden;
    ask.setAttribute("aria-expanded", String(!meaning.hidden));
  });
  const value = make("output", { htmlFor: id });
  const head = make("div", { class: "head" }, make("label", { htmlFor: id, title: help }, t(label)), ask, value);
  const element = make(
    "div",
    { class: input.matches("[type=number]") ? "row short" : "row" },
    head,
    make("div", { class: "inputs" }, input, ...after),
    meaning,
  );
  return { element, value };
}

/**
 * A slider for one setting of the sampler.
 * @param {Session} session
 * @param {import("./settings.js").Control} control
 * @param {string} [id]
 */
export function slider(session, { name, label, help, least, most, step, off }, id = `set-${name}`) {
  const input = make("input", { type: "range", min: String(least), max: String(most), step: String(step) });
  const { element, value } = row(id, label, help, input);
  input.addEventListener("input", () => session.change({ [name]: Number(input.value) }));
  /** @param {Settings} settings */
  const show = (settings) => {
    const now = settings[name];
    const text = now === off ? t("off") : String(now);
    input.value = String(now);
    input.setAttribute("aria-valuetext", text);
    value.textContent = text;
    element.classList.toggle("off", now === off);
  };
  return { element, show };
}

/** @param {Session} session */
function presets(session) {
  const buttons = PRESETS.map(({ name, help, values }) => {
    const button = make("button", { type: "button", class: "chip", title: help, }, t(name));
    button.addEventListener("click", () => session.change(values));
    return button;
  });
  const element = make("div", { class: "chips", role: "group", "aria-label": t("Presets") }, ...buttons);
  /** @param {Settings} settings */
  const show = (settings) => {
    const chosen = presetOf(settings)?.name;
    for (const button of buttons) button.setAttribute("aria-pressed", String(chosen !== undefined && button.textContent === t(chosen)));
  };
  return { element, show };
}

/**
 * A field for a whole number; what makes no sense is put right when it is left.
 * @type {(least: number, most: number, change: (value: number) => void) => HTMLInputElement}
 */
function wholeNumber(least, most, change) {
  const input = make("input", {
    type: "number",
    min: String(least),
    max: String(most),
    step: "1",
    inputMode: "numeric",
  });
  input.addEventListener("change", () => {
    const value = Math.round(Number(input.value));
    change(input.value === "" || !Number.isFinite(value) ? least : Math.min(most, Math.max(least, value)));
  });
  return input;
}

/** @param {Session} session */
function seed(session) {
  const help = "Where chance begins: the same text, settings and seed write the same words again, here and in Python.";
  const input = wholeNumber(0, MOST_SEED, (value) => session.change({ seed: value }));
  const dice = make(
    "button",
    { type: "button", class: "quiet", "aria-label": "New seed", title: "New seed" },
    icon(DICE),
  );
  dice.addEventListener("click", () => session.change({ seed: throwDice() }));
  const copy = make(
    "button",
    { type: "button", class: "quiet", "aria-label": "Copy the seed", title: t("Copy") },
    icon(COPY),
  );
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(String(session.settings.seed));
      announce(t("Seed copied"));
    } catch {
      input.select(); // for whoever copies by hand
    }
  });
  const { element } = row("set-seed", "Seed", help, input, dice, copy);
  return { element, show: (/** @type {Settings} */ settings) => void (input.value = String(settings.seed)) };
}

/** @param {Session} session */
function length(session) {
  const help = "Tokens to write at a time. A token is a character, or a word or part of one, as the model was trained.";
  const input = wholeNumber(1, MOST_TOKENS, (value) => session.change({ num_tokens: value }));
  const { element } = row("set-num_tokens", "Length, in tokens", help, input);
  return { element, show: (/** @type {Settings} */ settings) => void (input.value = String(settings.num_tokens)) };
}

/** @param {Session} session */
function stops(session) {
  const help =
    "Writing ends where one of these would come, and leaves it out. One to a line; write \\n for a line break.";
  const input = make("textarea", { rows: 2, spellcheck: false, autocomplete: "off", placeholder: t("CHAPTER") });
  const read = () =>
    input.value
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.replaceAll("\\n", "\n"));
  input.addEventListener("change", () => session.change({ stop: read() }));
  const { element, value } = row("set-stop", "Stop texts", help, input);
  /** @param {Settings} settings */
  const show = ({ stop }) => {
    if (JSON.stringify(read()) !== JSON.stringify(stop)) {
      input.value = stop.map((text) => text.replaceAll("\n", "\\n")).join("\n");
    }
    value.textContent = stop.length ? "" : t("off");
    element.classList.toggle("off", !stop.length);
  };
  return { element, show };
}

/**
 * Favoured and banned words, and what else there is against repetition: folded away until somebody wants it.
 * @type {(session: Session, add: (part: {element: HTMLElement, show: (settings: Settings) => void}) => HTMLElement) =>
 *   HTMLElement}
 */
function words(session, add) {
  const further = CONTROLS.filter((control) => control.further).map((control) => add(slider(session, control)));
  const favour = wordField(session, "favour", "Favoured words", "Words to write more often, parted by commas.");
  const ban = wordField(session, "ban", "Banned words", "Words never to write, parted by commas.");
  const title = make("summary", {}, "Words and repetition");
  return make("details", { class: "further" }, title, add(favour), add(ban), add(writtenOnly(session)), ...further.reverse());
}

/** @param {Session} session */
function writtenOnly(session) {
  const help = "The repetition, presence and frequency penalties count what this press of Write writes, and not what stands before it.";
  const input = make("input", { type: "checkbox", id: "set-penalty_written_only" });
  input.addEventListener("change", () => session.change({ penalty_written_only: input.checked }));
  const element = make("label", { class: "check", htmlFor: input.id, title: help }, input, "Penalties on new words only");
  return { element, show: (/** @type {Settings} */ settings) => void (input.checked = settings.penalty_written_only) };
}

/** @type {(session: Session, name: "favour" | "ban", label: string, help: string) => {element: HTMLElement, show: (settings: Settings) => void}} */
function wordField(session, name, label, help) {
  const input = make("textarea", { rows: 1, spellcheck: false, autocomplete: "off", placeholder: "river, heron" });
  const read = () => input.value.split(/[,\n]/u).map((word) => word.trim()).filter(Boolean);
  input.addEventListener("change", () => session.change({ [name]: read() }));
  const { element, value } = row(`set-${name}`, label, help, input);
  /** @param {Settings} settings */
  const show = (settings) => {
    if (JSON.stringify(read()) !== JSON.stringify(settings[name])) input.value = settings[name].join(", ");
    value.textContent = settings[name].length ? "" : t("off");
    element.classList.toggle("off", !settings[name].length);
  };
  return { element, show };
}

/** @param {Session} session */
function memory(session) {
  const help = "How many tokens back the model can look. With fewer it forgets sooner.";
  const input = make("input", { type: "range", min: "1", step: "1" });
  input.addEventListener("input", () => {
    const value = Number(input.value);
    session.change({ memory: value >= Number(input.max) ? null : value });
  });
  const { element, value } = row("set-memory", "Memory", help, input);
  /** @param {Settings} settings */
  const show = (settings) => {
    const most = session.engine.memory(session.name);
    element.hidden = most === null;
    if (most === null) return;
    const now = Math.min(settings.memory ?? most, most);
    input.max = String(most);
    input.value = String(now);
    value.textContent = now === most ? t("all {most} tokens", { most }) : t("{now} of {most} tokens", { now, most });
    input.setAttribute("aria-valuetext", value.textContent);
    element.classList.toggle("off", now === most);
  };
  return { element, show };
}

/** @param {Session} session */
function pace(session) {
  const help = "How fast the words appear: slowly enough to read along, or as fast as the model writes.";
  const input = make("input", { type: "range", min: "0", max: String(PACES.length - 1), step: "1" });
  input.addEventListener("input", () => session.change({ pace: PACES[Number(input.value)] }));
  const { element, value } = row("set-pace", "Typing speed", help, input);
  /** @param {Settings} settings */
  const show = (settings) => {
    const place = PACES.findIndex((one) => one >= settings.pace || one === 0);
    input.value = String(settings.pace ? place : PACES.length - 1);
    value.textContent = settings.pace ? t("{rate} tokens/s", { rate: settings.pace }) : t("all at once");
    input.setAttribute("aria-valuetext", value.textContent);
    element.classList.toggle("off", !settings.pace);
  };
  return { element, show };
}

/** @param {Session} session */
function turned(session) {
  const help = "Lines from top to bottom, as this language is often printed.";
  const input = make("input", { type: "checkbox", id: "set-vertical" });
  input.addEventListener("change", () => session.turn(input.checked));
  const element = make("label", { class: "check", htmlFor: "set-vertical", title: help }, input, "Vertical lines");
  return { element, show: () => void (element.hidden = !verticalOf(session.model.language)) };
}

/** @param {Session} session */
function lines(session) {
  const help = "Shows line breaks that only wrap a paragraph as spaces. The text itself keeps them.";
  const input = make("input", { type: "checkbox", id: "set-flowing", checked: session.flow });
  input.addEventListener("change", () => session.show(input.checked));
  const element = make("label", { class: "check", htmlFor: "set-flowing", title: help }, input, "Flowing lines");
  return { element, show: () => void (element.hidden = !session.wraps) };
}
