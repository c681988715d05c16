/**
 * A graph that JaneLM exported, run one step at a time, as its twin janelm/engines/onnx_engine.py runs it.
 *
 * @import { Description } from "./types.js"
 * @import { HeapTensor, Output, Runtime } from "./session.js"
 * @import { State } from "./states.js"
 */

import { initialState } from "./ring.js";
import { Session } from "./session.js";
import { sizesOf } from "./states.js";
import { tokenizerFromJSON } from "./tokenizer.js";

export class Model {
  /** Milliseconds that the last step spent inside ONNX Runtime. */
  lastRun = 0;
  #session;
  #count = 0; // tokens of the last step
  #tokens;
  /** @type {Record<string, HeapTensor<"float32">>} */
  #outputs = {};

  /**
   * @param {Session} session
   * @param {Description} description
   */
  constructor(session, description) {
    this.#session = session;
    this.description = description;
    this.tokenizer = tokenizerFromJSON(description.tokenizer, description.prompts);
    this.#tokens = session.tensor("int64", [1, 0]);
    this.#outputs.logits = session.tensor("float32", [1, description.vocab_size]);
    for (const { output } of description.states) this.#outputs[output] = session.tensor("float32", [0]);
  }

  /**
   * @param {Runtime} runtime
   * @param {Uint8Array} bytes  of the ONNX file
   * @param {Description} description
   */
  static async create(runtime, bytes, description) {
    return new Model(await Session.create(runtime, bytes), description);
  }

  /** @param {number} [memory] */
  initialState(memory) {
    return initialState(this.#session, this.description, memory);
  }

  /**
   * Read tokens, at most `state.longestChunk`, and bring the state up to date.
   * @param {number[]} tokens
   * @param {State} state
   * @param {string[]} [more]  outputs of the graph that are wanted too
   * @returns {Record<string, Output>}  these, and "logits" (1, V) of the last token
   */
  step(tokens, state, more = []) {
    /** @type {Record<string, Output>} */
    let outputs = {};
    for (const part of state.parts?.(tokens) ?? [tokens]) outputs = this.#run(part, state, more);
    return outputs;
  }

  /**
   * @param {number[]} tokens
   * @param {State} state
   * @param {string[]} more
   * @returns {Record<string, Output>}
   */
  #run(tokens, state, more) {
    const count = tokens.length;
    if (count !== this.#count) this.#make(count);
    this.#tokens.data.set(tokens.map(BigInt));
    const inputs = { ...state.inputs(count), tokens: this.#tokens };
    const began = performance.now();
    const further = this.#session.run(inputs, this.#outputs, more);
    this.lastRun = performance.now() - began;
    state.update(this.#outputs, count, tokens);
    const { dims, data } = this.#outputs.logits;
    return { ...further, logits: { dims, data: data.slice() } };
  }

  /**
   * Make room for a step of so many tokens: it writes where the last one of as many did.
   * @param {number} count
   */
  #make(count) {
    this.#tokens.resize([1, count]);
    for (const { output, shape } of this.description.states) {
      this.#outputs[output].resize(sizesOf(shape, { past: count }));
    }
    this.#count = count;
  }
}
