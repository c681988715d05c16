/**
 * What the layers below the last would say, for which the page's own step reads a token with the first layers alone as it
 * does with all; how far each head looks back along a text; and which numbers of an LSTM follow it most.
 *
 * @import { Lens, Distances, Units } from "./types.js"
 * @import { Context, Expectation } from "./context.js"
 * @import { Task } from "./generation.js"
 */

import { EngineError } from "./errors.js";
import { NativeModel } from "./native.js";

const SHOWN = 5; // tokens of each layer
const MOST_TOKENS = 600; // of the text's end, in which units are looked for
const MOST_LOOKS = 200; // of the text's end, over which heads are averaged: each gives the weights of all layers
const UNITS = 12; // that are shown

/**
 * The likeliest tokens after a text by each number of layers, from the fewest to all (nostalgebraist 2020, "interpreting GPT:
 * the logit lens"): the head reads what the first layers have come to.
 * @param {Context} context
 * @param {Expectation} expectation
 * @param {string} text
 * @returns {Task<Lens>}
 */
export async function* lens(context, expectation, text) {
  const { model } = context;
  if (!(model instanceof NativeModel)) throw new EngineError("usage", "Only the page's own step reads layer by layer.");
  const wanted = model.tokenizer.promptTokens(text);
  const start = wanted.slice(0, -1);
  const total = wanted.length;
  if (start.length) for await (const done of context.follow(start)) yield { progress: { done, total } };
  else context.clear();
  const layers = [];
  const first = model.description.ring ? 0 : 1; // an LSTM's head reads a layer's state, of which none has none
  for (let count = first; count < model.description.config.layers; count++) {
    const logits = model.partly(wanted[total - 1], context.state, count);
    layers.push(expectation.of(logits, 0, SHOWN).top);
    yield {};
  }
  await context.read(wanted[total - 1]);
  layers.push(expectation.of(/** @type {Float32Array} */ (context.logits), 0, SHOWN).top);
  return { first, layers };
}

/**
 * How many tokens back each head of a transformer looks, on average over the tokens of a text's end.
 * @param {Context} context
 * @param {string} text
 * @returns {Task<Distances>}
 */
export async function* distances(context, text) {
  const { description, tokenizer } = context.model;
  const { attention, config } = description;
  if (!attention) throw new EngineError("usage", "This model's graph does not show where its heads look.");
  const wanted = tokenizer.promptTokens(text);
  const total = wanted.length;
  const first = Math.max(1, total - MOST_LOOKS);
  for await (const done of context.follow(wanted.slice(0, first))) yield { progress: { done, total } };
  const sums = attention.map(() => new Float64Array(config.heads));
  for (let i = first; i < total; i++) {
    const outputs = await context.read(wanted[i], attention);
    const columns = /** @type {() => number[]} */ (context.state.columns?.bind(context.state))();
    const back = columns.map((place) => (place < 0 ? 0 : i - place));
    for (const [layer, name] of attention.entries()) {
      const weights = outputs[name].data; // (1, H, 1, S)
      for (let k = 0; k < weights.length; k++) sums[layer][Math.floor(k / back.length)] += weights[k] * back[k % back.length];
    }
    yield { progress: { done: i + 1, total } };
  }
  const count = total - first;
  return { tokens: count, layers: sums.map((heads) => Array.from(heads, (sum) => sum / (count || 1))) };
}

/**
 * The numbers of an LSTM's hidden state that change most along a text.
 * @param {Context} context
 * @param {string} text
 * @returns {Task<Units>}
 */
export async function* units(context, text) {
  const { description, tokenizer } = context.model;
  const { layers, width } = description.config;
  if (!description.states.some(({ name }) => name === "hidden")) throw new EngineError("usage", "Only an LSTM has such units.");
  const wanted = tokenizer.promptTokens(text);
  const spans = tokenizer.spans(text);
  const before = wanted.length - spans.length;
  const first = Math.max(before, wanted.length - MOST_TOKENS, 1);
  const total = wanted.length;
  for await (const done of context.follow(wanted.slice(0, first))) yield { progress: { done, total } };
  const size = layers * width;
  const count = total - first;
  const values = new Float32Array(size * count); // a unit's numbers side by side
  for (let i = 0; i < count; i++) {
    await context.read(wanted[first + i]);
    const { data } = context.state.inputs(0).hidden;
    for (let unit = 0; unit < size; unit++) values[unit * count + i] = data[unit];
    yield { progress: { done: first + i + 1, total } };
  }
  const spread = Array.from({ length: size }, (_, unit) => variance(values.subarray(unit * count, (unit + 1) * count)));
  const best = [...spread.keys()].sort((a, b) => spread[b] - spread[a]).slice(0, UNITS);
  return {
    spans: spans.slice(first - before),
    units: best.map((unit) => ({
      layer: Math.floor(unit / width),
      unit: unit % width,
      values: values.slice(unit * count, (unit + 1) * count),
    })),
  };
}

/** @param {Float32Array} values */
function variance(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}
