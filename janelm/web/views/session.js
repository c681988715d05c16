/** What the views share: the models, the notebook, the settings, and the writing that goes on. */

import { Engine } from "../engine/client.js";
import { unlessAborted } from "./elements.js";
import { isWrapped } from "./flow.js";
import { Notebook } from "./notebook.js";
import { fragment } from "./permalink.js";
import { DEFAULTS, samplingOf } from "./settings.js";

/** @typedef {import("../engine/types.js").Manifest} Manifest */
/** @typedef {import("../engine/types.js").ModelEntry} ModelEntry */
/** @typedef {import("../engine/types.js").TokenInfo} TokenInfo */
/** @typedef {import("../engine/types.js").Frame} Frame */
/** @typedef {import("../engine/types.js").Summary} Summary */
/** @typedef {import("./settings.js").Settings} Settings */

/** @typedef {import("../engine/types.js").Loaded} Loaded */

/**
 * @typedef {Object} Known  what the model makes of a text
 * @property {string} name  of the model
 * @property {number | null} memory
 * @property {string} text
 * @property {number} from  where in the text the tokens begin
 * @property {TokenInfo[]} tokens
 * @property {Float32Array} logits  of the token after the text
 */

const ALTERNATIVES = 10;
const READ_BACK = 2000; // characters of a long text that are looked at one by one, unless all of it is asked for

/**
 * Dispatches "settings", "model" (another one is chosen), "models" (there are others to choose), "load" (progress, and its end), "writing" (begins or ends),
 * "frame" (some tokens more), "reading" (progress of `read`), "view" (`flow`) and "failure" (its detail is the Error).
 */
export class Session extends EventTarget {
  /** @type {Settings} */
  settings = { ...DEFAULTS };
  notebook = new Notebook();
  /** @type {import("../engine/types.js").Progress | null} */
  loading = null;
  /** @type {Map<string, Loaded>} */
  loaded = new Map();
  /** Between the press of Write and the last token. */
  busy = false;
  /** @type {Frame | null} the last one of the writing that goes on, or went on last */
  frame = null;
  /** @type {Summary | null} */
  summary = null;
  /** Whether line breaks that only wrap a paragraph are shown as spaces, where the model writes such. */
  flow = true;
  /** Whether lines run from top to bottom, where the model's language may have it so. */
  vertical = false;
  /** Whether a view wants to know every token that is written. */
  watched = false;
  /** @type {Known | null} */
  reading = null;
  /** @type {import("../engine/types.js").ReadProgress | null} */
  readingProgress = null;

  #stopping = new AbortController(); // of the writing that goes on
  #turns = 0;

  /**
   * @param {Manifest} manifest
   * @param {URL} base
   */
  constructor(manifest, base) {
    super();
    this.manifest = manifest;
    this.engine = new Engine(manifest, { base });
    this.name = manifest.models[0].name;
  }

  /** @returns {ModelEntry} */
  get model() {
    return this.engine.entry(this.name);
  }

  /** Those of the models. */
  get names() {
    return this.manifest.models.map(({ name }) => name);
  }

  /** @param {Partial<Settings>} values */
  change(values) {
    this.settings = { ...this.settings, ...values };
    this.#tell("settings");
  }

  /** Whether the model writes lines of a fixed width. */
  get wraps() {
    return isWrapped(this.model.example.text);
  }

  get flowing() {
    return this.flow && this.wraps;
  }

  /** @param {boolean} flow */
  show(flow) {
    this.flow = flow;
    this.#tell("view");
  }

  /** @param {boolean} vertical */
  turn(vertical) {
    this.vertical = vertical;
    this.#tell("view");
  }

  /** @param {string} name */
  choose(name) {
    this.stop();
    this.name = name;
    this.#tell("model");
    void this.ensure(name).catch((error) => this.fail(error));
  }

  /**
   * Add models of somebody's own to those of the page, and choose the first; it stays as it was where that cannot be
   * started.
   * @param {{entry: ModelEntry, file: Blob}[]} models
   */
  async open(models) {
    for (const { entry, file } of models) {
      for (let number = 2, { name } = entry; this.names.includes(entry.name); number++) entry.name = `${name} ${number}`;
      this.engine.add(entry, file);
    }
    const [{ entry }] = models;
    try {
      await this.ensure(entry.name);
    } catch (error) {
      for (const { entry } of models) this.engine.remove(entry.name);
      throw error;
    }
    this.#tell("models");
    this.choose(entry.name);
  }

