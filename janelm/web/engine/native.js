/**
 * A model run by the page's own step, step.wasm, which is janelm/engines/native/ compiled for browsers. Its twin is
 * janelm/engines/native_engine.py: tests/browser/test_native_step.py compares their logits.
 *
 * @import { Description } from "./types.js"
 * @import { State } from "./states.js"
 * @import { Room, StepExports } from "./memory.js"
 */

import { Memory } from "./memory.js";
import { reachOf, RecentTokens, ReplacedState } from "./states.js";
import { tokenizerFromJSON } from "./tokenizer.js";
import { layOut } from "./weights.js";

/** @param {WebAssembly.Module} compiled */
export async function startStep(compiled) {
  const { exports } = await WebAssembly.instantiate(compiled, {});
  const step = /** @type {StepExports} */ (/** @type {unknown} */ (exports));
  return {
    /**
     * @param {Uint8Array} bytes  of the ONNX file
     * @param {Description} description
     * @param {Uint8Array} [adapter]
     */
    async model(bytes, description, adapter) {
      return new NativeModel(step, bytes, description, adapter);
    },
  };
}

export class NativeModel {
  /** Milliseconds that the last step spent inside the WebAssembly. */
  lastRun = 0;
  #memory;
  #step;
  #each;
  #model;
  #logits;
  /** @type {Room<"int64">} */
  #tokens;
  #before;
  /** @type {number[]} structures Model of fewer layers, by how many */
  #partly = [];

  /**
   * @param {StepExports} step
   * @param {Uint8Array} bytes  of the ONNX file
   * @param {Description} description
   * @param {Uint8Array} [adapter]  its file
   */
  constructor(step, bytes, description, adapter) {
    this.description = description;
    this.tokenizer = tokenizerFromJSON(description.tokenizer, description.prompts);
    this.#memory = new Memory(step);
    this.#step = description.kind === "transformer" ? step.transformer : step.lstm;
    this.#each = step.transformer_each;
    this.#model = layOut(step, this.#memory, bytes, description, adapter);
    this.#logits = this.#memory.tensor("float32", [1, description.vocab_size]);
    this.#tokens = this.#memory.tensor("int64", [1]);
    this.#before = this.#memory.tensor("int64", [1]);
  }

