/** The text, and all that was done to it: edits and writings that can be undone and done again. */

/** @typedef {import("./settings.js").Settings} Settings */

/**
 * @typedef {Object} Origin  how the last part of the text came to be, as long as nobody has changed it since
 * @property {string} model
 * @property {number} from  where the part begins, in UTF-16 units
 * @property {Settings} settings  with the number of tokens that were in fact written
 */

/** @typedef {{text: string, origin: Origin | null}} Page */

const MOST_STEPS = 300;
const PAUSE = 1000; // milliseconds between two key strokes that make them two edits

/** Dispatches "change" whenever its text does. */
export class Notebook extends EventTarget {
  /** @type {Page} */
  #page = { text: "", origin: null };
  /** @type {Page[]} */
  #past = [];
  /** @type {Page[]} */
  #future = [];
  /** @type {Page[]} what could be done again before a step was begun */
  #forgone = [];
  #lastEdit = -Infinity;

  get text() {
    return this.#page.text;
  }

  get origin() {
    return this.#page.origin;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /**
   * Begin anew, without a past.
   * @param {string} text
   * @param {Origin | null} [origin]
   */
  open(text, origin = null) {
    this.#past = [];
    this.#future = [];
    this.#show({ text, origin });
  }

  /**
   * What a person typed; key strokes in quick succession are one edit.
   * @param {string} text
   */
  edit(text) {
    if (text === this.text) return;
    const now = performance.now();
    if (now - this.#lastEdit > PAUSE || this.origin) this.#remember();
    this.#lastEdit = now;
    this.#future = [];
    this.#show({ text, origin: null });
  }

  /**
   * A step of its own, which `append` makes longer.
   * @param {string} text  what it starts with
   */
  begin(text) {
    this.#forgone = this.#future;
    this.#remember();
    this.#show({ text, origin: null });
  }

  /** As if the step that was begun had never been. */
  abandon() {
    const page = this.#past.pop();
    this.#future = this.#forgone;
    if (page) this.#show(page);
  }

  /** @param {string} text  more of it */
  append(text) {
    if (text) this.#show({ text: this.text + text, origin: null });
  }

  /**
   * The step that was begun is done.
   * @param {Origin} origin
   */
  finish(origin) {
    this.#show({ text: this.text, origin });
  }

  undo() {
    const page = this.#past.pop();
    if (page) this.#turn(this.#future, page);
  }

  redo() {
    const page = this.#future.pop();
    if (page) this.#turn(this.#past, page);
  }

  /** @type {(keep: Page[], page: Page) => void} */
  #turn(keep, page) {
    keep.push(this.#page);
    this.#lastEdit = -Infinity;
    this.#show(page);
  }

  #remember() {
    this.#past.push(this.#page);
    if (this.#past.length > MOST_STEPS) this.#past.shift();
    this.#future = [];
    this.#lastEdit = -Infinity;
  }

  /** @param {Page} page */
  #show(page) {
    this.#page = page;
    this.dispatchEvent(new Event("change"));
  }
}
