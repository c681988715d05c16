/**
 * What a model carries from step to step, as its graph describes it: see janelm/export/graphs.py. Its twin is
 * janelm/engines/onnx_engine.py: tests/browser/test_exactness.py compares their logits.
 *
 * A state gives a step its inputs, takes in its outputs, and can go back to an earlier position, so that a text that
 * was changed near its end need not be read anew. The rings of ONNX Runtime's transformers are in ring.js, that of the
 * page's own step in native.js.
 *
 * @import { Description } from "./types.js"
 * @import { Output } from "./session.js"
 */

/** @typedef {Record<string, any>} Inputs  tensors in the memory of what runs the model: HeapTensor, or Room */
/** @typedef {Record<string, Output>} Outputs */

/**
 * @typedef {object} State
 * @property {number} position  tokens read so far
 * @property {number} longestChunk  tokens that a step may read
 * @property {(count: number) => Inputs} inputs  for the next `count` tokens
 * @property {(outputs: Outputs, count: number, tokens: number[]) => void} update  after the step that read these
 *   `count` tokens; the next one writes over its outputs
 * @property {(position: number) => number} rewind  go back to `position`, or where that is forgotten to an earlier
 *                                                  one; returns the position reached
 * @property {() => void} free  give its memory back
 * @property {() => State} [copied]  the same once more, which goes on by itself
 * @property {number} [reach]  of a ring: how many tokens have any part in what the model says after them
 * @property {(count: number) => void} [passOver]  go `count` tokens on without reading them: what is read next is right
 *   from `reach` tokens on
 * @property {() => number[]} [columns]  of a ring: see there
 * @property {(tokens: number[]) => Iterable<number[]>} [parts]  of learned positions: the steps in which to read tokens
 */

const KEPT_STATES = 256;

/** States that each step changes whole. They are small, so the last ones are kept to go back to. */
export class ReplacedState {
  position = 0;
  longestChunk = Infinity;
  /** @type {{tensor: (type: "float32", dims: number[]) => any}} */
  #session;
  /** @type {Description} */
  #description;
  #names;
  /** @type {Inputs} */
  #inputs = {};
  /** @type {Map<number, Record<string, Float32Array>>} by position, in rising order */
  #kept = new Map();

  /**
   * @param {{tensor: (type: "float32", dims: number[]) => any}} session
   * @param {Description} description
   */
  constructor(session, description) {
    [this.#session, this.#description] = [session, description];
    this.#names = description.states.map(({ name, output }) => ({ name, output }));
    for (const { name, shape } of description.states) {
      this.#inputs[name] = session.tensor("float32", sizesOf(shape));
    }
    this.#kept.set(0, Object.fromEntries(this.#names.map(({ name }) => [name, this.#inputs[name].data.slice()])));
  }

  copied() {
    const copy = new ReplacedState(this.#session, this.#description);
    copy.position = this.position;
    copy.#kept = new Map(this.#kept);
    for (const [name, { data }] of Object.entries(this.#inputs)) copy.#inputs[name].data.set(data);
    return copy;
  }

  inputs() {
    return this.#inputs;
  }

  /**
   * @param {Outputs} outputs
   * @param {number} count
   */
  update(outputs, count) {
    this.position += count;
    const values = Object.fromEntries(this.#names.map(({ name, output }) => [name, outputs[output].data.slice()]));
    this.#kept.set(this.position, values);
    if (this.#kept.size > KEPT_STATES) {
      const [, oldest] = this.#kept.keys(); // the first is position 0, which is always there
      this.#kept.delete(oldest);
    }
    this.#take(values);
  }

  /** @param {number} position */
  rewind(position) {
    for (const kept of [...this.#kept.keys()].reverse()) {
      if (kept <= position) break;
      this.#kept.delete(kept);
    }
    const last = [...this.#kept].at(-1);
    if (last) {
      this.position = last[0];
      this.#take(last[1]);
    }
    return this.position;
  }

  /** @param {Record<string, Float32Array>} values */
  #take(values) {
    for (const [name, value] of Object.entries(values)) this.#inputs[name].data.set(value);
  }

  free() {
    for (const tensor of Object.values(this.#inputs)) tensor.free();
  }
}

/** The tokens that were read last, of which a model with bigrams must know the one before those it reads. */
export class RecentTokens {
  /** @type {number[]} */
  #tokens = [];
  #begin = 0; // the position of the first
  #kept;

  /** @param {number} kept  how many, at least */
  constructor(kept) {
    this.#kept = kept;
  }

  /**
   * @param {number[]} tokens
   * @param {number} position  of the first
   */
  take(tokens, position) {
    if (position < this.#begin || position > this.#begin + this.#tokens.length) [this.#tokens, this.#begin] = [[], position];
    this.#tokens.length = position - this.#begin;
    for (const token of tokens) this.#tokens.push(token);
    const over = this.#tokens.length - this.#kept;
    if (over <= this.#kept) return;
    this.#tokens.splice(0, over);
    this.#begin += over;
  }

  copied() {
    const copy = new RecentTokens(this.#kept);
    [copy.#tokens, copy.#begin] = [[...this.#tokens], this.#begin];
    return copy;
  }

  /**
   * The token before this position; 0 at the start of a text, and where it was not read.
   * @param {number} position
   */
  before(position) {
    return this.#tokens[position - 1 - this.#begin] ?? 0;
  }
}

/**
 * How many tokens have any part in what a transformer says that looks back on `memory` of them.
 * @param {{layers: number, bigrams?: number}} config
 * @param {number} memory
 */
export function reachOf({ layers, bigrams }, memory) {
  return layers * memory + (bigrams ? 2 : 1);
}

/**
 * A state's shape in numbers, for one text.
 * @param {(number | string)[]} shape
 * @param {Record<string, number>} sizes  of what is free in it
 */
export function sizesOf(shape, sizes = {}) {
  return shape.map((size) => (typeof size === "number" ? size : (sizes[size] ?? 1)));
}