  /**
   * @param {number} [memory]
   * @returns {State}
   */
  initialState(memory) {
    if (this.description.ring) return new Ring(this.#memory, this.description, memory);
    return new ReplacedState(this.#memory, this.description);
  }

  /**
   * Read tokens and bring the state up to date.
   * @param {number[]} tokens
   * @param {State} state
   * @param {string[]} [more]  of the description's `attention`: then all of them are given
   * @returns {Record<string, {data: Float32Array, dims: number[]}>}  these (1, H, 1, tokens seen, oldest first), and
   *   "logits" (1, V) of the last token
   */
  step(tokens, state, more = []) {
    const { config } = this.description;
    const count = tokens.length;
    this.#put(tokens);
    const { position } = state;
    const given = state instanceof Ring ? state : null;
    const { window, slots } = given ?? { window: 0, slots: 0 };
    this.#before.data[0] = BigInt(given?.recent.before(position) ?? 0);
    const [first, second] = given ? [given.keys, given.values] : Object.values(state.inputs(count));
    const looks = more.length ? this.#memory.tensor("float32", [config.layers, config.heads, window]) : null;
    const began = performance.now();
    this.#step(
      this.#model, this.#tokens.address, 1, count, BigInt(position), this.#before.address, first.address, second.address,
      window, slots, this.#logits.address, looks?.address ?? 0,
    );
    this.lastRun = performance.now() - began;
    const outputs = this.description.states.map(({ name, output }) => [output, state.inputs(0)[name]]);
    state.update(Object.fromEntries(outputs), count, tokens);
    const seen = Math.min(position + count, window);
    const further = looks ? more.map((name, layer) => [name, looksOf(looks, layer, seen)]) : [];
    looks?.free();
    const { dims, data } = this.#logits;
    return { ...Object.fromEntries(further), logits: { dims, data: data.slice() } };
  }

  /**
   * A step of one token of each of several texts, for which each weight is read once: what is said of a text is to the
   * bit what `step` says of it alone.
   * @param {number[]} tokens
   * @param {State[]} states
   * @returns {Float32Array[]}  logits (V) of each
   */
  stepEach(tokens, states) {
    const [B, V] = [tokens.length, this.description.vocab_size];
    this.#put(tokens);
    const logits = this.#memory.tensor("float32", [B, V]);
    const began = performance.now();
    if (this.description.ring) this.#stepRings(tokens, /** @type {Ring[]} */ (states), logits);
    else this.#stepTogether(/** @type {ReplacedState[]} */ (states), logits);
    this.lastRun = performance.now() - began;
    const each = states.map((_, b) => logits.data.slice(b * V, (b + 1) * V));
    logits.free();
    return each;
  }

  /** @type {(tokens: number[], rings: Ring[], logits: Room<"float32">) => void} */
  #stepRings(tokens, rings, logits) {
    const texts = this.#memory.tensor("uint32", [rings.length, 10]); // step.cpp's structure Text
    const long = new BigInt64Array(this.#memory.buffer, texts.address, 5 * rings.length);
    for (const [b, { keys, values, window, slots, position, recent }] of rings.entries()) {
      const stride = keys.data.length / this.description.config.layers;
      texts.data.set([keys.address, values.address], 10 * b);
      long.set([stride, position, recent.before(position)].map(BigInt), 5 * b + 1);
      texts.data.set([window, slots], 10 * b + 8);
    }
    this.#each(this.#model, this.#tokens.address, rings.length, 1, texts.address, logits.address, 0);
    texts.free();
    for (const [b, ring] of rings.entries()) ring.update(null, 1, [tokens[b]]);
  }

  /**
   * What is carried of a text is little: it is laid together and apart again.
   * @type {(states: ReplacedState[], logits: Room<"float32">) => void}
   */
  #stepTogether(states, logits) {
    const { layers, width: D } = this.description.config;
    const B = states.length;
    const carried = this.description.states.map(({ name, output }) => {
      const all = this.#memory.tensor("float32", [layers, B, D]);
      for (const [b, state] of states.entries()) {
        const { data } = state.inputs()[name];
        for (let l = 0; l < layers; l++) all.data.set(data.subarray(l * D, (l + 1) * D), (l * B + b) * D);
      }
      return { output, all };
    });
    const [first, second] = carried.map(({ all }) => all.address);
    this.#step(this.#model, this.#tokens.address, B, 1, 0n, this.#before.address, first, second, 0, 0, logits.address, 0);
    for (const [b, state] of states.entries()) {
      state.update(Object.fromEntries(carried.map(({ output, all }) => [output, textOf(all, b)])), 1);
    }
    for (const { all } of carried) all.free();
  }

  /** @param {number[]} tokens  to be read next */
  #put(tokens) {
    const [count, V] = [tokens.length, this.description.vocab_size];
    const wrong = tokens.find((token) => !(token >= 0 && token < V));
    if (wrong !== undefined) throw new Error(`${wrong} is not one of the ${V} tokens`); // memory would be read there
    if (count > this.#tokens.dims[0]) {
      this.#tokens.free();
      this.#tokens = this.#memory.tensor("int64", [count]);
    }
    this.#tokens.data.set(tokens.map(BigInt));
  }

  /**
   * What the head makes of a token after some of the layers. What is carried of an LSTM stays as it is; a transformer's
   * ring takes in what the step with all layers will write there again.
   * @param {number} token
   * @param {State} state  before the token
   * @param {number} layers  from 0 on, of an LSTM from 1 on
   * @returns {Float32Array}  logits (V)
   */
  partly(token, state, layers) {
    if (!this.#partly[layers]) {
      const [matrices, biases, , ...others] = structureAt(this.#memory, this.#model);
      this.#partly[layers] = this.#memory.put("uint32", [matrices, biases, layers, ...others]);
    }
    const given = state instanceof Ring ? state : null;
    const { window, slots } = given ?? { window: 0, slots: 0 };
    const carried = given ? [given.keys, given.values] : Object.values(state.inputs(1)).map((room) => this.#copied(room));
    const [first, second] = carried;
    this.#tokens.data[0] = BigInt(token);
    this.#before.data[0] = BigInt(given?.recent.before(state.position) ?? 0);
    this.#step(
      this.#partly[layers], this.#tokens.address, 1, 1, BigInt(state.position), this.#before.address, first.address,
      second.address, window, slots, this.#logits.address, 0,
    );
    if (!given) for (const room of carried) room.free();
    return this.#logits.data.slice();
  }

  /** @param {Room<"float32">} room */
  #copied(room) {
    const copy = this.#memory.tensor("float32", room.dims);
    copy.data.set(room.data);
    return copy;
  }
}

