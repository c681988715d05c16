/**
 * From logits to a token, step by step as its twin janelm/writing/sampling.py specifies: the numbers of its steps stand
 * here too. tests/golden/sampling.json holds both together.
 *
 * @import { Sampling } from "./types.js"
 * @import { Spelling } from "./spelling.js"
 */

import { EngineError } from "./errors.js";
import { Random, splitmix32 } from "./random.js";
import { Loops, Written } from "./repetition.js";
import { Wording } from "./wording.js";

const COLD = 1e-100; // lower temperatures are 0: a logit divided by them may be beyond float64

/**
 * What is off unless a setting says otherwise.
 * @type {Omit<import("./types.js").FullSampling, "temperature" | "top_k" | "top_p" | "min_p" | "repetition_penalty" |
 *   "no_repeat_ngram_size" | "seed">}
 */
export const OFF = Object.freeze({
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
});

/**
 * A prompt without the blank at its end, and whether one was taken away: where longer tokens begin with one.
 * @type {(prompt: string, vocabulary: string[]) => {text: string, blank: boolean}}
 */
export function healed(prompt, vocabulary) {
  const heals = prompt.length > 1 && prompt.endsWith(" ") && vocabulary.some((one) => one.length > 1 && one[0] === " ");
  return heals ? { text: prompt.slice(0, -1), blank: true } : { text: prompt, blank: false };
}

/** Draws tokens one after the other for one text. */
export class Sampler {
  #sampling;
  #never;
  #random;
  #written;
  #loops;
  #wording;
  #ngrams;
  #spelling;
  #begun = "";
  /** @type {number[]} what must not come at the next draw */
  #notNow = [];
  /** @type {Weights | null} */
  #weights = null;

  /**
   * @param {Sampling} sampling
   * @param {number[]} [never]  tokens that must not be chosen anywhere
   * @param {Spelling | null} [spelling]  what rules out others by the text so far
   */
  constructor(sampling, never = [], spelling = null) {
    const full = { ...OFF, ...sampling };
    this.#sampling = full;
    this.#written = new Written(full);
    this.#loops = full.dry_multiplier ? new Loops(full) : null;
    const { favour, ban, favour_strength: strength } = full;
    this.#wording =
      spelling && (favour.length || ban.length) ? new Wording(favour, ban, strength, spelling.vocabulary) : null;
    this.#never = never;
    this.#spelling = spelling;
    this.#random = new Random(sampling.seed);
    this.#ngrams = sampling.no_repeat_ngram_size ? new NGrams(sampling.no_repeat_ngram_size) : null;
  }

  /** The next token must begin with the blank that was taken from the prompt. */
  beginWithBlank() {
    const { vocabulary = [] } = this.#spelling ?? {};
    this.#notNow = [...vocabulary.keys()].filter((token) => vocabulary[token][0] !== " ");
  }

