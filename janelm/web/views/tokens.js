/** The text as the tokens that the model sees, each shaded, each open for a look at what else it might have been. */

import { data, find, make } from "./elements.js";
import { flowing } from "./flow.js";
import { t } from "./language.js";
import { percent } from "./numbers.js";

/** @typedef {import("../engine/types.js").TokenInfo} TokenInfo */
/** @typedef {import("../engine/types.js").Alternative} Alternative */
/** @typedef {import("./session.js").Known} Known */

/**
 * How a token is shown where it stands alone: with its spaces and line breaks visible.
 * @param {string} text
 */
export function visible(text) {
  if (text === "") return t("end of the text");
  return text.replaceAll("\n", "↵").replaceAll("\t", "⇥").replace(/^ | $/g, "␣");
}

/**
 * The same, its marks fainter than its letters.
 * @param {string} text
 */
export function nameOf(text) {
  const parts = visible(text)
    .split(/([␣↵⇥]+)/)
    .filter((part) => part !== "");
  const marked = parts.map((part) => (/[␣↵⇥]/.test(part) ? make("i", { "aria-hidden": "true" }, data(part)) : data(part)));
  return make(
    "span",
    { class: "name" },
    ...marked,
    text.trim() ? null : make("span", { class: "unseen" }, data(spoken(text))),
  );
}

/**
 * How a token is said.
 * @param {string} text
 */
export function spoken(text) {
  if (text.trim() !== "") return text.trim();
  if (text === "") return t("end of the text");
  return t(text.includes("\n") ? "line break" : text.includes("\t") ? "tab" : "space");
}

/** Whether the text of an alternative can be put in: part of a character or the end of a text cannot. */
export function isWritable(/** @type {string} */ text) {
  return text !== "" && !text.includes("\uFFFD");
}

