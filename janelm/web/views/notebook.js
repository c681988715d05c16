/** The text, and all that was done to it: a tree of pages, of which undo and redo walk one branch. */

/** @typedef {import("./settings.js").Settings} Settings */

/**
 * @typedef {Object} Origin  how the last part of the text came to be, as long as nobody has changed it since
 * @property {string} model
 * @property {number} from  where the part begins, in UTF-16 units
 * @property {Settings} settings  with the number of tokens that were in fact written
 */

/**
 * @typedef {Object} Page  a text as it was at one time, and those that came from it
 * @property {string} text
 * @property {Origin | null} origin
 * @property {Page | null} parent
 * @property {Page[]} children  the oldest first
 * @property {Page | null} next  the child that redo goes to
 * @property {boolean} marked  whether somebody wants to find it again
 */

const MOST_PAGES = 400;
const PAUSE = 1000; // milliseconds between two key strokes that make them two edits

/** Dispatches "change" whenever its text does, and "tree" when another page is marked. */
export class Notebook extends EventTarget {
  /** @type {Page} */
  #page = page("", null, null);
  /** @type {Page | null} where redo went before a step was begun */
  #forgone = null;
  #lastEdit = -Infinity;

  get text() {
    return this.#page.text;
  }

  get origin() {
    return this.#page.origin;
  }

  /** The page that is open. */
  get page() {
    return this.#page;
  }

  get root() {
    let root = this.#page;
    while (root.parent) root = root.parent;
    return root;
  }

  get canUndo() {
    return this.#page.parent !== null;
  }

  get canRedo() {
    return this.#page.next !== null;
  }

  /**
   * Begin anew, without a past.
   * @param {string} text
   * @param {Origin | null} [origin]
   */
  open(text, origin = null) {
    this.#turn(page(text, origin, null));
  }

  /**
   * What a person typed; key strokes in quick succession are one edit.
   * @param {string} text
   */
  edit(text) {
    if (text === this.text) return;
    const now = performance.now();
    const goesOn = now - this.#lastEdit <= PAUSE && !this.origin && !this.#page.children.length;
    if (!goesOn || !this.#page.parent) this.#grow(text);
    this.#lastEdit = now;
    this.#write(text, null);
  }

  /**
   * A step of its own, which `append` makes longer; or several from one place, of which the first is open.
   * @param {string} text  what it starts with
   * @param {number} [number]
   * @returns {Page[]}
   */
  begin(text, number = 1) {
    const from = this.#page;
    this.#forgone = from.next;
    const pages = Array.from({ length: number }, () => {
      this.#page = from;
      return this.#grow(text);
    });
    [this.#page] = pages;
    from.next = this.#page;
    this.#tell("change");
    return pages;
  }

  /** As if a step that was begun had never been. @param {Page} [page] */
  abandon(page = this.#page) {
    const { parent } = page;
    if (!parent) return;
    parent.children = parent.children.filter((one) => one !== page);
    if (parent.next === page) parent.next = this.#forgone;
    if (page === this.#page) this.#turn(parent);
    else this.#tell("tree");
  }

  /** @type {(text: string, page?: Page) => void}  more of it */
  append(text, page = this.#page) {
    if (text) this.#write(page.text + text, null, page);
  }

  /** A step that was begun is done. @type {(origin: Origin, page?: Page) => void} */
  finish(origin, page = this.#page) {
    this.#write(page.text, origin, page);
  }

  undo() {
    const { parent } = this.#page;
    if (!parent) return;
    parent.next = this.#page;
    this.#turn(parent);
  }

  redo() {
    if (this.#page.next) this.#turn(this.#page.next);
  }

  /** @param {Page} page  of this tree, to be open now */
  go(page) {
    for (let one = page; one.parent; one = one.parent) one.parent.next = one;
    this.#turn(page);
  }

  /** @param {Page} page */
  mark(page) {
    page.marked = !page.marked;
    this.#tell("tree");
  }

  /** @param {Page} page  that is dropped with all that came from it; its parent is open if it was */
  drop(page) {
    const { parent } = page;
    if (!parent) return;
    const inside = [...branch(page)].includes(this.#page);
    parent.children = parent.children.filter((one) => one !== page);
    if (parent.next === page) parent.next = parent.children.at(-1) ?? null;
    if (inside) this.#turn(parent);
    else this.#tell("tree");
  }

  /** @param {string} text  of a new page after this one */
  #grow(text) {
    const parent = this.#page;
    this.#page = page(text, null, parent);
    parent.children.push(this.#page);
    parent.next = this.#page;
    this.#lastEdit = -Infinity;
    this.#prune();
    return this.#page;
  }

  /** Forget the oldest leaf that nobody marked and that does not lead here, where there are too many pages. */
  #prune() {
    const all = [...branch(this.root)];
    if (all.length <= MOST_PAGES) return;
    const old = all.find((one) => one.parent && !one.children.length && !one.marked && one !== this.#page);
    if (old) this.drop(old);
    else this.#shorten();
  }

  /** Of a tree without branches, forget the first page. */
  #shorten() {
    const [second] = this.root.children;
    if (second && this.root.children.length === 1) second.parent = null;
  }

  /** @type {(text: string, origin: Origin | null, page?: Page) => void} */
  #write(text, origin, page = this.#page) {
    page.text = text;
    page.origin = origin;
    this.#tell(page === this.#page ? "change" : "tree");
  }

  /** @param {Page} page */
  #turn(page) {
    this.#page = page;
    this.#lastEdit = -Infinity;
    this.#tell("change");
  }

  /** @param {string} name */
  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}

/** @type {(text: string, origin: Origin | null, parent: Page | null) => Page} */
export function page(text, origin, parent) {
  return { text, origin, parent, children: [], next: null, marked: false };
}

/**
 * A page and all that came from it, each before what came from it.
 * @param {Page} first
 * @returns {Iterable<Page>}
 */
export function* branch(first) {
  const waiting = [first];
  for (let one = waiting.pop(); one; one = waiting.pop()) {
    yield one;
    waiting.push(...one.children.toReversed());
  }
}