  /**
   * Count tokens as written, or as the prompt's.
   * @param {Iterable<number>} tokens
   * @param {boolean} [prompt]
   */
  note(tokens, prompt = false) {
    const counts = !(prompt && this.#sampling.penalty_written_only);
    for (const token of tokens) {
      if (counts) this.#written.note(token);
      this.#loops?.note(token);
      this.#wording?.note(token);
      if (this.#spelling) this.#begun = this.#spelling.after(this.#begun, token);
      this.#ngrams?.note(token);
    }
  }

  /**
   * The next token after logits (V), which stay as they are. Throws an EngineError where they are not numbers.
   * @param {ArrayLike<number>} logits
   */
  draw(logits) {
    const p = this.weigh(logits);
    const token = this.#sampling.temperature < COLD ? p.indexOf(1) : this.#pick(p);
    this.#notNow = [];
    this.note([token]);
    return token;
  }

  /**
   * How likely the draw takes each token (V), not normalised; 0 where it is ruled out. At temperature 0, one token has 1
   * and the others 0. Throws as `draw` does; the array is reused.
   * @param {ArrayLike<number>} logits
   * @returns {Float64Array}
   */
  weigh(logits) {
    const { temperature } = this.#sampling;
    this.#weights ??= new Weights(logits.length);
    const values = this.#weights.adjust(logits, this.#written, this.#never);
    for (const rule of [this.#written, this.#loops, this.#wording]) rule?.apply(values);
    if (this.#spelling) ruleOut(values, this.#spelling.barred(this.#begun));
    ruleOut(values, this.#notNow);
    if (this.#ngrams) ruleOut(values, this.#ngrams.repeats());
    if (this.#wording) ruleOut(values, this.#wording.banned());
    return temperature < COLD ? this.#weights.greedy() : this.#weights.compute(this.#sampling);
  }

  /**
   * Step 9.
   * @param {Float64Array} p  (V), not normalised
   */
  #pick(p) {
    const word = this.#random.word();
    let first = 0;
    let earliest = Infinity;
    for (let i = 0; i < p.length; i++) {
      if (p[i] === 0) continue;
      const z = (splitmix32(word, i + 1) + 0.5) / 2 ** 32;
      if (0.999 * (1 - z) > earliest * p[i]) continue; // -log z is 1 - z or more: most are too late without a logarithm
      const time = -Math.log(z) / p[i];
      if (time < earliest) [first, earliest] = [i, time];
    }
    return first;
  }
}

/** Which token would repeat n tokens in a row. */
class NGrams {
  /** @type {number[]} */
  #last = [];
  #size;
  /** @type {Map<string, Set<number>>} */
  #followers = new Map();

  /** @param {number} size */
  constructor(size) {
    this.#size = size;
  }

  /** @param {number} token */
  note(token) {
    if (this.#last.length === this.#size - 1) {
      const key = this.#last.join();
      const followers = this.#followers.get(key);
      if (followers) followers.add(token);
      else this.#followers.set(key, new Set([token]));
    }
    this.#last.push(token);
    if (this.#last.length >= this.#size) this.#last.shift();
  }

  /** @returns {number[]} */
  repeats() {
    return this.#last.length < this.#size - 1 ? [] : [...(this.#followers.get(this.#last.join()) ?? [])];
  }
}

/**
 * Set tokens to minus infinity, unless that would leave none.
 * @param {Float64Array} logits
 * @param {number[]} banned
 */
function ruleOut(logits, banned) {
  const kept = banned.map((token) => logits[token]);
  for (const token of banned) logits[token] = -Infinity;
  if (banned.length && logits.every((logit) => logit === -Infinity)) {
    banned.forEach((token, i) => (logits[token] = kept[i]));
  }
}

/** Steps 1, 2 and 4 to 8, on arrays that are allocated once. */
class Weights {
  #values;
  #p;
  /** @type {Float64Array | null} */
  #sorted = null;

  /** @param {number} size  V */
  constructor(size) {
    this.#values = new Float64Array(size);
    this.#p = new Float64Array(size);
  }

  /**
   * Steps 1 and 2. Returns the logits (V) as they were adjusted, which may be changed before the others read them.
   * @param {ArrayLike<number>} logits
   * @param {Written} written
   * @param {number[]} never
   */
  adjust(logits, written, never) {
    const values = this.#values;
    for (let i = 0; i < values.length; i++) {
      values[i] = logits[i];
      if (!Number.isFinite(values[i])) {
        throw new EngineError(
          "corrupted",
          "The model is damaged: what it says of the next token is not a number. Load another model, or ask whoever " +
            "made this page to export it again.",
        );
      }
    }
    written.repel(values);
    for (const token of never) values[token] = -Infinity;
    return values;
  }

  /** Step 4: 1 for the token that is taken, 0 for the others (V). The array is reused. */
  greedy() {
    let best = 0;
    for (let i = 1; i < this.#values.length; i++) if (this.#values[i] > this.#values[best]) best = i;
    this.#p.fill(0)[best] = 1;
    return this.#p;
  }

  /**
   * Steps 5 to 8: each token's probability (V), not normalised; 0 where it is ruled out. The array is reused.
   * @param {{temperature: number, top_k: number, top_p: number, min_p: number}} sampling
   * @returns {Float64Array}
   */
  compute({ temperature, top_k, top_p, min_p }) {
    const values = this.#values;
    const p = this.#p;
    let most = -Infinity;
    for (let i = 0; i < p.length; i++) if (values[i] > most) most = values[i];
    for (let i = 0; i < p.length; i++) p[i] = Math.exp((values[i] - most) / temperature);
    if (top_k && top_k < p.length) this.#keep(top_k);
    if (min_p) {
      for (let i = 0; i < p.length; i++) if (p[i] < min_p) p[i] = 0; // the largest p is 1
    }
    if (top_p < 1) this.#keep(this.#nucleus(top_p));
    return p;
  }

  /** p in falling order: what Python gets from sorting ids, without the ids, which typed arrays sort much faster. */
  #falling() {
    this.#sorted ??= new Float64Array(this.#p.length);
    this.#sorted.set(this.#p);
    return this.#sorted.sort().reverse();
  }

  /**
   * Step 8: how many tokens stay.
   * @param {number} share
   */
  #nucleus(share) {
    const sorted = this.#falling();
    let total = 0;
    for (let i = 0; i < sorted.length; i++) total += sorted[i];
    let running = 0;
    for (let i = 0; i < sorted.length; i++) {
      running += sorted[i];
      if (running - sorted[i] >= share * total) return i;
    }
    return sorted.length;
  }

  /**
   * Set all but the `count` largest to 0; among equals, lower ids stay.
   * @param {number} count
   */
  #keep(count) {
    const p = this.#p;
    if (count >= p.length) return;
    const sorted = this.#falling();
    const least = sorted[count - 1];
    let equals = 0; // of the least that may stay
    for (let i = count - 1; i >= 0 && sorted[i] === least; i--) equals++;
    for (let i = 0; i < p.length; i++) {
      if (p[i] < least || (p[i] === least && equals-- <= 0)) p[i] = 0;
    }
  }
}