/** A list of tokens that reads like a page. */
export class Ribbon {
  #list = make("div", {
    class: "prose ribbon",
    dir: "auto",
    role: "listbox",
    "aria-label": "Tokens of the text",
    "aria-orientation": "horizontal",
  });
  #card = make("div", { class: "card", role: "group", hidden: true });
  element = make("div", { class: "ribbon-frame" }, this.#list, this.#card);
  /** @type {Known | null} */
  #known = null;
  #shown = 0; // how many of its tokens
  #flow = false;
  /** @type {HTMLElement | null} the token whose card is open */
  #open = null;
  /** @type {HTMLElement | null} the one that was clicked, whose card stays */
  #pinned = null;
  #timer = 0;

  /**
   * @param {(known: Known | null, token: TokenInfo, alternative: Alternative) => void} onBranch
   * @param {(token: TokenInfo | null) => void} onPin
   */
  constructor(onBranch, onPin) {
    this.onBranch = onBranch;
    this.onPin = onPin;
    this.#list.addEventListener("pointerover", (event) => {
      if (event.pointerType === "mouse" && !this.#pinned) this.#later(60, () => this.#show(optionOf(event)));
    });
    this.element.addEventListener("pointerleave", () => {
      if (!this.#pinned) this.#later(250, () => this.#show(null));
    });
    this.#card.addEventListener("pointerenter", () => clearTimeout(this.#timer));
    this.#list.addEventListener("click", (event) => this.#pin(optionOf(event)));
    this.#list.addEventListener("focusin", (event) => {
      if (!this.#pinned) this.#show(optionOf(event));
    });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("focusout", (event) => {
      const next = /** @type {Node | null} */ (event.relatedTarget);
      if (!next || !this.element.contains(next)) this.#later(200, () => !this.#pinned && this.#show(null));
    });
    document.addEventListener("pointerdown", (event) => {
      if (this.#pinned && !this.element.contains(/** @type {Node} */ (event.target))) this.#pin(null);
    });
  }

  /**
   * Show the tokens of a text; those that are shown already stay as they are.
   * @param {Known} known
   * @param {boolean} flow  whether line breaks that only wrap a paragraph are shown as spaces
   */
  show(known, flow) {
    const focused = this.element.contains(document.activeElement);
    if (known !== this.#known || known.tokens.length < this.#shown || flow !== this.#flow) {
      this.#pin(null);
      this.#list.replaceChildren();
      this.#known = known;
      this.#flow = flow;
      this.#shown = 0;
    }
    const page = flow ? flowing(known.text) : known.text;
    const news = document.createDocumentFragment();
    for (; this.#shown < known.tokens.length; this.#shown++) {
      const { start, end, bits } = known.tokens[this.#shown];
      if (start === end) continue; // the first part of a character, which is shown with its last
      const text = known.text.slice(start, end);
      const option = make("span", { class: "token", role: "option", tabIndex: -1, "aria-selected": "false" });
      option.dataset.place = String(this.#shown);
      option.style.setProperty("--bits", String(Math.min(bits, 12)));
      option.setAttribute("aria-label", t("{word}, {bits} bits", { word: spoken(text), bits: bits.toFixed(1) }));
      if (text.includes("\n")) option.append(make("i", {}, "↵"));
      option.append(page.slice(start, end));
      news.append(option);
    }
    this.#list.append(news);
    if (this.#list.querySelector("[tabindex='0']")) return;
    const last = /** @type {HTMLElement | null} */ (this.#list.lastElementChild);
    this.#roving(last);
    if (focused && last) this.#focus(last);
  }

  /**
   * Shade by something else than surprise.
   * @param {Map<number, number> | null} weights  by where a token starts, from 0 to 1; null: by surprise again; below 0 it is cool
   */
  shade(weights) {
    this.#list.classList.toggle("weighted", weights !== null);
    if (!weights || !this.#known) return;
    for (const option of this.#options()) {
      const { start } = this.#known.tokens[Number(option.dataset.place)];
      const weight = weights.get(start) ?? 0;
      option.style.setProperty("--weight", String(Math.abs(weight)));
      option.style.setProperty("--tone", weight < 0 ? "var(--cool)" : "var(--accent)");
    }
  }

  #options() {
    return /** @type {Iterable<HTMLElement>} */ (/** @type {unknown} */ (this.#list.children));
  }

  /** @type {(milliseconds: number, action: () => void) => void} */
  #later(milliseconds, action) {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(action, milliseconds);
  }

  /** @param {HTMLElement | null} option */
  #roving(option) {
    this.#list.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    if (option) option.tabIndex = 0;
  }

  /** @param {HTMLElement | null} option */
  #pin(option) {
    if (option === this.#pinned) option = null;
    const before = this.#pinned;
    this.#pinned?.setAttribute("aria-selected", "false");
    this.#pinned = option;
    option?.setAttribute("aria-selected", "true");
    this.#show(option);
    if (option !== before) this.onPin(option && this.#token(option));
  }

  /** @param {HTMLElement} option  whose card stays closed */
  #focus(option) {
    option.focus({ preventScroll: true });
    this.#show(null);
  }

  /** @param {HTMLElement} option */
  #token(option) {
    return /** @type {Known} */ (this.#known).tokens[Number(option.dataset.place)];
  }

  /** @param {HTMLElement | null} option */
  #show(option) {
    clearTimeout(this.#timer);
    this.#open?.classList.remove("open");
    this.#open = option;
    this.#card.hidden = !option;
    if (!option) return;
    option.classList.add("open");
    this.#roving(option);
    this.#fill(option);
    this.#place(option);
  }

  /** @param {HTMLElement} option */
  #fill(option) {
    const info = this.#token(option);
    const text = this.#known?.text.slice(info.start, info.end) ?? "";
    const said = t("{bits} bits: the model gave it {share}", { bits: info.bits.toFixed(1), share: percent(2 ** -info.bits) });
    this.#card.setAttribute("aria-label", t("Instead of {word}", { word: spoken(text) }));
    const rows = info.top.map((alternative) => {
      const own = alternative.token === info.token;
      const row = make(
        "button",
        { type: "button", class: own ? "bar own" : "bar", disabled: own || !isWritable(alternative.text) },
        nameOf(alternative.text),
        make("span", { class: "unseen" }, ", "),
        make("span", { class: "share" }, percent(alternative.probability)),
      );
      row.style.setProperty("--share", String(alternative.probability));
      row.addEventListener("click", () => {
        this.#pin(null);
        this.#focus(option);
        this.onBranch(this.#known, info, alternative);
      });
      return row;
    });
    const hint = info.top.length ? "Choose another, and writing goes on from there." : "";
    this.#card.replaceChildren(
      make("p", { class: "word" }, nameOf(text)),
      make("p", { class: "help" }, said),
      make("div", { class: "bars" }, ...rows),
      make("p", { class: "help" }, hint),
    );
  }

  /** @param {HTMLElement} option */
  #place(option) {
    const { style } = this.#card;
    style.maxHeight = "none";
    const frame = this.element.getBoundingClientRect();
    const rects = option.getClientRects();
    const last = rects[rects.length - 1] ?? option.getBoundingClientRect();
    const card = this.#card.getBoundingClientRect();
    const room = { above: last.top - 12, below: find("toolbar").getBoundingClientRect().top - last.bottom - 12 };
    const below = room.below >= card.height || room.below >= room.above;
    const height = Math.min(card.height, Math.max(below ? room.below : room.above, 160));
    style.maxHeight = `${height}px`;
    style.left = `${Math.max(0, Math.min(last.left - frame.left - 16, frame.width - card.width))}px`;
    style.top = `${below ? last.bottom - frame.top + 4 : last.top - frame.top - height - 4}px`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape" && this.#open) {
      event.preventDefault();
      const option = this.#open;
      this.#pin(null);
      this.#focus(option);
      return;
    }
    const option = optionOf(event);
    if (!option) return;
    const next = neighbour(option, event.key);
    if (next) {
      event.preventDefault();
      if (this.#pinned) this.#pin(null);
      this.#roving(next);
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      if (event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      if (option !== this.#pinned) this.#pin(option);
      /** @type {HTMLElement | null} */ (this.#card.querySelector("button:enabled"))?.focus();
    }
  }
}

/** @param {Event} event */
function optionOf(event) {
  return /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest?.("[role=option]"));
}

/**
 * The token that an arrow key leads to.
 * @param {HTMLElement} option
 * @param {string} key
 */
function neighbour(option, key) {
  const list = /** @type {HTMLElement} */ (option.parentElement);
  if (key === "Home") return /** @type {HTMLElement} */ (list.firstElementChild);
  if (key === "End") return /** @type {HTMLElement} */ (list.lastElementChild);
  if (key === "ArrowRight") return /** @type {HTMLElement | null} */ (option.nextElementSibling);
  if (key === "ArrowLeft") return /** @type {HTMLElement | null} */ (option.previousElementSibling);
  if (key !== "ArrowUp" && key !== "ArrowDown") return null;
  const step = key === "ArrowUp" ? "previousElementSibling" : "nextElementSibling";
  const here = option.getBoundingClientRect();
  let best = null;
  let line = null;
  for (let one = option[step]; one; one = one[step]) {
    const rect = one.getBoundingClientRect();
    if (Math.abs(rect.top - here.top) < 4) continue;
    line ??= rect.top;
    if (Math.abs(rect.top - line) >= 4) break;
    if (!best || Math.abs(rect.left - here.left) < Math.abs(best.getBoundingClientRect().left - here.left)) best = one;
  }
  return /** @type {HTMLElement | null} */ (best);
}
