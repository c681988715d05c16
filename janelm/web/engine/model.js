/**
 * A graph that JaneLM exported, run one step at a time.
 *
 * @import { Description } from "./types.js"
 * @import { Output, Runtime } from "./session.js"
 * @import { State } from "./states.js"
 */

import { Session } from "./session.js";
import { initialState } from "./states.js";
import { tokenizerFromJSON } from "./tokenizer.js";

export class Model {
  /** Milliseconds that the last step spent inside ONNX Runtime. */
  lastRun = 0;
  #session;
  #outputs;
  #tokens;

  /**
   * @param {Session} session
   * @param {Description} description
   */
  constructor(session, description) {
    this.#session = session;
    this.description = description;
    this.tokenizer = tokenizerFromJSON(description.tokenizer);
    this.#outputs = ["logits", ...description.states.map((state) => state.output)];
    this.#tokens = session.tensor("int64", [1, 1]);
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
   * @returns {Record<string, Output>}  "logits" (1, V) of the last token among them
   */
  step(tokens, state, more) {
    this.#tokens.resize([1, tokens.length]);
    this.#tokens.data.set(tokens.map(BigInt));
    const inputs = { ...state.inputs(tokens.length), tokens: this.#tokens };
    const began = performance.now();
    const outputs = this.#session.run(inputs, more ? [...this.#outputs, ...more] : this.#outputs);
    this.lastRun = performance.now() - began;
    state.update(outputs, tokens.length);
    return outputs;
  }
}
