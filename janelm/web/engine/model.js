/**
 * A graph that JaneLM exported, run by onnxruntime-web one step at a time.
 *
 * @import { Description } from "./types.js"
 * @import { State, Tensors } from "./states.js"
 * @import * as Ort from "onnxruntime-common"
 */

import { initialState } from "./states.js";
import { tokenizerFromJSON } from "./tokenizer.js";

export class Model {
  /** Milliseconds that the last step spent inside onnxruntime. */
  lastRun = 0;
  #ort;
  #session;
  #outputs;
  #single;

  /**
   * @param {typeof Ort} ort
   * @param {Ort.InferenceSession} session
   * @param {Description} description
   */
  constructor(ort, session, description) {
    this.#ort = ort;
    this.#session = session;
    this.description = description;
    this.tokenizer = tokenizerFromJSON(description.tokenizer);
    this.#outputs = ["logits", ...description.states.map((state) => state.output)];
    this.#single = this.#tokenTensor([0]);
  }

  /**
   * @param {typeof Ort} ort
   * @param {Uint8Array} bytes  of the ONNX file
   * @param {Description} description
   */
  static async create(ort, bytes, description) {
    /** @type {Ort.InferenceSession.SessionOptions} */
    const options = {
      executionProviders: ["wasm"],
      logSeverityLevel: 3, // errors only
    };
    return new Model(ort, await ort.InferenceSession.create(bytes, options), description);
  }

  /** @param {number} [memory] */
  initialState(memory) {
    return initialState(this.#ort.Tensor, this.description, memory);
  }

  /**
   * Read tokens, at most `state.longestChunk`, and bring the state up to date.
   * @param {number[]} tokens
   * @param {State} state
   * @param {string[]} [more]  outputs of the graph that are wanted too
   * @returns {Promise<Tensors>}  "logits" (1, V) of the last token among them
   */
  async step(tokens, state, more) {
    const single = tokens.length === 1;
    if (single) this.#single.data[0] = BigInt(tokens[0]);
    const read = single ? this.#single : this.#tokenTensor(tokens);
    const feeds = { ...state.inputs(tokens.length), tokens: read.tensor };
    const began = performance.now();
    const outputs = await this.#session.run(feeds, more ? [...this.#outputs, ...more] : this.#outputs);
    this.lastRun = performance.now() - began;
    state.update(outputs, tokens.length);
    return outputs;
  }

  /** @param {number[]} tokens */
  #tokenTensor(tokens) {
    const data = BigInt64Array.from(tokens, BigInt);
    return { data, tensor: new this.#ort.Tensor("int64", data, [1, tokens.length]) };
  }
}
