/** Look inside: the text by tokens, what might come next, and the inside of the model. */

import { data, find, make, paced } from "./elements.js";
import { nextBars } from "./bars.js";
import { Insides } from "./insides.js";
import { t } from "./language.js";
import { lensRoom } from "./rooms.js";
import { Ribbon } from "./tokens.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("../engine/types.js").TokenInfo} TokenInfo */

/**
 * Builds the panel.
 * @param {Session} session
 * @returns {() => void}  to be called when the panel is shown
 */
export function inspectView(session) {
  const view = new InspectView(session);
  return () => view.refresh();
}

class InspectView {
  #panel = find("panel-inspect");
  #shading = make("select", { id: "shading" });
  #legend = surpriseLegend();
  #whole = make("button", { type: "button", class: "quiet", hidden: true }, "Show the start of the text too");
  #figures = make("p", { class: "help" });
  #ribbon;
  #bars;
  #insides;
  /** @type {TokenInfo | null} the token whose inside is wanted; null: the last one */
  #pinned = null;
  /** @type {Map<number, number> | null} how much each token, by its start, is looked at */
  #weights = null;
  /** @type {Map<number, number> | null} what a unit of an LSTM was at each */
  #units = null;
  #showLens;

  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    this.#bars = nextBars(session);
    this.#ribbon = new Ribbon(
      (known, { start }, { text }) => known === session.known() && void session.branch(start, text),
      (token) => {
        this.#pinned = token;
        void this.#look();
      },
    );
    this.#insides = new Insides((weights) => {
      this.#weights = weights;
      this.#shade();
    });
    const pair = make("div", { class: "pair" }, this.#bars.element, this.#insides.element);
    this.#showLens = lensRoom(session, pair, {
      text: () => this.#lookedAt(),
      shade: (weights) => {
        this.#units = weights;
        this.#shading.value = "unit";
        this.#shade();
      },
    });
    const label = make("label", { class: "field", htmlFor: "shading" }, "Colour by ", this.#shading);
    const sheet = make("div", { class: "sheet" }, this.#whole, this.#ribbon.element, this.#figures);
    this.#panel.replaceChildren(
      make("div", { class: "reading" }, make("div", { class: "inspect-head" }, label, this.#legend), sheet),
      pair,
    );
    this.#listen();
    this.#offerShadings();
  }

  #listen() {
    const { session } = this;
    this.#shading.addEventListener("change", () => this.#shade());
    this.#whole.addEventListener("click", () => void this.#read(true));
    this.#insides.element.addEventListener("click", (event) => {
      if (!event.isTrusted || !(/** @type {Element} */ (event.target).closest(".head-button"))) return;
      this.#shading.value = "attention";
      this.#shade();
    });
    const show = paced(() => this.#show());
    session.addEventListener("frame", () => this.#panel.hidden || show());
    session.addEventListener("view", () => this.#show());
    session.addEventListener("writing", () => this.refresh());
    session.notebook.addEventListener("change", () => session.known() || this.refresh());
    session.addEventListener("model", () => {
      this.#offerShadings();
      this.refresh();
    });
  }

  /** Bring the panel to what the text is now, unless it is being written or nobody looks. */
  refresh() {
    if (!this.#panel.hidden && !this.session.busy) void this.#read();
  }

  async #read(whole = false) {
    try {
      await this.session.read(whole);
    } catch (error) {
      return this.session.fail(error);
    }
    this.#show();
    await this.#look();
  }

  #show() {
    const known = this.session.known();
    this.#bars.show();
    if (!known) return;
    this.#ribbon.show(known, this.session.flowing);
    this.#whole.hidden = !known.from;
    this.#figures.textContent = summary(known.tokens);
  }

  async #look() {
    const { engine, name, settings, busy } = this.session;
    const known = this.session.known();
    const pinned = this.#pinned;
    if (busy || !known || this.#panel.hidden) return;
    if (!engine.canLook(name)) return this.#insides.say("The graph of this model does not show its inside.");
    const text = this.#lookedAt();
    this.#showLens();
    try {
      const found = await engine.look(name, text, { memory: settings.memory ?? undefined });
      const still = known === this.session.known() && pinned === this.#pinned;
      if (still && !this.#panel.hidden) this.#insides.show(found, text);
    } catch (error) {
      this.session.fail(error);
    }
  }

  /** The text up to the token whose inside is wanted. */
  #lookedAt() {
    const { text } = this.session.notebook;
    return this.#pinned ? text.slice(0, this.#pinned.end) : text;
  }

  #shade() {
    const by = this.#shading.value;
    this.#ribbon.shade(by === "attention" ? this.#weights : by === "unit" ? this.#units : null);
    this.#ribbon.element.classList.toggle("plain", by === "nothing");
    this.#legend.hidden = by !== "surprise";
  }

  #offerShadings() {
    const { engine, model, name } = this.session;
    const before = this.#shading.value;
    const attends = model.kind !== "lstm" && engine.canLook(name);
    const names = attends ? ["surprise", "attention", "nothing"] : ["surprise", "unit", "nothing"];
    this.#shading.replaceChildren(...names.map((one) => make("option", { value: one }, t(one))));
    this.#shading.value = names.includes(before) ? before : "surprise";
    this.#shade();
  }
}

/** @param {TokenInfo[]} tokens */
function summary(tokens) {
  if (!tokens.length) return t("There is no text yet.");
  const bits = tokens.reduce((sum, token) => sum + token.bits, 0) / tokens.length;
  return t("{count} tokens, {bits} bits each on average. Point at one, or choose it, for what the model thought of instead.", {
    count: tokens.length,
    bits: bits.toFixed(2),
  });
}

function surpriseLegend() {
  const steps = [0, 2, 4, 6, 8, 10, 12].map((bits) => {
    const swatch = make("span", { class: "token" }, String(bits));
    swatch.style.setProperty("--bits", String(bits));
    return swatch;
  });
  return make("p", { class: "legend" }, data(`${t("expected")} `), ...steps, " bits: a surprise");
}
