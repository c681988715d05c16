/**
 * Reading a text: how well each token was expected, how well all of it, and what the inside looks like at its end. Its
 * bits per byte are those of its twin janelm/measuring/scoring.py: tests/browser/test_exactness.py compares them.
 *
 * @import { Look, ReadOptions, Reading, Score, TokenInfo } from "./types.js"
 * @import { Context, Expectation, Model } from "./context.js"
 * @import { Task } from "./generation.js"
 */

import { step } from "./context.js";
import { EngineError } from "./errors.js";

const UNKNOWN_CHARACTER_BITS = Math.log2(0x110000); // naming any one character, as janelm/text/tokenizers.py counts

/**
 * @param {Context} context
 * @param {Expectation} expectation
 * @param {string} text
 * @param {ReadOptions} options
 * @returns {Task<Reading>}
 */
export async function* read(context, expectation, text, { alternatives = 10, from = 0 }) {
  const { tokenizer } = context.model;
  const wanted = tokenizer.promptTokens(text);
  const spans = tokenizer.spans(text);
  const before = wanted.length - spans.length; // the end token that starts a document, or an empty text's line break
  const first = spans.findIndex((span) => span.start >= from);
  const plain = before + (first < 0 ? spans.length : first);
  const total = wanted.length;
  if (plain) for await (const done of context.follow(wanted.slice(0, plain))) yield { progress: { done, total } };
  /** @type {TokenInfo[]} */
  const tokens = [];
  for (let i = plain; i < total; i++) {
    const logits = i ? /** @type {Float32Array} */ (context.logits) : await startLogits(context.model);
    tokens.push({ ...spans[i - before], ...expectation.of(logits, wanted[i], alternatives) });
    if (i) await context.foresee(wanted);
    if (i) await context.read(wanted[i]);
    else for await (const _ of context.follow(wanted.slice(0, 1)));
    yield { progress: { done: i + 1, total } };
  }
  return { tokens, logits: /** @type {Float32Array} */ (context.logits) };
}

/** @type {WeakMap<Model, Float32Array>} */
const starts = new WeakMap();

/**
 * What a model of running text expects first: what may follow a line break.
 * @param {Model} model
 */
async function startLogits(model) {
  let logits = starts.get(model);
  if (!logits) {
    const state = model.initialState();
    starts.set(model, (logits = (await step(model, model.tokenizer.promptTokens(""), state)).logits.data));
    state.free();
  }
  return logits;
}

/**
 * A text that is scored again after each change, as a person types it: tokens that are still there keep their bits.
 */
export class Scoring {
  /** @type {number[]} of each token that the context has read, but the first */
  #bits = [];

  /**
   * @param {Context} context  its own: a scored text starts after a line break, as in `janelm score`
   * @param {Expectation} expectation
   */
  constructor(context, expectation) {
    this.context = context;
    this.expectation = expectation;
  }

  /**
   * @param {string} text
   * @returns {Task<Score>}
   */
  async *score(text) {
    const { context } = this;
    const { tokenizer } = context.model;
    const clean = tokenizer.asTrained(text.replace(/\r\n?/g, "\n"));
    const tokens = tokenizer.encode(clean);
    if (!tokens.length) throw new EngineError("usage", "There is no text to score: write some first.");
    const wanted = [...tokenizer.promptTokens(""), ...tokens];
    this.#bits.length = Math.min(this.#bits.length, commonTokens(context.tokens, wanted));
    let read = this.#bits.length + 1;
    for await (const _ of context.follow(wanted.slice(0, read))) yield {};
    for (; read < wanted.length; read++) {
      const logits = /** @type {Float32Array} */ (context.logits);
      this.#bits.push(this.expectation.of(logits, wanted[read], 0).bits);
      await context.foresee(wanted);
      await context.read(wanted[read]);
      yield { progress: { done: read, total: tokens.length } };
    }
    const unknown = tokens.filter((token) => token === tokenizer.unknownToken).length;
    const bits = this.#bits.reduce((sum, value) => sum + value, 0) + unknown * UNKNOWN_CHARACTER_BITS;
    const bytes = utf8Length(clean);
    return { bitsPerByte: bits / bytes, bits, bytes, tokens: tokens.length };
  }
}

/**
 * How many tokens after the first two texts share.
 * @param {number[]} a
 * @param {number[]} b
 */
function commonTokens(a, b) {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return Math.max(0, length - 1);
}

/** @param {string} text */
function utf8Length(text) {
  return new TextEncoder().encode(text.replace(/\p{Surrogate}/gu, "?")).length;
}

/**
 * @param {Context} context
 * @param {string} text
 * @returns {Task<Look>}
 */
export async function* look(context, text) {
  const { description, tokenizer } = context.model;
  const { config, attention } = description;
  const wanted = tokenizer.promptTokens(text);
  const total = wanted.length;
  if (!attention) {
    if (description.ring) throw new EngineError("usage", "This model's graph does not show its inside: export it again.");
    if (!description.states.some(({ name }) => name === "hidden")) {
      throw new EngineError("usage", "The inside of a model of this architecture is not shown.");
    }
    for await (const done of context.follow(wanted)) yield { progress: { done, total } };
    const { hidden, cell } = context.state.inputs(0);
    const { layers, width } = config;
    return { kind: "hidden", layers, width, hidden: Float32Array.from(hidden.data), cell: Float32Array.from(cell.data) };
  }
  const start = wanted.slice(0, -1);
  if (start.length) for await (const done of context.follow(start)) yield { progress: { done, total } };
  else context.clear();
  const outputs = await context.read(wanted[total - 1], attention);
  const columns = /** @type {() => number[]} */ (context.state.columns?.bind(context.state))();
  const order = [...columns.keys()].filter((column) => columns[column] >= 0);
  order.sort((a, b) => columns[a] - columns[b]);
  const pick = (/** @type {string} */ name) => {
    const weights = outputs[name].data; // (1, H, 1, past + 1)
    const rows = new Float32Array(config.heads * order.length);
    for (let i = 0; i < rows.length; i++) {
      rows[i] = weights[Math.floor(i / order.length) * columns.length + order[i % order.length]];
    }
    return rows;
  };
  const spans = tokenizer.spans(text);
  const before = total - spans.length;
  return {
    kind: "attention",
    heads: config.heads,
    attention: attention.map(pick),
    spans: order.map((column) => spans[columns[column] - before] ?? { token: wanted[columns[column]], start: 0, end: 0 }),
  };
}