  /**
   * The model, loaded once, or anew where the engine has lost it.
   * @param {string} name
   */
  async ensure(name) {
    let shown = null;
    /** @type {(loading: Session["loading"]) => void} */
    const show = (loading) => {
      shown = this.loading = loading;
      this.#tell("load");
    };
    try {
      this.loaded.set(name, await this.engine.load(name, show));
    } finally {
      if (shown) show(null);
    }
  }

  /** Go on after the text, with the next seed if this one wrote what stands there. */
  continue(num_tokens = this.settings.num_tokens) {
    if (this.busy) return;
    const { origin, text } = this.notebook;
    if (origin && origin.settings.seed === this.settings.seed) this.change({ seed: this.settings.seed + 1 });
    return this.#write(text, num_tokens);
  }

  /** Write the last part anew: with the next seed, or with the same one if something else has changed since. */
  retry() {
    const { origin, text } = this.notebook;
    if (this.busy || !origin) return;
    const same = /** @type {(keyof Settings)[]} */ (Object.keys(samplingOf(this.settings))).every(
      (name) => String(origin.settings[name]) === String(this.settings[name]), // some are lists
    );
    if (same && origin.model === this.name && origin.settings.memory === this.settings.memory) {
      this.change({ seed: this.settings.seed + 1 });
    }
    return this.#write(text.slice(0, origin.from));
  }

