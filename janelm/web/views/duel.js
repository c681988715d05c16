/** Two models side by side: the same beginning, settings and seed; each with its speed and its score. */

import { debounced, make, section, unlessAborted } from "./elements.js";
import { flowing } from "./flow.js";
import { modelTitle } from "./masthead.js";
import { samplingOf } from "./settings.js";
import { announce, ending, speed } from "./status.js";

/** @typedef {import("./session.js").Session} Session */

class Side {
  menu = make("select", {});
  #prompt = make("span", { class: "given" });
  #written = make("span", {});
  #figures = make("p", { class: "figures" });
  #score = make("p", { class: "score" });
  /** @type {HTMLElement} */
  element;

  /**
   * @param {Session} session
   * @param {string} id
   * @param {string} name  of the model that it begins with
   */
  constructor(session, id, name) {
    this.session = session;
    this.menu.id = id;
    const fill = (/** @type {string} */ chosen) => {
      this.menu.replaceChildren(
        ...session.manifest.models.map((model) => make("option", { value: model.name }, modelTitle(model))),
      );
      this.menu.value = chosen;
    };
    session.addEventListener("models", () => fill(this.menu.value));
    fill(name);
    const label = make(
      "label",
      { class: "field", htmlFor: id },
      make("span", { class: "unseen" }, "Model "),
      this.menu,
    );
    const text = make("div", {
      class: "prose side-text",
      dir: "auto",
      lang: session.engine.entry(name).language ?? "",
      tabIndex: 0,
      role: "region",
      "aria-label": `What ${name} writes`,
    });
    text.append(this.#prompt, this.#written);
    this.menu.addEventListener("change", () => {
      text.setAttribute("aria-label", `What ${this.menu.value} writes`);
      text.lang = session.engine.entry(this.menu.value).language ?? "";
      this.clear("");
      this.#score.textContent = "";
    });
    this.element = make("article", { class: "side" }, label, this.#score, text, this.#figures);
  }

  /** @param {string} prompt */
  clear(prompt) {
    this.#prompt.textContent = prompt;
    this.#written.textContent = "";
    this.#figures.textContent = "";
  }

  /** @param {AbortSignal} signal */
  async load(signal) {
    const { value: name } = this.menu;
    const news = !this.session.loaded.has(name);
    if (news) this.#score.textContent = `Loading ${name} …`;
    try {
      await unlessAborted(this.session.ensure(name), signal);
    } finally {
      if (news) this.#score.textContent = "";
    }
  }

  /** @type {(prompt: string, signal: AbortSignal) => Promise<void>} */
  async write(prompt, signal) {
    const { settings, engine } = this.session;
    const { num_tokens, stop, memory, pace } = settings;
    const request = {
      text: prompt,
      num_tokens,
      sampling: samplingOf(settings),
      stop,
      memory: memory ?? undefined,
      pace,
    };
    this.clear(prompt);
    let text = prompt;
    const { stop: end, done } = engine.write(this.menu.value, request, (frame) => {
      text += frame.text;
      this.#written.textContent = (this.session.flowing ? flowing(text) : text).slice(prompt.length);
      this.#figures.textContent = speed(frame);
    });
    signal.addEventListener("abort", end);
    const summary = await done;
    this.#figures.textContent = `${ending(summary.reason)} ${speed(summary)}`;
  }

  /**
   * Say how well the model expected the text.
   * @type {(text: string, signal: AbortSignal) => Promise<void>}
   */
  async score(text, signal) {
    if (!text) return void (this.#score.textContent = "");
    await this.load(signal);
    const { bitsPerByte } = await this.session.engine.score(this.menu.value, text, { signal });
    this.#score.replaceChildren(make("strong", {}, bitsPerByte.toFixed(2)), " bits per byte on what you typed");
  }
}

export class Duel {
  #input = make("textarea", { id: "both", class: "prose", dir: "auto", rows: 3, spellcheck: false, autocomplete: "off" });
  #button = make("button", { type: "button", class: "primary" }, "Write both");
  #recipe = make("span", { class: "figures" });
  #session;
  #panel;
  #sides;
  /** @type {AbortController | null} */
  #writing = null;
  #scoring = new AbortController();
  /** @type {HTMLElement} */
  element;

  /**
   * @param {Session} session
   * @param {HTMLElement} panel  that it stands in
   */
  constructor(session, panel) {
    this.#session = session;
    this.#panel = panel;
    const { models } = session.manifest;
    const second = models.find(({ kind }) => kind !== models[0].kind) ?? models[1];
    this.#sides = [new Side(session, "left-model", models[0].name), new Side(session, "right-model", second.name)];
    this.element = section(
      "duel",
      "Side by side",
      "Both begin with your words, with the same seed and settings. Bits per byte say how well a model " +
        "expected what you typed: lower is better, and the figure means the same for every model.",
      make("div", { class: "sheet small" }, make("label", { htmlFor: "both" }, "Your words"), this.#input),
      make("div", { class: "buttons" }, this.#button, this.#recipe),
      make("div", { class: "sides" }, ...this.#sides.map((side) => side.element)),
    );
    this.#listen();
    this.#showRecipe();
  }

  /** To be called when the panel is shown. */
  show() {
    const { model, notebook } = this.#session;
    this.#input.value ||= model.example.prompt || notebook.text.slice(0, 200);
    void this.#score();
  }

  #listen() {
    this.#button.addEventListener("click", () => void this.#both());
    this.#input.addEventListener(
      "input",
      debounced(400, () => void this.#score()),
    );
    for (const side of this.#sides) side.menu.addEventListener("change", () => void this.#score());
    this.#panel.addEventListener("keydown", (event) => {
      const go = event.key === "Enter" && (event.ctrlKey || event.metaKey);
      if (go ? !this.#writing : event.key === "Escape" && this.#writing) void this.#both();
    });
    this.#session.addEventListener("settings", () => this.#showRecipe());
    this.#session.addEventListener("load", () => {
      const { loading, loaded } = this.#session;
      if (!loading && this.#sides.every((side) => loaded.has(side.menu.value))) void this.#score();
    });
  }

  #showRecipe() {
    const { seed, temperature, num_tokens } = this.#session.settings;
    this.#recipe.textContent = `seed ${seed} · temperature ${temperature} · ${num_tokens} tokens`;
  }

  async #score() {
    this.#scoring.abort();
    if (this.#panel.hidden || this.#writing) return;
    const { signal } = (this.#scoring = new AbortController());
    try {
      for (const side of this.#sides) await side.score(this.#input.value, signal);
    } catch (error) {
      this.#session.fail(error);
    }
  }

  /** Let both write, or stop them. */
  async #both() {
    if (this.#writing) return this.#writing.abort();
    this.#scoring.abort();
    this.#session.stop();
    const writing = new AbortController();
    this.#mark(writing);
    announce("Both models write");
    try {
      for (const side of this.#sides) await side.load(writing.signal);
      await this.#write(this.#input.value, writing);
      announce("Both models are done");
    } catch (error) {
      this.#session.fail(error);
    }
    this.#mark(null);
    void this.#score();
  }

  /** @param {AbortController | null} writing */
  #mark(writing) {
    this.#writing = writing;
    this.#button.textContent = writing ? "Stop" : "Write both";
    for (const side of this.#sides) side.menu.disabled = writing !== null;
  }

  /** @type {(prompt: string, writing: AbortController) => Promise<void>} */
  async #write(prompt, writing) {
    const both = this.#sides.map((side) => side.write(prompt, writing.signal));
    for (const one of both) one.catch(() => writing.abort()); // neither goes on alone
    await Promise.allSettled(both);
    await Promise.all(both);
  }
}
