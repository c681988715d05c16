/**
 * What the page calls. The engine lives in a worker, so that nothing it does stops the page.
 *
 *     const engine = new Engine(manifest, { base: document.baseURI });
 *     await engine.load("austen", (progress) => …);
 *     const writing = engine.write("austen", { text, num_tokens: 200, sampling }, (frame) => …);
 *     writing.stop();
 *     const summary = await writing.done;
 *
 * Whatever fails rejects with an EngineError: a sentence for the reader, and its kind. Once a model is loaded, the
 * service worker, if the page has registered one, is told to keep the page's files.
 *
 * @import { Frame, Lens, Loaded, Look, Manifest, ModelEntry, Progress, ReadOptions, Reading,
 *           Sampling, Score, Span, Summary, Units, WriteOptions, Writing } from "./types.js"
 * @import { Question } from "./protocol.js"
 * @import { Listeners, WithoutId } from "./calls.js"
 * @import { Tokenizer } from "./tokenizer.js"
 */

import { Calls } from "./calls.js";
import { asEngineError, EngineError, withoutWebAssembly } from "./errors.js";
import { compileRuntime, fetchModel, forgetOthers, readOpened, tellKeeper, wasmOf } from "./loader.js";
import { Sampler } from "./sampler.js";
import { tokenizerFromJSON } from "./tokenizer.js";

/**
 * @typedef {object} StartingRuntime
 * @property {Promise<void>} compiled
 * @property {boolean} started
 * @property {number} arrived  bytes
 * @property {Set<() => void>} listeners  told when more arrive
 */

export class Engine {
  #manifest;
  #base;
  /** @type {Calls | null} */
  #calls = null;
  /** @type {StartingRuntime | null} */
  #runtime = null;
  /** @type {Map<string, Promise<Loaded>>} */
  #loads = new Map();
  /** @type {Map<string, Tokenizer>} */
  #tokenizers = new Map();
  /** @type {Map<string, Blob>} files of models that are not the page's own */
  #opened = new Map();

  /**
   * Starts the worker, and the download of its runtime.
   * @param {Manifest} manifest
   * @param {{base?: string | URL}} [options]  what the manifest's addresses are relative to: the page's own by default
   */
  constructor(manifest, { base = document.baseURI } = {}) {
    this.#manifest = manifest;
    this.#base = base;
    this.#start();
  }

