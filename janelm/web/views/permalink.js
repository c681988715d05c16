/** A link that writes the same text again: the prompt, the model and every setting, in the address's fragment. */

import { CONTROLS, DEFAULTS, MOST_SEED, MOST_TOKENS } from "./settings.js";

/** @typedef {import("./settings.js").Settings} Settings */

const LISTS = /** @type {const} */ (["stop", "favour", "ban"]);

/**
 * @typedef {Object} Recipe  what a link says
 * @property {string} model
 * @property {string} prompt
 * @property {Settings} settings
 */

/**
 * The fragment, without its #. Settings that are off are left out.
 * @param {Recipe} recipe
 */
export function fragment({ model, prompt, settings }) {
  const fields = new URLSearchParams({
    model,
    prompt,
    seed: String(settings.seed),
    num_tokens: String(settings.num_tokens),
  });
  for (const { name, off, further } of CONTROLS) {
    if (settings[name] !== (further ? DEFAULTS[name] : off)) fields.set(name, String(settings[name]));
  }
  for (const name of LISTS) for (const value of settings[name]) fields.append(name, value);
  if (settings.penalty_written_only) fields.set("penalty_written_only", "1");
  if (settings.memory !== null) fields.set("memory", String(settings.memory));
  if (settings.pace) fields.set("pace", String(settings.pace));
  return fields.toString();
}

/**
 * What a fragment asks for, with a sentence for each part of it that makes no sense and is passed over; null where it
 * is not such a link at all.
 * @param {string} text  with or without its #
 * @param {string[]} models  the names that there are
 * @returns {{recipe: Recipe, problems: string[]} | null}
 */
export function parse(text, models) {
  const fields = new URLSearchParams(text.replace(/^#/, ""));
  const prompt = fields.get("prompt")?.replace(/\r\n?/g, "\n"); // a text area has no other line breaks
  if (prompt === undefined) return null;
  /** @type {string[]} */
  const problems = [];
  /** @type {Settings} */
  const settings = { ...DEFAULTS };

  for (const name of LISTS) {
    settings[name] = fields.getAll(name).filter((value) => (name === "stop" ? value : value.trim()) !== "");
  }

  /** @type {(name: string, standard: any, allowed: (value: number) => boolean) => any} */
  const number = (name, standard, allowed) => {
    const given = fields.get(name);
    if (given === null) return standard;
    const value = Number(given);
    if (given.trim() !== "" && Number.isFinite(value) && allowed(value)) return value;
    problems.push(`${name} is “${given.slice(0, 20)}”, which is not a value it can have`);
    return standard;
  };
  for (const { name, off, allowed } of CONTROLS) settings[name] = number(name, off ?? DEFAULTS[name], allowed);
  settings.penalty_written_only = fields.get("penalty_written_only") === "1";
  const whole = (/** @type {number} */ least, /** @type {number} */ most) => (/** @type {number} */ value) =>
    Number.isInteger(value) && value >= least && value <= most;
  settings.seed = number("seed", DEFAULTS.seed, whole(0, MOST_SEED));
  settings.num_tokens = number("num_tokens", DEFAULTS.num_tokens, whole(1, MOST_TOKENS));
  settings.memory = number("memory", null, whole(1, MOST_TOKENS));
  settings.pace = number("pace", 0, (value) => value >= 0 && value <= 10_000);

  let model = fields.get("model") ?? models[0];
  if (!models.includes(model)) {
    problems.push(`this page has no model called “${model.slice(0, 40)}”, so ${models[0]} writes`);
    model = models[0];
  }
  return { recipe: { model, prompt, settings }, problems };
}
