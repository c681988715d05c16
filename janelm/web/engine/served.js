/**
 * A model that a server steps: its tokens go there, and its logits come from there. What it carries from step to step
 * stays with the server, or else is made anew from all tokens, which are kept here. Its twin is janelm/studio/states.py.
 *
 * @import { Description } from "./types.js"
 */

import { EngineError } from "./errors.js";
import { tokenizerFromJSON } from "./tokenizer.js";

export class ServedModel {
  /** Milliseconds that the last step took, the way there and back too. */
  lastRun = 0;
  #address;

  /**
   * @param {string} address
   * @param {Description} description
   */
  constructor(address, description) {
    this.#address = address;
    this.description = description;
    this.tokenizer = tokenizerFromJSON(description.tokenizer, description.prompts);
  }

  /** @param {number} [memory] */
  initialState(memory) {
    return new ServedState(memory);
  }

  /**
   * @param {number[]} tokens
   * @param {ServedState} state
   * @returns {Promise<Record<string, {data: Float32Array}>>}  "logits" (V) of the last token
   */
  async step(tokens, state) {
    const began = performance.now();
    const data = state.foreseen(tokens) ?? (await this.#read(tokens, state, 1));
    state.tokens.push(...tokens);
    this.lastRun = performance.now() - began;
    return { logits: { data } };
  }

  /**
   * Have tokens read of which each will be asked for next, one by one.
   * @param {number[]} tokens
   * @param {ServedState} state
   */
  async foresee(tokens, state) {
    if (state.ahead.length || tokens.length < 2) return;
    const logits = await this.#read(tokens, state, tokens.length);
    const { vocab_size } = this.description;
    state.ahead = tokens.map((token, i) => ({ token, logits: logits.slice(i * vocab_size, (i + 1) * vocab_size) }));
  }

  /**
   * The logits (rows, V) after each of the last of these tokens.
   * @param {number[]} tokens
   * @param {ServedState} state
   * @param {number} rows
   */
  async #read(tokens, state, rows) {
    let answer = state.session === null ? null : await this.#ask(tokens, state, rows);
    if (!answer || answer.status === 409) {
      state.session = null;
      answer = await this.#ask([...state.tokens, ...tokens], state, rows);
    }
    if (!answer.ok) throw new EngineError("failed", `${await sentence(answer)}: try again in a moment.`);
    state.session = answer.headers.get("x-session");
    return new Float32Array(await answer.arrayBuffer());
  }

  /**
   * @param {number[]} tokens
   * @param {ServedState} state
   * @param {number} rows
   */
  async #ask(tokens, { session, memory }, rows) {
    const body = JSON.stringify({ model: this.description.name, tokens, session, memory, rows });
    const headers = { "content-type": "application/json" };
    try {
      return await fetch(this.#address, { method: "POST", headers, body });
    } catch {
      throw new EngineError("offline", "The server that runs this model does not answer: is it still there?");
    }
  }
}

/** @param {Response} answer */
async function sentence(answer) {
  const values = await answer.json().catch(() => null);
  return `The server could not step the model (${values?.error?.message ?? answer.status})`;
}

/** How far a text has been read, and by which name the server knows it. */
class ServedState {
  /** @type {number[]} */
  tokens = [];
  /** @type {string | null} */
  session = null;
  /** @type {{token: number, logits: Float32Array}[]} what the server has read already beyond `tokens` */
  ahead = [];
  longestChunk = Infinity;

  /** @param {number} [memory] */
  constructor(memory) {
    this.memory = memory;
  }

  get position() {
    return this.tokens.length;
  }

  /** @returns {Record<string, any>} */
  inputs() {
    return {};
  }

  update() {}

  /**
   * The logits after these tokens, where the server has read them already. Where it has read others, it is to begin anew.
   * @param {number[]} tokens
   */
  foreseen(tokens) {
    const ahead = this.ahead.splice(0, tokens.length);
    if (ahead.length === tokens.length && ahead.every(({ token }, i) => token === tokens[i])) return ahead[ahead.length - 1].logits;
    if (ahead.length) this.#forget();
    return null;
  }

  #forget() {
    this.session = null;
    this.ahead = [];
  }

  /** @param {number} position */
  rewind(position) {
    if (position < this.tokens.length) this.#forget();
    this.tokens.length = Math.min(position, this.tokens.length);
    return this.tokens.length;
  }

  free() {}
}
