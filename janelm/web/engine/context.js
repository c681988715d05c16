/**
 * A text as a model has read it. It can follow the text as it is written on, cut back or changed, and reads anew only
 * what the model's state does not hold.
 *
 * @import { Alternative } from "./types.js"
 * @import { Model as Graph } from "./model.js"
 * @import { NativeModel } from "./native.js"
 * @import { ServedModel } from "./served.js"
 * @import { State } from "./states.js"
 */

/** @typedef {Graph | NativeModel | ServedModel} Model */

const CHUNK = 64; // tokens of a text that are read at once: a stop waits for no more than that

export class Context {
  /** @type {number[]} what has been read */
  tokens = [];
  /** @type {Float32Array | null} (V), after the last of them, where it is known */
  logits = null;
  #state;
  #chunk;

  /**
   * @param {Model} model
   * @param {number} [memory]
   * @param {State} [state]
   */
  constructor(model, memory, state = /** @type {State} */ (model.initialState(memory))) {
    this.model = model;
    this.memory = memory;
    this.#state = state;
    // int8 rounds by the largest number of a step, so that chunks and single tokens come to slightly different states;
    // but a text must come to the same one however it grew, or its seed would not write it again
    this.#chunk = model.description.precision === "int8" ? 1 : Math.min(CHUNK, this.#state.longestChunk);
  }

  get state() {
    return this.#state;
  }

  /**
   * Read one token.
   * @param {number} token
   * @param {string[]} [more]  outputs that are wanted too
   */
  async read(token, more) {
    return this.#step([token], more);
  }

  /**
   * Say that a text will be read token by token from here on, so that a server can answer for many of them at once.
   * @param {number[]} wanted  all of the text
   */
  async foresee(wanted) {
    const { tokens } = this;
    if (!("foresee" in this.model) || commonLength(tokens, wanted) < tokens.length) return;
    const state = /** @type {any} */ (this.#state);
    await this.model.foresee(wanted.slice(tokens.length, tokens.length + CHUNK), state);
  }

  /**
   * Come to have read exactly `wanted`, at least one token, in steps; yields how many tokens are read.
   * @param {number[]} wanted
   * @returns {AsyncGenerator<number, Float32Array>}  the logits (V) after them
   */
  async *follow(wanted) {
    const common = commonLength(this.tokens, wanted);
    if (common < wanted.length || common < this.tokens.length || !this.logits) {
      this.#rewind(Math.min(common, wanted.length - 1));
    }
    this.#passOver(wanted);
    while (this.tokens.length < wanted.length) {
      const begin = this.tokens.length;
      await this.#step(wanted.slice(begin, begin + this.#chunk));
      yield this.tokens.length;
    }
    return /** @type {Float32Array} */ (this.logits);
  }

  /**
   * Do not read what the last of `wanted` cannot look back on through all layers: whole chunks, so that the rest is cut
   * as ever.
   * @param {number[]} wanted
   */
  #passOver(wanted) {
    const begin = this.tokens.length;
    const unseen = wanted.length - begin - (this.#state.reach ?? Infinity);
    const count = Math.floor(unseen / this.#chunk) * this.#chunk;
    if (!(count > 0)) return;
    this.#state.passOver?.(count);
    for (const token of wanted.slice(begin, begin + count)) this.tokens.push(token);
  }

  /**
   * As many contexts of this text as are wanted, or as there is room for, that can be read on side by side: this one,
   * and copies of it.
   * @param {number} number
   */
  several(number) {
    /** @type {Context[]} */
    const all = [this];
    const { logits, model, tokens } = this;
    try {
      while ("stepEach" in model && all.length < number) {
        const copy = new Context(model, this.memory, this.#state.copied?.());
        all.push(Object.assign(copy, { logits, tokens: [...tokens] }));
      }
    } catch {
      // The rest is for later.
    }
    return all;
  }

  /** Give the state's memory back: the context is of no use any more. */
  free() {
    this.#state.free();
  }

  /** Forget all that was read. */
  clear() {
    this.#rewind(0);
  }

  /** @param {number} length */
  #rewind(length) {
    if (length === this.tokens.length) return;
    this.tokens.length = this.#state.rewind(length);
    this.logits = null;
  }

  /**
   * @param {number[]} tokens
   * @param {string[]} [more]
   */
  async #step(tokens, more) {
    const outputs = await step(this.model, tokens, this.#state, more);
    for (const token of tokens) this.tokens.push(token);
    this.logits = outputs.logits.data;
    return outputs;
  }
}

/**
 * Read one token of each of several texts of a model.
 * @param {Context[]} contexts  more than one only as `several` gives them
 * @param {number[]} tokens
 */
export async function readEach(contexts, tokens) {
  const { model } = contexts[0];
  if (contexts.length === 1 || !("stepEach" in model)) return void (await contexts[0].read(tokens[0]));
  const each = model.stepEach(tokens, contexts.map(({ state }) => state));
  for (const [i, context] of contexts.entries()) {
    context.tokens.push(tokens[i]);
    context.logits = each[i];
  }
}

/**
 * A step of a model, whatever runs it.
 * @param {Model} model
 * @param {number[]} tokens
 * @param {State} state  of this model
 * @param {string[]} [more]
 * @returns {Promise<Record<string, {data: Float32Array}>>}
 */
export async function step(model, tokens, state, more) {
  return model.step(tokens, /** @type {any} */ (state), more);
}

/**
 * @param {number[]} a
 * @param {number[]} b
 */
function commonLength(a, b) {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

/** Says of logits how probable tokens are at temperature 1. */
export class Expectation {
  #model;
  #never;
  /** @type {Map<number, string>} */
  #texts = new Map();

  /** @param {Model} model */
  constructor(model) {
    this.#model = model;
    this.#never = new Set(model.tokenizer.neverWritten);
  }

  /**
   * @param {Float32Array} logits  (V)
   * @param {number} token
   * @param {number} count  how many alternatives
   * @returns {{bits: number, top: Alternative[]}}
   */
  of(logits, token, count) {
    let most = -Infinity;
    for (let i = 0; i < logits.length; i++) if (logits[i] > most) most = logits[i];
    let total = 0;
    for (let i = 0; i < logits.length; i++) total += Math.exp(logits[i] - most);
    const bits = (Math.log(total) + most - logits[token]) / Math.LN2;
    for (const never of this.#never) total -= Math.exp(logits[never] - most);
    const top = this.#largest(logits, count).map((id) => {
      return { token: id, text: this.#text(id), probability: Math.exp(logits[id] - most) / total };
    });
    return { bits, top };
  }

  /**
   * @param {Float32Array} logits
   * @param {number} count
   * @returns {number[]}  falling, lower ids first among equals
   */
  #largest(logits, count) {
    /** @type {number[]} */
    const best = [];
    if (count < 1) return best;
    let least = -Infinity; // of the best, once there are enough
    for (let id = 0; id < logits.length; id++) {
      if (best.length === count && logits[id] <= least) continue;
      if (this.#never.has(id)) continue;
      if (best.length === count) best.pop();
      let place = best.length;
      while (place > 0 && logits[best[place - 1]] < logits[id]) place--;
      best.splice(place, 0, id);
      if (best.length === count) least = logits[best[count - 1]];
    }
    return best;
  }

  /** @param {number} token */
  #text(token) {
    let text = this.#texts.get(token);
    if (text === undefined) this.#texts.set(token, (text = this.#model.tokenizer.decode([token])));
    return text;
  }
}