  /**
   * Load a model beside those that are loaded; a second call for the same one returns what the first did. After a
   * failure it may be called again.
   * @param {string} name
   * @param {(progress: Progress) => void} [onProgress]
   * @returns {Promise<Loaded>}
   */
  load(name, onProgress = () => {}) {
    let load = this.#loads.get(name);
    if (!load) {
      load = this.#load(name, onProgress);
      this.#loads.set(name, load);
      load.catch(() => this.#loads.delete(name));
    }
    return load;
  }

  /**
   * Add a model that was checked, and is not the page's own, for this visit.
   * @param {ModelEntry} entry  of a new name
   * @param {Blob} file
   */
  add(entry, file) {
    this.#manifest.models.push(entry);
    this.#opened.set(entry.name, file);
  }

  /** @param {string} name  of a model that was added */
  remove(name) {
    const { models } = this.#manifest;
    if (this.#opened.delete(name)) models.splice(models.findIndex((model) => model.name === name), 1);
    this.#tokenizers.delete(name);
  }

  /**
   * The manifest's entry of a model. Throws an EngineError where there is none.
   * @param {string} name
   * @returns {ModelEntry}
   */
  entry(name) {
    const entry = this.#manifest.models.find((model) => model.name === name);
    if (!entry) throw new EngineError("usage", `This page has no model “${name}”.`);
    return entry;
  }

  /**
   * How many tokens before a token the model can look back on; null for an LSTM, whose state knows no such limit.
   * @param {string} name
   * @returns {number | null}
   */
  memory(name) {
    return this.entry(name).description.ring?.memory ?? null;
  }

  /**
   * The characters of `text` that the model's vocabulary cannot say, each once, in order of appearance.
   * @param {string} name
   * @param {string} text
   * @returns {string[]}
   */
  unknownCharacters(name, text) {
    const tokenizer = this.#tokenizer(name);
    return tokenizer.unknownCharacters(tokenizer.asTrained(text));
  }

  /**
   * Cut a text into the model's tokens. The model need not be loaded.
   * @param {string} name
   * @param {string} text
   * @returns {Span[]}
   */
  tokens(name, text) {
    return this.#tokenizer(name).spans(text);
  }

  /**
   * Read a text from its start, token by token from `options.from` on, and say how well the model expected each.
   * The first token of a running text is judged after a line break, that of a document after its start.
   * @param {string} name
   * @param {string} text
   * @param {ReadOptions} [options]
   * @returns {Promise<Reading>}
   */
  read(name, text, { onProgress, signal, ...options } = {}) {
    return this.#ask({ call: "read", name, text, options }, { onProgress, signal }).answer;
  }

  /**
   * Write on after `options.text`. The same text, settings and seed write the same tokens as `janelm.generate`.
   * Writings on several models take turns token by token. A text that was just read or written is not read again.
   * @param {string} name
   * @param {WriteOptions} options
   * @param {(frame: Frame) => void} onFrame
   * @returns {Writing}
   */
  write(name, options, onFrame) {
    const { stop, done } = this.writeEach(name, options, [options.sampling.seed], onFrame);
    return { stop, done: done.then(([summary]) => summary) };
  }

  /**
   * The same once with each of the seeds, side by side where the model can: each text is the one that it writes alone.
   * @param {string} name
   * @param {WriteOptions} options
   * @param {number[]} seeds
   * @param {(frame: Frame) => void} onFrame
   * @returns {{stop: () => void, done: Promise<Summary[]>}}
   */
  writeEach(name, { onProgress, ...options }, seeds, onFrame) {
    const { answer, stop } = this.#ask({ call: "write", name, options, seeds }, { onProgress, onFrame });
    return { stop, done: answer };
  }

  /**
   * The inside of the model at the last token of `text`. Attention needs a graph that shows it: see `canLook`.
   * @param {string} name
   * @param {string} text
   * @param {{memory?: number}} [options]
   * @returns {Promise<Look>}
   */
  look(name, text, options = {}) {
    return this.#ask({ call: "look", name, text, options }).answer;
  }

  /**
   * What each layer would say after `text`; only the page's own step can tell.
   * @param {string} name
   * @param {string} text
   * @param {{memory?: number}} [options]
   * @returns {Promise<Lens>}
   */
  lens(name, text, options = {}) {
    return this.#ask({ call: "lens", name, text, options }).answer;
  }

  /**
   * How far back each head of a transformer looks, on average along the end of `text`.
   * @param {string} name
   * @param {string} text
   * @param {{memory?: number}} [options]
   * @returns {Promise<import("./types.js").Distances>}
   */
  distances(name, text, options = {}) {
    return this.#ask({ call: "distances", name, text, options }).answer;
  }

  /**
   * The numbers of an LSTM's state that change most along the end of `text`.
   * @param {string} name
   * @param {string} text
   * @param {{memory?: number}} [options]
   * @returns {Promise<Units>}
   */
  units(name, text, options = {}) {
    return this.#ask({ call: "units", name, text, options }).answer;
  }

  /**
   * Whether `look` has something to show for a model.
   * @param {string} name
   * @returns {boolean}
   */
  canLook(name) {
    const { served, description } = this.entry(name);
    return !served && (Boolean(description.attention) || !description.ring);
  }

  /**
   * Bits per byte of a text, as `janelm score` counts them; a text that only changed near its end is scored quickly.
   * Rejects with kind "usage" for an empty one.
   * @param {string} name
   * @param {string} text
   * @param {Pick<ReadOptions, "onProgress" | "signal">} [options]
   * @returns {Promise<Score>}
   */
  score(name, text, options = {}) {
    return this.#ask({ call: "score", name, text }, options).answer;
  }

  /**
   * How likely the draw takes each token next under sampling settings, from logits that the engine gave: no model runs,
   * so bars can follow a slider. At temperature 0 the likeliest has all.
   * @param {string} name
   * @param {Float32Array} logits  (V)
   * @param {Sampling} sampling
   * @param {Iterable<number>} [written]  the tokens of the text, for the rules against repetition
   * @returns {Float64Array}  (V), 0 for tokens that are ruled out
   */
  probabilities(name, logits, sampling, written = []) {
    const { neverWritten, spelling } = this.#tokenizer(name);
    const sampler = new Sampler(sampling, neverWritten, spelling);
    sampler.note(written, true);
    const p = sampler.weigh(logits);
    const total = p.reduce((sum, value) => sum + value, 0);
    return p.map((value) => value / total);
  }

  /**
   * The text of a token, as it stands in an Alternative.
   * @param {string} name
   * @param {number} token
   */
  textOf(name, token) {
    return this.#tokenizer(name).decode([token]);
  }

  /** End the worker and give back its memory. What is under way rejects, with kind "failed". */
  terminate() {
    this.#stop(new EngineError("failed", "The engine was ended."));
  }

  #start() {
    this.#runtime = null;
    if (typeof WebAssembly !== "object") return; // `load` says so
    const { runtime } = this.#manifest;
    const absolute = (/** @type {string} */ address) => new URL(address, this.#base).href;
    const calls = new Calls((error) => this.#stop(error));
    this.#calls = calls;
    const glue = runtime.glue && absolute(runtime.glue);
    calls.send({ call: "runtime", addresses: { glue, integrity: runtime.integrity } });
    /** @type {StartingRuntime} */
    const starting = { compiled: Promise.resolve(), started: false, arrived: 0, listeners: new Set() };
    const count = (/** @type {number} */ bytes) => {
      starting.arrived += bytes;
      for (const listener of starting.listeners) listener();
    };
    starting.compiled = compileRuntime(runtime, this.#base, count).then((module) => {
      calls.send({ call: "wasm", module });
    });
    starting.compiled.catch(() => this.#restart(starting)); // `load` says so
    this.#runtime = starting;
  }

  /** @param {EngineError} error */
  #stop(error) {
    this.#calls?.end(error);
    this.#calls = null;
    this.#runtime = null;
    this.#loads.clear();
  }

  /**
   * @param {string} name
   * @param {(progress: Progress) => void} onProgress
   * @returns {Promise<Loaded>}
   */
  async #load(name, onProgress) {
    const began = performance.now();
    const entry = this.entry(name);
    if (typeof WebAssembly !== "object") throw withoutWebAssembly();
    if (!this.#runtime) this.#start();
    if (entry.served) return this.#serve(entry, began);
    const runtime = /** @type {StartingRuntime} */ (this.#runtime);
    const runtimeBytes = runtime.started ? 0 : wasmOf(this.#manifest.runtime).wasm_bytes;
    const total = entry.bytes + (entry.adapter?.bytes ?? 0) + runtimeBytes;
    let arrived = 0;
    const report = () => {
      onProgress({ loaded: arrived + (runtimeBytes && runtime.arrived), total, stage: "download" });
    };
    runtime.listeners.add(report);
    report();
    try {
      const count = (/** @type {number} */ bytes) => {
        arrived += bytes;
        if (runtime.listeners.has(report)) report(); // and the load has not failed
      };
      const opened = this.#opened.get(name);
      const model = opened ? readOpened(entry, opened, count) : fetchModel(entry, this.#base, count);
      const addition = entry.adapter && fetchModel({ name, ...entry.adapter }, this.#base, count);
      await Promise.all([model, addition, runtime.compiled]);
      const [{ bytes, cached }, adapter] = [await model, (await addition)?.bytes];
      onProgress({ loaded: total, total, stage: "start" });
      const asked = { call: /** @type {const} */ ("load"), name, bytes, description: entry.description, adapter };
      const started = this.#ask(asked, {}, [bytes.buffer]).answer;
      started.catch(() => runtime.started || this.#restart(runtime));
      await started;
      runtime.started = true;
      forgetOthers(this.#manifest.models, this.#base).catch(() => {});
      tellKeeper("keep");
      return { milliseconds: performance.now() - began, bytes: total, cached };
    } catch (error) {
      throw Object.assign(asEngineError(error, `the model “${name}” could not be loaded`), { model: name });
    } finally {
      runtime.listeners.delete(report);
    }
  }

  /**
   * @param {ModelEntry} entry  of a model that a server runs
   * @param {number} began
   * @returns {Promise<Loaded>}
   */
  async #serve({ name, served, description }, began) {
    const address = new URL(/** @type {string} */ (served), this.#base).href;
    await this.#ask({ call: "load", name, bytes: new Uint8Array(0), served: address, description }).answer;
    return { milliseconds: performance.now() - began, bytes: 0, cached: false };
  }

  /**
   * After a runtime that did not start: the next load tries again.
   * @param {StartingRuntime} failed
   */
  #restart(failed) {
    if (this.#runtime === failed) this.#stop(new EngineError("failed", "The runtime could not be started."));
  }

  /**
   * @param {WithoutId<Question>} question
   * @param {Listeners} [listeners]
   * @param {Transferable[]} [transfer]
   * @returns {ReturnType<Calls["ask"]>}
   */
  #ask(question, listeners, transfer) {
    if (this.#calls) return this.#calls.ask(question, listeners, transfer);
    const error = new EngineError("failed", "The engine is not running: load a model first.");
    return { answer: Promise.reject(error), stop: () => {} };
  }

  /** @param {string} name */
  #tokenizer(name) {
    let tokenizer = this.#tokenizers.get(name);
    if (!tokenizer) {
      const { description } = this.entry(name);
      tokenizer = tokenizerFromJSON(description.tokenizer, description.prompts);
      this.#tokenizers.set(name, tokenizer);
    }
    return tokenizer;
  }
}
