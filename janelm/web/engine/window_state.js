/**
 * The state of a model that learned its positions: a ring that is filled once. When the window is full, the second half
 * of its tokens is read again as the beginning of the next one. Its twins are janelm/architectures/gpt2.py and
 * janelm/engines/onnx_engine.py.
 *
 * @import { RingState } from "./ring.js"
 * @import { Outputs } from "./states.js"
 */

export class WindowState {
  position = 0;
  longestChunk;
  reach;
  #ring;
  #window;
  #kept;
  /** @type {number[]} of this window */
  #tokens = [];
  #rightFrom = 0; // the position from which on all is as if it had been read

  /** @param {RingState} ring */
  constructor(ring) {
    this.#ring = ring;
    this.longestChunk = ring.longestChunk;
    this.reach = this.#window = ring.longestChunk + 1;
    this.#kept = Math.floor(this.#window / 2);
  }

  /** The position of the window's first token. */
  get #begin() {
    return this.position - this.#tokens.length;
  }

  /** @param {number[]} tokens */
  *parts(tokens) {
    for (let begin = 0; begin < tokens.length; ) {
      if (this.#tokens.length === this.#window) {
        const again = this.#tokens.slice(this.#window - this.#kept);
        this.position -= this.#kept;
        this.#tokens = [];
        this.#ring.rewind(0);
        yield this.#expected(again);
      }
      const room = Math.min(this.#window - this.#tokens.length, this.longestChunk);
      const part = tokens.slice(begin, begin + room);
      yield this.#expected(part);
      begin += part.length;
    }
  }

  /** @param {number[]} tokens  that are read next */
  #expected(tokens) {
    this.#tokens.push(...tokens);
    return tokens;
  }

  /** @param {number} count */
  inputs(count) {
    return this.#ring.inputs(count);
  }

  /**
   * @param {Outputs} outputs
   * @param {number} count
   * @param {number[]} tokens
   */
  update(outputs, count, tokens) {
    this.#ring.update(outputs, count, tokens);
    this.position += count;
  }

  /**
   * @param {number} position
   * @returns {number}
   */
  rewind(position) {
    // What stood further back would have been read in the window before, of which nothing is left.
    const earliest = Math.max(this.#begin ? this.#begin + this.#kept : 0, this.#rightFrom);
    const target = position < earliest ? 0 : position;
    const left = target ? target - this.#begin : 0;
    if (this.#ring.rewind(left) !== left) return this.rewind(0);
    if (!target) this.#rightFrom = 0;
    this.#tokens.length = left;
    this.position = target;
    return target;
  }

  /** @param {number} count */
  passOver(count) {
    const over = this.#tokens.length + count - this.#window;
    const length = over <= 0 ? over + this.#window : this.#kept + 1 + ((over - 1) % (this.#window - this.#kept));
    this.#ring.rewind(0);
    this.#ring.passOver(length);
    this.#tokens = new Array(length).fill(0);
    this.position += count;
    this.#rightFrom = this.position + this.reach;
  }

  columns() {
    return this.#ring.columns().map((at) => (at < 0 ? at : at + this.#begin));
  }

  free() {
    this.#ring.free();
  }
}
