/** Every setting of the page, written down once: what it means, its limits, and where it is off. */

/**
 * @typedef {Object} Settings
 * @property {number} temperature
 * @property {number} top_k
 * @property {number} top_p
 * @property {number} min_p
 * @property {number} repetition_penalty
 * @property {number} no_repeat_ngram_size
 * @property {number} seed
 * @property {number} num_tokens
 * @property {string[]} stop
 * @property {number | null} memory  null: as many tokens as the model was trained to look back on
 * @property {number} pace  tokens per second; 0: all at once
 */

/**
 * @typedef {Object} Control
 * @property {"temperature" | "top_k" | "top_p" | "min_p" | "repetition_penalty" | "no_repeat_ngram_size"} name
 * @property {string} label
 * @property {string} help
 * @property {number} least  of the slider; a link may go beyond it, up to what `allowed` lets pass
 * @property {number} most
 * @property {number} step
 * @property {number | null} off  the value at which it does nothing
 * @property {(value: number) => boolean} allowed
 */

/** @type {Control[]} */
export const CONTROLS = [
  {
    name: "temperature",
    label: "Temperature",
    help:
      "How daring the model is. Low: it keeps to what is likely. High: it takes chances. At 0 it always takes " +
      "the likeliest token, so the seed no longer matters.",
    least: 0,
    most: 2,
    step: 0.05,
    off: null,
    allowed: (value) => value >= 0,
  },
  {
    name: "top_k",
    label: "Top-k",
    help: "Choose among the k likeliest tokens only.",
    least: 0,
    most: 100,
    step: 1,
    off: 0,
    allowed: (value) => value >= 0 && Number.isInteger(value),
  },
  {
    name: "top_p",
    label: "Top-p",
    help:
      "Choose among the likeliest tokens that together hold this share of the probability. It leaves out the " +
      "long tail of odd choices.",
    least: 0.05,
    most: 1,
    step: 0.05,
    off: 1,
    allowed: (value) => value > 0 && value <= 1,
  },
  {
    name: "min_p",
    label: "Min-p",
    help:
      "Leave out tokens that are less likely than this share of the likeliest one. It is strict where the " +
      "model is sure and generous where it is not.",
    least: 0,
    most: 0.5,
    step: 0.01,
    off: 0,
    allowed: (value) => value >= 0 && value < 1,
  },
  {
    name: "repetition_penalty",
    label: "Repetition penalty",
    help: "Makes tokens that already stand in the text less likely. 1.1 is mild.",
    least: 1,
    most: 2,
    step: 0.05,
    off: 1,
    allowed: (value) => value >= 0.01 && value <= 100,
  },
  {
    name: "no_repeat_ngram_size",
    label: "No repeated runs",
    help: "Never writes the same run of this many tokens twice.",
    least: 0,
    most: 12,
    step: 1,
    off: 0,
    allowed: (value) => value >= 0 && Number.isInteger(value),
  },
];

/** @type {Readonly<Settings>} */
export const DEFAULTS = Object.freeze({
  temperature: 0.8,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
  no_repeat_ngram_size: 0,
  seed: 1,
  num_tokens: 200,
  stop: [],
  memory: null,
  pace: 0,
});

const OFF = { top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1, no_repeat_ngram_size: 0 };

/** @type {{name: string, help: string, values: Partial<Settings>}[]} */
export const PRESETS = [
  { name: "Careful", help: "Likely words, few surprises", values: { ...OFF, temperature: 0.5, top_p: 0.9 } },
  { name: "Balanced", help: "As the model was meant to be read", values: { ...OFF, temperature: 0.8 } },
  { name: "Wild", help: "Takes chances", values: { ...OFF, temperature: 1.2, min_p: 0.02 } },
  { name: "Exact", help: "Always the likeliest token (greedy)", values: { ...OFF, temperature: 0 } },
];

/** Tokens per second that the typing slider offers, from slow to all at once. */
export const PACES = [3, 6, 12, 25, 50, 100, 200, 0];

export const MOST_TOKENS = 100_000;
export const MOST_SEED = 2 ** 32 - 1;

/** @param {Settings} settings */
export function presetOf(settings) {
  return PRESETS.find(({ values }) =>
    Object.entries(values).every(([name, value]) => settings[/** @type {keyof Settings} */ (name)] === value),
  );
}

/**
 * What the sampler needs of the settings, by its own names.
 * @param {Settings} settings
 */
export function samplingOf({ num_tokens, stop, memory, pace, ...sampling }) {
  return sampling;
}

/** A seed that nobody chose. */
export function throwDice() {
  return 1 + Math.floor(Math.random() * 999_999);
}
