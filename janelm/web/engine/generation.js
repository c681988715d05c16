/**
 * Writing text one token after the other, as its twin janelm/writing/generation.py does it:
 * tests/browser/test_exactness.py compares what both write.
 *
 * @import { Frame, Sampling, Summary, TokenInfo, WriteOptions } from "./types.js"
 * @import { Context, Expectation } from "./context.js"
 * @import { Tokenizer } from "./tokenizer.js"
 */

import { readEach } from "./context.js";
import { EngineError } from "./errors.js";
import { healed, OFF, Sampler } from "./sampler.js";

const FRAME = 16; // milliseconds: a screen shows no more frames than that

/**
 * What a task gives while it runs: progress, frames, or nothing but a moment for others; `until` is when it wants to
 * go on, by performance.now(). It is told how many milliseconds it was then kept from running.
 *
 * @template T
 * @typedef {AsyncGenerator<{progress?: {done: number, total: number}, frames?: Frame[], until?: number}, T, number>} Task
 */

/** Passes text on up to a stop text, and holds back what may yet become one. */
export class StopScanner {
  #stops;
  #held = "";
  stopped = false;

  /** @param {string[]} stops */
  constructor(stops) {
    this.#stops = stops;
  }

  /** @param {string} text */
  feed(text) {
    if (!this.#stops.length) return text;
    text = this.#held + text;
    this.#held = "";
    const places = this.#stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
    if (places.length) {
      this.stopped = true;
      return text.slice(0, Math.min(...places));
    }
    const longest = Math.max(...this.#stops.map((stop) => stop.length)) - 1;
    for (let size = Math.min(longest, text.length); size > 0; size--) {
      const end = text.slice(-size);
      if (this.#stops.some((stop) => stop.startsWith(end))) {
        this.#held = end;
        return text.slice(0, -size);
      }
    }
    return text;
  }

  /** What was held back when the text ends otherwise. */
  finish() {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}

/** One text in the making: draws its tokens and gives out its characters. */
class Stream {
  /** @type {Summary["reason"] | null} */
  ended = null;
  written = 0;
  text = ""; // to give out with the next frame
  #tokenizer;
  #sampler;
  #decoder;
  #scanner;
  #numTokens;
  #decoded; // offsets in the whole text: decoded so far,
  #released; // and given out
  /** @type {TokenInfo[]} whose text is held back */
  #waiting = [];
  #blank;

  /**
   * @param {Tokenizer} tokenizer
   * @param {WriteOptions} options
   * @param {{text: string, blank: boolean}} prompt  as it is read: without a blank that the first token begins with
   */
  constructor(tokenizer, { text, num_tokens, sampling, stop = [] }, prompt) {
    this.#tokenizer = tokenizer;
    this.#sampler = new Sampler(sampling, tokenizer.neverWritten, tokenizer.spelling);
    this.#sampler.note(tokenizer.encode(prompt.text), true); // and not the token that stands for the start
    this.#blank = prompt.blank;
    if (this.#blank) this.#sampler.beginWithBlank();
    this.#decoder = tokenizer.decoder();
    this.#scanner = new StopScanner(stop);
    this.#numTokens = num_tokens;
    this.#decoded = this.#released = text.length;
  }

  /**
   * Draw the next token after logits (V).
   * @param {Float32Array} logits
   * @param {(token: number) => {bits: number, top: TokenInfo["top"]}} describe
   */
  advance(logits, describe) {
    const token = this.#sampler.draw(logits);
    this.written++;
    const start = this.#decoded;
    if (token === this.#tokenizer.endToken) {
      this.ended = "end of document";
    } else {
      let text = this.#decoder.feed(token);
      if (this.#blank && text[0] === " ") text = text.slice(1);
      this.#blank = false;
      this.#decoded += text.length;
      this.#release(this.#scanner.feed(text));
      if (this.#scanner.stopped) this.ended = "stop text";
      else if (this.written === this.#numTokens) this.ended = "length";
    }
    this.#waiting.push({ token, start, end: this.#decoded, ...describe(token) });
    return token;
  }

  /** @param {string} text */
  #release(text) {
    this.text += text;
    this.#released += text.length;
  }

  /** Give out what was held back, unless a stop text ended the writing. */
  finish() {
    if (this.#scanner.stopped) {
      this.#waiting = this.#waiting.filter((info) => info.start < this.#released);
    } else {
      this.#release(this.#scanner.feed(this.#decoder.finish()) + this.#scanner.finish());
      if (this.#scanner.stopped) this.ended = "stop text";
    }
    for (const info of this.#waiting) info.end = Math.min(info.end, this.#released);
    const last = this.#waiting.at(-1);
    if (last && !this.#scanner.stopped) last.end = this.#released;
  }

  /** The text and the tokens that are certain and were not yet taken. */
  take() {
    const waiting = this.#waiting.findIndex((info) => info.end > this.#released);
    const tokens = this.#waiting.splice(0, waiting < 0 ? this.#waiting.length : waiting);
    const text = this.text;
    this.text = "";
    return { text, tokens };
  }
}

/** @type {Summary} */
const NOTHING_WRITTEN = {
  reason: "stopped",
  tokens: 0,
  seconds: 0,
  tokensPerSecond: 0,
  millisecondsPerToken: 0,
  ownShare: 0,
};

/**
 * Write on after `options.text`, once with each of the seeds; side by side where the model can, and each as if it were
 * alone. What is drawn is read too, so that the context ends where the first text does.
 * @param {Context} context
 * @param {Expectation} expectation
 * @param {WriteOptions} options
 * @param {{stopped: boolean}} control  set to end the writing before the next token, or after the next step of reading
 * @param {number[]} [seeds]
 * @returns {Task<Summary[]>}  of each
 */
export async function* write(context, expectation, options, control, seeds = [options.sampling.seed]) {
  for (const seed of seeds) checkOptions({ ...options, sampling: { ...options.sampling, seed } });
  const { tokenizer } = context.model;
  const healing = healed(tokenizer.asTrained(options.text), tokenizer.vocabulary);
  const prompt = tokenizer.promptTokens(healing.text);
  /** @type {Summary[]} */
  const summaries = [];
  while (summaries.length < seeds.length && !control.stopped) {
    for await (const done of context.follow(prompt)) {
      yield { progress: { done, total: prompt.length } };
      if (control.stopped) break;
    }
    if (control.stopped) break;
    const first = summaries.length;
    const contexts = context.several(seeds.length - first);
    const pens = contexts.map((own, i) => {
      const sampling = { ...options.sampling, seed: seeds[first + i] };
      return new Pen(own, new Stream(tokenizer, { ...options, sampling }, healing), first + i);
    });
    try {
      yield* writeTogether(pens, expectation, options, control);
    } finally {
      for (const copy of contexts.slice(1)) copy.free();
    }
    summaries.push(...pens.map(({ summary }) => summary));
  }
  while (summaries.length < seeds.length) summaries.push(NOTHING_WRITTEN);
  return summaries;
}

/** What writes one of several texts. */
class Pen {
  summary = NOTHING_WRITTEN;

  /**
   * @param {Context} context
   * @param {Stream} stream
   * @param {number} number
   */
  constructor(context, stream, number) {
    this.context = context;
    this.stream = stream;
    this.number = number;
  }

  /** @param {Clock} clock */
  finish(clock) {
    const { stream } = this;
    stream.finish();
    this.summary = { reason: stream.ended ?? "stopped", ...clock.figures(stream.written), ownShare: clock.ownShare };
  }

  /**
   * @param {Clock} clock
   * @returns {Frame}
   */
  frame(clock) {
    const { context, number, stream } = this;
    const { tokens: written, tokensPerSecond, millisecondsPerToken } = clock.figures(stream.written);
    const logits = /** @type {Float32Array} */ (context.logits);
    return { ...stream.take(), number, written, tokensPerSecond, millisecondsPerToken, logits };
  }
}

/**
 * A token of each text in turn, until all have ended.
 * @param {Pen[]} pens
 * @param {Expectation} expectation
 * @param {WriteOptions} options
 * @param {{stopped: boolean}} control
 * @returns {Task<void>}
 */
async function* writeTogether(pens, expectation, { alternatives = 0, pace = 0 }, control) {
  const clock = new Clock();
  let shown = -Infinity;
  let live = pens;
  while (live.length && !control.stopped) {
    const tokens = live.map(({ context, stream }) => {
      const logits = /** @type {Float32Array} */ (context.logits);
      return stream.advance(logits, (drawn) => expectation.of(logits, drawn, alternatives));
    });
    const read = live.map(({ stream }) => stream.ended !== "end of document");
    if (read.includes(true)) {
      const contexts = live.filter((_, i) => read[i]).map(({ context }) => context);
      await readEach(contexts, tokens.filter((_, i) => read[i]));
      clock.model += contexts[0].model.lastRun;
    }
    const due = performance.now() - shown >= FRAME;
    if (due) shown = performance.now();
    for (const pen of live) if (pen.stream.ended) pen.finish(clock);
    const frames = live.filter(({ stream }) => due || stream.ended).map((pen) => pen.frame(clock));
    const written = live[0].stream.written; // as much as of the others
    live = live.filter(({ stream }) => !stream.ended);
    const until = pace && live.length ? clock.began + (1000 * written) / pace : undefined;
    clock.away += yield { frames, until };
  }
  for (const pen of live) pen.finish(clock);
  yield { frames: live.map((pen) => pen.frame(clock)) };
}

/** Where the time goes, in milliseconds. */
class Clock {
  began = performance.now();
  away = 0; // waiting for the pace, and for other models
  model = 0; // inside the model's steps

  get #busy() {
    return performance.now() - this.began - this.away;
  }

  get ownShare() {
    return Math.max(0, 1 - this.model / this.#busy);
  }

  /** @param {number} tokens */
  figures(tokens) {
    const seconds = (performance.now() - this.began) / 1000;
    return { tokens, seconds, tokensPerSecond: tokens / seconds, millisecondsPerToken: this.#busy / tokens };
  }
}

/** @param {WriteOptions} options */
function checkOptions({ num_tokens, stop = [], memory, sampling }) {
  const problems = [
    num_tokens >= 1 ? "" : `the number of tokens is ${num_tokens}, but must be at least 1`,
    stop.includes("") ? "a stop text is empty" : "",
    memory === undefined || memory >= 1 ? "" : `memory is ${memory}, but must be at least 1 token`,
    ...samplingProblems(sampling),
  ].filter(Boolean);
  if (problems.length) throw new EngineError("usage", `${problems.join("; ")}.`);
}

/**
 * The same bounds as janelm.SamplingConfig's.
 * @param {Sampling} sampling
 */
function samplingProblems(sampling) {
  const { temperature, top_k, top_p, min_p, repetition_penalty, no_repeat_ngram_size, seed } = sampling;
  return [
    temperature >= 0 && temperature < Infinity ? "" : `temperature is ${temperature}, but must be 0 or more`,
    Number.isInteger(top_k) && top_k >= 0 ? "" : `top-k is ${top_k}, but must be 0 (off) or a whole number above`,
    top_p > 0 && top_p <= 1 ? "" : `top-p is ${top_p}, but must be above 0 and at most 1 (off)`,
    min_p >= 0 && min_p < 1 ? "" : `min-p is ${min_p}, but must be from 0 (off) to under 1`,
    repetition_penalty >= 0.01 && repetition_penalty <= 100
      ? ""
      : `the repetition penalty is ${repetition_penalty}, but must be from 0.01 to 100 (1 is off)`,
    Number.isInteger(no_repeat_ngram_size) && no_repeat_ngram_size >= 0
      ? ""
      : `the size of n-grams is ${no_repeat_ngram_size}, but must be 0 (off) or a whole number above`,
    ...furtherProblems({ ...OFF, ...sampling }),
    Number.isSafeInteger(seed) ? "" : `the seed is ${seed}, but must be a whole number`,
  ];
}

/** @param {import("./types.js").FullSampling} sampling */
function furtherProblems(sampling) {
  const { penalty_window: window, penalty_slope: slope, dry_multiplier, dry_base, dry_allowed_length: allowed, favour, ban } = sampling;
  const shifts = /** @type {const} */ (["presence_penalty", "frequency_penalty", "favour_strength"]).map((name) =>
    Math.abs(sampling[name]) <= 100 ? "" : `${name} is ${sampling[name]}, but must be from -100 to 100 (0 is off)`,
  );
  return [
    ...shifts,
    Number.isInteger(window) && window >= 0 ? "" : `penalty_window is ${window}, but must be 0 (all) or more`,
    slope >= 0 && slope <= 1 ? "" : `penalty_slope is ${slope}, but must be from 0 (off) to 1`,
    dry_multiplier >= 0 && dry_multiplier <= 100
      ? ""
      : `dry_multiplier is ${dry_multiplier}, but must be from 0 (off) to 100`,
    dry_base >= 1 && dry_base <= 8 ? "" : `dry_base is ${dry_base}, but must be from 1 to 8`,
    Number.isInteger(allowed) && allowed >= 1 ? "" : `dry_allowed_length is ${allowed}, but must be at least 1`,
    [...favour, ...ban].every((word) => word.trim()) ? "" : "a word that is favoured or banned is empty",
  ];
}
