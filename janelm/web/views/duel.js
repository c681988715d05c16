/** Two or three models side by side: the same beginning, settings and seed; each with its speed and its score. */

import { data, debounced, make, section, unlessAborted } from "./elements.js";
import { flowing } from "./flow.js";
import { t } from "./language.js";
import { modelTitle } from "./masthead.js";
import { partingView } from "./parting.js";
import { samplingOf } from "./settings.js";
import { announce, ending, speed } from "./status.js";

/** @typedef {import("./session.js").Session} Session */

class Side {
  menu = make("select", {});
  written = "";
  #prompt = make("span", { class: "given" });
  #written = make("span", {});
  #figures = make("p", { class: "figures" });
  #score = make("p", { class: "score" });
  #bar = make("progress", { max: 1, value: 0, hidden: true });
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
        ...session.manifest.models.map((model) => make("option", { value: model.name }, data(modelTitle(model)))),
      );
      this.menu.value = chosen;
    };
    session.addEventListener("models", () => fill(this.menu.value));
    fill(name);
    const label = make(
      "label",
      { class: "field", htmlFor: id },
      make("span", { class: "unseen" }, data(`${t("Model")} `)),
      this.menu,
    );
    const text = make("div", { class: "prose side-text", dir: "auto", tabIndex: 0, role: "region" });
    text.append(this.#prompt, this.#written);
    const tell = () => {
      const said = t("What {name} writes", { name: this.menu.value });
      text.setAttribute("aria-label", said);
      this.#bar.setAttribute("aria-label", said);
      text.lang = session.engine.entry(this.menu.value).language ?? "";
    };
    tell();
    this.menu.addEventListener("change", () => {
      tell();
      this.clear("");
      this.#score.textContent = "";
    });
    this.element = make("article", { class: "side" }, label, this.#score, text, this.#bar, this.#figures);
  }

  /** @param {string} prompt */
  clear(prompt) {
    this.#prompt.textContent = prompt;
    this.#written.textContent = "";
    this.#figures.textContent = "";
    this.written = "";
  }

  /** @param {AbortSignal} signal */
  async load(signal) {
    const { value: name } = this.menu;
    const news = !this.session.loaded.has(name);
    if (news) this.#score.textContent = t("Loading {name} …", { name });
    try {
      await unlessAborted(this.session.ensure(name), signal);
    } finally {
      if (news) this.#score.textContent = "";
    }
  }

  /** @type {(prompt: string, race: boolean, clock: () => string, signal: AbortSignal) => Promise<void>} */
  async write(prompt, race, clock, signal) {
    const { settings, engine } = this.session;
    const { num_tokens, stop, memory, pace } = settings;
    const request = {
      text: prompt,
      num_tokens,
      sampling: samplingOf(settings),
      stop,
      memory: memory ?? undefined,
      pace: race ? 0 : pace,
      race,
    };
    this.clear(prompt);
    this.written = prompt;
    this.#bar.hidden = false;
    const { stop: end, done } = engine.write(this.menu.value, request, (frame) => {
      this.written += frame.text;
      this.#written.textContent = (this.session.flowing ? flowing(this.written) : this.written).slice(prompt.length);
      this.#figures.textContent = speed(frame);
      this.#bar.value = frame.written / num_tokens;
    });
    signal.addEventListener("abort", end);
    const summary = await done;
    this.#bar.value = summary.tokens / num_tokens;
    this.#figures.textContent = `${ending(summary.reason)} ${speed(summary)} · ${t("{time} on the clock", { time: clock() })}`;
  }

  /**
   * Say how well the model expected the text.
   * @type {(text: string, signal: AbortSignal) => Promise<void>}
   */
  async score(text, signal) {
    if (!text) return void (this.#score.textContent = "");
    await this.load(signal);
    const { bitsPerByte } = await this.session.engine.score(this.menu.value, text, { signal });
    this.#score.replaceChildren(make("strong", {}, bitsPerByte.toFixed(2)), data(` ${t("bits per byte on what you typed")}`));
  }
}

export class Duel {
  #input = make("textarea", { id: "both", class: "prose", dir: "auto", rows: 3, spellcheck: false, autocomplete: "off" });
  #button = make("button", { type: "button", class: "primary" });
  #third = make("button", { type: "button" });
  #race = make("input", { type: "checkbox", id: "race" });
  #clock = make("output", { class: "clock", "aria-hidden": "true" });
  #recipe = make("span", { class: "figures" });
  #parting = make("div", { class: "parting-place" });
  #session;
  #panel;
  /** @type {Side[]} */
  #all;
  #count = 2;
  /** @type {AbortController | null} */
  #writing = null;
  #scoring = new AbortController();
  #row = make("div", { class: "sides" });
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
    const third = models.find((model) => model !== models[0] && model !== second) ?? models[0];
    this.#all = [
      new Side(session, "left-model", models[0].name),
      new Side(session, "right-model", second.name),
      new Side(session, "third-model", third.name),
    ];
    const race = make("label", { class: "check", htmlFor: "race", title: "Each has the same time, not the same number of tokens: the faster one is done first." }, this.#race, t("Race"));
    this.element = section(
      "duel",
      "Side by side",
      "All begin with your words, with the same seed and settings. Bits per byte say how well a model " +
        "expected what you typed: lower is better, and the figure means the same for every model.",
      make("div", { class: "sheet small" }, make("label", { htmlFor: "both" }, "Your words"), this.#input),
      make("div", { class: "buttons" }, this.#button, this.#third, race, this.#clock, this.#recipe),
      this.#row,
      this.#parting,
    );
    this.#listen();
    this.#showRecipe();
    this.#arrange();
  }

  get #sides() {
    return this.#all.slice(0, this.#count);
  }

  /** To be called when the panel is shown. */
  show() {
    const { model, notebook } = this.#session;
    this.#input.value ||= model.example.prompt || notebook.text.slice(0, 200);
    void this.#score();
  }

  #listen() {
    this.#button.addEventListener("click", () => void this.#write());
    this.#third.addEventListener("click", () => {
      this.#count = 5 - this.#count;
      this.#arrange();
      void this.#score();
    });
    this.#input.addEventListener(
      "input",
      debounced(400, () => void this.#score()),
    );
    for (const side of this.#all) side.menu.addEventListener("change", () => void this.#score());
    this.#panel.addEventListener("keydown", (event) => {
      const go = event.key === "Enter" && (event.ctrlKey || event.metaKey);
      if (go ? !this.#writing : event.key === "Escape" && this.#writing) void this.#write();
    });
    this.#session.addEventListener("settings", () => this.#showRecipe());
    this.#session.addEventListener("load", () => {
      const { loading, loaded } = this.#session;
      if (!loading && this.#sides.every((side) => loaded.has(side.menu.value))) void this.#score();
    });
  }

  /** Show as many sides as are wanted. */
  #arrange() {
    this.#row.replaceChildren(...this.#sides.map((side) => side.element));
    this.#row.classList.toggle("three", this.#count === 3);
    this.#third.textContent = t(this.#count === 3 ? "Two models" : "Three models");
    this.#mark(this.#writing);
  }

  #showRecipe() {
    const { seed, temperature, num_tokens } = this.#session.settings;
    this.#recipe.textContent = t("seed {seed} · temperature {temperature} · {count} tokens", { seed, temperature, count: num_tokens });
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

  /** Let all write, or stop them. */
  async #write() {
    if (this.#writing) return this.#writing.abort();
    this.#scoring.abort();
    this.#session.stop();
    const writing = new AbortController();
    this.#mark(writing);
    this.#parting.replaceChildren();
    announce(t("The models write"));
    try {
      for (const side of this.#sides) await side.load(writing.signal);
      await this.#writeAll(this.#input.value, writing);
      announce(t("The models are done"));
      await this.#showParting(this.#input.value.length);
    } catch (error) {
      this.#session.fail(error);
    }
    this.#mark(null);
    void this.#score();
  }

  /** @param {AbortController | null} writing */
  #mark(writing) {
    this.#writing = writing;
    this.#button.textContent = t(writing ? "Stop" : this.#count === 3 ? "Write all three" : "Write both");
    this.#third.disabled = this.#race.disabled = writing !== null;
    for (const side of this.#all) side.menu.disabled = writing !== null;
  }

  /** @type {(prompt: string, writing: AbortController) => Promise<void>} */
  async #writeAll(prompt, writing) {
    const began = performance.now();
    const clock = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
    const ticking = setInterval(() => (this.#clock.textContent = clock()), 100);
    const all = this.#sides.map((side) => side.write(prompt, this.#race.checked, clock, writing.signal));
    for (const one of all) one.catch(() => writing.abort()); // none goes on alone
    await Promise.allSettled(all);
    clearInterval(ticking);
    this.#clock.textContent = clock();
    await Promise.all(all);
  }

  /** @param {number} from */
  async #showParting(from) {
    const written = this.#sides.map((side) => ({ name: side.menu.value, text: side.written }));
    if (written.some(({ text }) => text.length <= from)) return;
    this.#parting.replaceChildren(await partingView(this.#session, written, from));
  }
}