  /**
   * Put `text` at `start` in place of all that follows, and write on from there.
   * @param {number} start
   * @param {string} text
   * @param {number} num_tokens  0: only put it there
   */
  async branch(start, text, num_tokens = this.settings.num_tokens) {
    if (!(await this.#turn())) return;
    this.notebook.begin(this.notebook.text.slice(0, start) + text);
    if (num_tokens) await this.#write(this.notebook.text, num_tokens);
  }

  /**
   * Write several continuations from one place of the text, each with a seed of its own: branches of the tree.
   * @param {number} start
   * @param {number} number
   */
  async grow(start, number) {
    if (!(await this.#turn())) return;
    const { notebook, settings } = this;
    if (start < notebook.text.length) notebook.begin(notebook.text.slice(0, start));
    const used = notebook.page.children.map(({ origin }) => origin?.settings.seed);
    const seeds = [];
    for (let { seed } = settings; seeds.length < number; seed++) if (!used.includes(seed)) seeds.push(seed);
    this.change({ seed: seeds[0] });
    await this.#write(notebook.text, settings.num_tokens, seeds);
  }

  /**
   * Open what a link describes, and write it.
   * @param {import("./permalink.js").Recipe} recipe
   */
  async replay({ model, prompt, settings }) {
    if (!(await this.#turn())) return;
    this.change(settings);
    if (model !== this.name) this.choose(model);
    if (this.notebook.text) this.notebook.begin(prompt);
    else this.notebook.open(prompt);
    await this.#write(prompt);
  }

  /** The address that writes this text again. */
  link() {
    const { origin, text } = this.notebook;
    const recipe = origin
      ? { model: origin.model, prompt: text.slice(0, origin.from), settings: origin.settings }
      : { model: this.name, prompt: text, settings: this.settings };
    const address = new URL(location.href);
    address.hash = fragment(recipe);
    return address.href;
  }

  stop() {
    this.#stopping.abort();
    this.#abandonReading();
  }

  /**
   * Stop what goes on, and wait for its end.
   * @returns {Promise<boolean>}  whether nobody else has asked for a turn meanwhile
   */
  async #turn() {
    const turn = ++this.#turns;
    this.stop();
    await this.#idle;
    return turn === this.#turns;
  }

  /** @type {Promise<void>} */
  #idle = Promise.resolve();

  /**
   * @param {string} text
   * @param {number} num_tokens
   * @param {number[]} [seeds]  of several texts, of which the first is shown
   */
  #write(text, num_tokens = this.settings.num_tokens, seeds = [this.settings.seed]) {
    this.#idle = this.#writeOn(text, num_tokens, seeds);
    return this.#idle;
  }

  /** @type {(text: string, num_tokens: number, seeds: number[]) => Promise<void>} */
  async #writeOn(text, num_tokens, seeds) {
    const { name, notebook } = this;
    const settings = { ...this.settings };
    this.busy = true;
    const { signal } = (this.#stopping = new AbortController());
    this.frame = null;
    this.summary = null;
    const drafts = notebook.begin(text, seeds.length).map((page, i) => ({ page, seed: seeds[i], written: 0 }));
    /** @type {Summary[]} */
    let summaries = [];
    this.#tell("writing");
    try {
      await unlessAborted(this.ensure(name), signal);
      if (this.watched) await this.read();
      summaries = await this.#run(name, text, settings, num_tokens, signal, drafts);
      [this.summary] = summaries;
      if (this.summary.reason === "stop text") this.reading = null; // it goes on to what came after the text
    } catch (error) {
      this.fail(error);
    }
    this.busy = false;
    this.readingProgress = null;
    for (const [i, { page, seed, written }] of drafts.entries()) {
      // A link to a text that was stopped must stop there too; one that ended by itself will do so again.
      const cut = (summaries[i]?.reason ?? "stopped") === "stopped";
      const count = cut ? (summaries[i]?.tokens ?? written) : num_tokens;
      if (page.text === text) notebook.abandon(page);
      else notebook.finish({ model: name, from: text.length, settings: { ...settings, seed, num_tokens: count } }, page);
    }
    this.#tell("writing");
  }

  /**
   * @type {(name: string, text: string, settings: Settings, num_tokens: number, signal: AbortSignal,
   *   drafts: {page: import("./notebook.js").Page, seed: number, written: number}[]) => Promise<Summary[]>}
   */
  #run(name, text, settings, num_tokens, signal, drafts) {
    const { stop, pace } = settings;
    const memory = settings.memory ?? undefined;
    const known = this.known();
    const request = { text, num_tokens, sampling: samplingOf(settings), stop, memory, pace };
    const onProgress = this.#showReading;
    const alternatives = known ? ALTERNATIVES : 0;
    const seeds = drafts.map(({ seed }) => seed);
    const writing = this.engine.writeEach(name, { ...request, alternatives, onProgress }, seeds, (frame) => {
      this.readingProgress = null;
      const draft = drafts[frame.number];
      draft.written = frame.written;
      if (frame.number) return this.notebook.append(frame.text, draft.page);
      this.frame = frame;
      if (known) {
        known.tokens.push(...frame.tokens);
        known.text += frame.text;
        known.logits = frame.logits;
      }
      this.notebook.append(frame.text, draft.page);
      this.#tell("frame");
    });
    signal.addEventListener("abort", writing.stop);
    return writing.done;
  }

  /**
   * What the model makes of the text as it is now; read only once.
   * @param {boolean} [whole]  from the start of a long text on, rather than its last part
   */
  async read(whole = false) {
    await this.ensure(this.name);
    const known = this.known();
    if (known && !(whole && known.from)) return known;
    const { name, notebook } = this;
    const { text } = notebook;
    const { memory } = this.settings;
    const from = whole ? 0 : Math.max(0, text.length - READ_BACK);
    this.#abandonReading();
    this.#reader = new AbortController();
    const { signal } = this.#reader;
    const options = { from, alternatives: ALTERNATIVES, onProgress: this.#showReading, signal };
    try {
      const reading = await this.engine.read(name, text, { ...options, memory: memory ?? undefined });
      this.reading = { name, memory, text, from, tokens: reading.tokens, logits: reading.logits };
      return this.reading;
    } finally {
      this.#showReading(null);
    }
  }

  /** What `read` found, as long as it is about the text, the model and the memory of now. */
  known() {
    const { reading } = this;
    if (!reading || reading.text !== this.notebook.text) return null;
    return reading.name === this.name && reading.memory === this.settings.memory ? reading : null;
  }

  /** @type {AbortController | null} */
  #reader = null;

  #abandonReading() {
    this.#reader?.abort();
    this.#reader = null;
  }

  /** @param {import("../engine/types.js").ReadProgress | null} progress */
  #showReading = (progress) => {
    this.readingProgress = progress;
    this.#tell("reading");
  };

  /** @param {unknown} error */
  fail(error) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.dispatchEvent(new CustomEvent("failure", { detail: error }));
  }

  /** @param {string} name */
  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