/**
 * The fields of step.cpp's structure Model, the third of which is how many layers there are.
 * @param {Memory} memory
 * @param {number} address
 */
function structureAt(memory, address) {
  return [...new Uint32Array(memory.buffer, address, 7)];
}

/**
 * What is carried of one of several texts.
 * @param {Room<"float32">} all  (L, B, D)
 * @param {number} b
 */
function textOf({ data, dims: [layers, B, D] }, b) {
  const one = new Float32Array(layers * D);
  for (let l = 0; l < layers; l++) one.set(data.subarray((l * B + b) * D, (l * B + b + 1) * D), l * D);
  return { data: one, dims: [layers, 1, D] };
}

/**
 * A layer's weights.
 * @param {Room<"float32">} looks  (L, H, window)
 * @param {number} layer
 * @param {number} seen  how many of a row are set
 */
function looksOf({ data, dims: [, heads, window] }, layer, seen) {
  const rows = new Float32Array(heads * seen);
  for (let head = 0; head < heads; head++) {
    const begin = (layer * heads + head) * window;
    rows.set(data.subarray(begin, begin + seen), head * seen);
  }
  return { data: rows, dims: [1, heads, 1, seen] };
}

/**
 * A transformer's keys and values, with room for twice as many tokens as a token sees: so the state can go back as far
 * as it looks back, and nothing was overwritten.
 */
class Ring {
  position = 0;
  longestChunk;
  reach;
  #longestAgo = 0; // the earliest position that `rewind` reaches
  #furthest = 0; // where the ring was written last
  /** @type {Memory} */
  #memory;
  /** @type {Description} */
  #description;

  /**
   * @param {Memory} memory
   * @param {Description} description
   * @param {number} [looksBack]  tokens
   */
  constructor(memory, description, looksBack = Infinity) {
    const { ring, config } = description;
    [this.#memory, this.#description] = [memory, description];
    this.longestChunk = Math.min(looksBack, ring?.memory ?? 0);
    this.reach = reachOf(config, this.longestChunk);
    this.window = this.longestChunk + 1;
    this.slots = 2 * this.window;
    this.recent = new RecentTokens(this.slots + 1);
    const dims = [config.layers, config.heads, this.slots, config.width / config.heads];
    this.keys = memory.tensor("float32", dims);
    try {
      this.values = memory.tensor("float32", dims);
    } catch (error) {
      this.keys.free();
      throw error;
    }
  }

  /** The same once more, which goes on by itself. Throws where there is no room for it. */
  copied() {
    const copy = new Ring(this.#memory, this.#description, this.longestChunk);
    copy.keys.data.set(this.keys.data);
    copy.values.data.set(this.values.data);
    copy.recent = this.recent.copied();
    [copy.position, copy.#longestAgo, copy.#furthest] = [this.position, this.#longestAgo, this.#furthest];
    return copy;
  }

  /** @returns {Record<string, Room<any>>} */
  inputs() {
    return { keys: this.keys, values: this.values };
  }

  /**
   * @param {unknown} outputs  none: the step writes into the ring
   * @param {number} count
   * @param {number[]} tokens
   */
  update(outputs, count, tokens) {
    this.recent.take(tokens, this.position);
    this.position += count;
    this.#furthest = Math.max(this.#furthest, this.position);
    this.#longestAgo = Math.max(this.#longestAgo, this.#furthest - this.slots + this.window - 1);
  }

  /** @param {number} position */
  rewind(position) {
    if (position < this.#longestAgo) position = this.#longestAgo = this.#furthest = 0;
    this.position = position;
    return position;
  }

  /** @param {number} count */
  passOver(count) {
    this.position += count;
    this.#furthest = this.position;
    this.#longestAgo = this.position + this.reach; // what is read before that is not right
  }

  /** Which positions the last step's token looked at, oldest first. */
  columns() {
    const first = Math.max(0, this.position - this.window);
    return Array.from({ length: this.position - first }, (_, i) => first + i);
  }

  free() {
    this.keys.free();
    this.values.free();
  }
}
