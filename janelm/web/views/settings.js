/** Every setting of the page, written down once: what it means, its limits, and where it is off. */

/**
 * @typedef {Object} Settings
 * @property {number} temperature
 * @property {number} top_k
 * @property {number} top_p
 * @property {number} min_p
 * @property {number} repetition_penalty
 * @property {number} no_repeat_ngram_size
 * @property {number} presence_penalty
 * @property {number} frequency_penalty
 * @property {number} penalty_window  tokens; 0: all of the text
 * @property {number} penalty_slope  of no account without a window
 * @property {boolean} penalty_written_only
 * @property {number} dry_multiplier
 * @property {number} dry_base
 * @property {number} dry_allowed_length
 * @property {string[]} favour  words
 * @property {number} favour_strength
 * @property {string[]} ban  words
 * @property {number} seed
 * @property {number} num_tokens
 * @property {string[]} stop
 * @property {number | null} memory  null: as many tokens as the model was trained to look back on
 * @property {number} pace  tokens per second; 0: all at once
 */

/**
 * @typedef {Object} Control
 * @property {"temperature" | "top_k" | "top_p" | "min_p" | "repetition_penalty" | "no_repeat_ngram_size" |
 *   "presence_penalty" | "frequency_penalty" | "penalty_window" | "penalty_slope" | "dry_multiplier" | "dry_base" |
 *   "dry_allowed_length" | "favour_strength"} name
 * @property {boolean} [further]  kept out of the way of who has just begun
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
  {
    name: "dry_multiplier",
    label: "Loop protection (DRY)",
    help: "Makes going on with a long run that stands in the text already ever less likely. 0.8 is usual.",
    least: 0,
    most: 3,
    step: 0.1,
    off: 0,
    allowed: (value) => value >= 0 && value <= 100,
    further: true,
  },
  {
    name: "dry_base",
    label: "Growth of DRY",
    help: "How many times as much DRY takes for each further token that repeats.",
    least: 1,
    most: 4,
    step: 0.05,
    off: null,
    allowed: (value) => value >= 1 && value <= 8,
    further: true,
  },
  {
    name: "dry_allowed_length",
    label: "Runs that may repeat",
    help: "Tokens in a row that may come again before DRY minds.",
    least: 1,
    most: 30,
    step: 1,
    off: null,
    allowed: (value) => value >= 1 && Number.isInteger(value),
    further: true,
  },
  {
    name: "presence_penalty",
    label: "Presence penalty",
    help: "Taken from every token that stands in the text, however often.",
    least: 0,
    most: 3,
    step: 0.1,
    off: 0,
    allowed: (value) => Math.abs(value) <= 100,
    further: true,
  },
  {
    name: "frequency_penalty",
    label: "Frequency penalty",
    help: "Taken from a token once for each time that it stands in the text.",
    least: 0,
    most: 2,
    step: 0.05,
    off: 0,
    allowed: (value) => Math.abs(value) <= 100,
    further: true,
  },
  {
    name: "penalty_window",
    label: "Penalties look back on",
    help: "How many of the last tokens the repetition, presence and frequency penalties count. Off: all of the text.",
    least: 0,
    most: 1000,
    step: 20,
    off: 0,
    allowed: (value) => value >= 0 && Number.isInteger(value),
    further: true,
  },
  {
    name: "penalty_slope",
    label: "Penalties fall by",
    help: "How much weaker these penalties are at the far end of what they look back on: at 1 they fall to nothing.",
    least: 0,
    most: 1,
    step: 0.1,
    off: 0,
    allowed: (value) => value >= 0 && value <= 1,
    further: true,
  },
  {
    name: "favour_strength",
    label: "Strength of favoured words",
    help: "How much likelier a favoured word becomes: 2 is some seven times, 5 a hundred and fifty.",
    least: 0,
    most: 12,
    step: 0.5,
    off: null,
    allowed: (value) => Math.abs(value) <= 100,
    further: true,
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
  presence_penalty: 0,
  frequency_penalty: 0,
  penalty_window: 0,
  penalty_slope: 0,
  penalty_written_only: false,
  dry_multiplier: 0,
  dry_base: 1.75,
  dry_allowed_length: 8,
  favour: [],
  favour_strength: 2,
  ban: [],
  seed: 1,
  num_tokens: 200,
  stop: [],
  memory: null,
  pace: 0,
});

/** Every rule but the temperature, switched off. */
export const OFF = {
  top_k: 0,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
  no_repeat_ngram_size: 0,
  presence_penalty: 0,
  frequency_penalty: 0,
  dry_multiplier: 0,
};

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
