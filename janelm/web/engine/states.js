/**
 * What a model carries from step to step, as its graph describes it: see janelm/export/graphs.py.
 *
 * A state gives a step its inputs, takes in its outputs, and can go back to an earlier position, so that a text that
 * was changed near its end need not be read anew.
 *
 * @import { Description, RingDescription } from "./types.js"
 * @import * as Ort from "onnxruntime-common"
 */

/** @typedef {Record<string, Ort.Tensor>} Tensors */

/**
 * @typedef {object} State
 * @property {number} position  tokens read so far
 * @property {number} longestChunk  tokens that a step may read
 * @property {(count: number) => Tensors} inputs  for the next `count` tokens
 * @property {(outputs: Tensors, count: number) => void} update  after the step
 * @property {(position: number) => number} rewind  go back to `position`, or where that is forgotten to an earlier
 *                                                  one; returns the position reached
 * @property {() => number[]} [columns]  of a ring: see there
 */

/**
 * The state before the first token.
 * @param {typeof Ort.Tensor} Tensor
 * @param {Description} description
 * @param {number} [memory]  tokens to look back on, where the model has such a limit
 * @returns {State}
 */
export function initialState(Tensor, description, memory) {
  return description.ring ? new RingState(Tensor, description, memory) : new ReplacedState(Tensor, description);
}

const KEPT_STATES = 256;

/** States that each step returns whole. They are small, so the last ones are kept to go back to. */
class ReplacedState {
  position = 0;
  longestChunk = Infinity;
  #names;
  /** @type {Tensors} */
  #tensors = {};
  /** @type {Map<number, Tensors>} by position, in rising order */
  #kept = new Map();

  /**
   * @param {typeof Ort.Tensor} Tensor
   * @param {Description} description
   */
  constructor(Tensor, description) {
    this.#names = description.states.map(({ name, output }) => ({ name, output }));
    for (const { name, shape } of description.states) {
      const sizes = shape.map((size) => (typeof size === "number" ? size : 1));
      this.#tensors[name] = new Tensor("float32", new Float32Array(product(sizes)), sizes);
    }
    this.#kept.set(0, this.#tensors);
  }

  inputs() {
    return this.#tensors;
  }

  /**
   * @param {Tensors} outputs
   * @param {number} count
   */
  update(outputs, count) {
    this.#tensors = {};
    for (const { name, output } of this.#names) this.#tensors[name] = outputs[output];
    this.position += count;
    this.#kept.set(this.position, this.#tensors);
    if (this.#kept.size > KEPT_STATES) {
      const [, oldest] = this.#kept.keys(); // the first is position 0, which is always there
      this.#kept.delete(oldest);
    }
  }

  /** @param {number} position */
  rewind(position) {
    for (const kept of [...this.#kept.keys()].reverse()) {
      if (kept <= position) break;
      this.#kept.delete(kept);
    }
    const last = [...this.#kept].at(-1);
    if (last) [this.position, this.#tensors] = last;
    return this.position;
  }
}

const FIRST_SLOTS = 64; // the ring grows with the text, since every step reads all of it

/**
 * A ring of slots that the steps' new rows are written into: the row of position p goes to slot p modulo the slots.
 * What a row overwrites is put aside, so that the state can go back as far as it looks back.
 */
class RingState {
  position = 0;
  longestChunk;
  #Tensor;
  #empty;
  #frequencies;
  #rings;
  #slots = 0;
  #longestAgo = 0; // the earliest position that `rewind` reaches
  #positions = new BigInt64Array(0);
  /** @type {Tensors} */
  #ringInputs = {};
  #single;

  /**
   * @param {typeof Ort.Tensor} Tensor
   * @param {Description} description
   * @param {number} [memory]
   */
  constructor(Tensor, description, memory) {
    const ring = /** @type {RingDescription} */ (description.ring);
    const { base, size } = ring.rotation;
    this.#Tensor = Tensor;
    this.#empty = BigInt(ring.slots.empty);
    this.longestChunk = Math.min(memory ?? ring.memory, ring.memory);
    this.#frequencies = Float64Array.from({ length: size / 2 }, (_, i) => base ** ((-2 * i) / size));
    this.#rings = description.states.map((state) => {
      const sizes = state.shape.map((size) => (typeof size === "number" ? size : 1));
      return new Ring(state.name, state.output, sizes.slice(0, ring.axis), sizes.slice(ring.axis + 1));
    });
    this.#single = this.#stepInputs(1);
    this.#grow(Math.min(FIRST_SLOTS, this.longestChunk));
  }

  /** @param {number} slots */
  #grow(slots) {
    const positions = new BigInt64Array(slots).fill(this.#empty);
    positions.set(this.#positions); // the ring only grows before it first comes round
    this.#positions = positions;
    this.#ringInputs = { slots: new this.#Tensor("int64", positions, [slots]) };
    for (const ring of this.#rings) {
      ring.grow(slots);
      this.#ringInputs[ring.name] = new this.#Tensor("float32", ring.rows, [...ring.outer, slots, ...ring.inner]);
    }
    this.#slots = slots;
  }

  /**
   * The inputs that tell of the tokens' positions, and the arrays to write them into.
   * @param {number} count
   */
  #stepInputs(count) {
    const half = this.#frequencies.length;
    const position = new BigInt64Array(1);
    const rotation = new Float32Array(2 * count * half);
    const tensors = {
      position: new this.#Tensor("int64", position, [1]),
      rotation: new this.#Tensor("float32", rotation, [2, count, half]),
    };
    return { position, rotation, tensors };
  }

  /** @param {number} count */
  inputs(count) {
    let slots = this.#slots;
    while (slots < Math.min(this.position + count, this.longestChunk)) slots *= 2;
    if (slots !== this.#slots) this.#grow(Math.min(slots, this.longestChunk));
    const { position, rotation, tensors } = count === 1 ? this.#single : this.#stepInputs(count);
    position[0] = BigInt(this.position);
    const half = this.#frequencies.length;
    for (let t = 0, at = 0; t < count; t++) {
      for (let i = 0; i < half; i++, at++) {
        const angle = (this.position + t) * this.#frequencies[i];
        rotation[at] = Math.cos(angle);
        rotation[at + count * half] = Math.sin(angle);
      }
    }
    return { ...tensors, ...this.#ringInputs };
  }

  /**
   * @param {Tensors} outputs
   * @param {number} count
   */
  update(outputs, count) {
    for (const ring of this.#rings) {
      const rows = /** @type {Float32Array} */ (outputs[ring.output].data);
      for (let t = 0; t < count; t++) ring.write((this.position + t) % this.#slots, rows, t, count);
    }
    for (let t = 0; t < count; t++) {
      this.#positions[this.position % this.#slots] = BigInt(this.position);
      this.position++;
    }
    this.#longestAgo = Math.max(this.#longestAgo, this.position - this.#slots);
  }

  /** @param {number} position */
  rewind(position) {
    const target = position < this.#longestAgo ? 0 : position;
    if (target === 0) {
      this.#positions.fill(this.#empty);
      this.#longestAgo = 0;
      this.position = 0;
    }
    while (this.position > target) {
      this.position--;
      const slot = this.position % this.#slots;
      const before = this.position - this.#slots;
      this.#positions[slot] = before < 0 ? this.#empty : BigInt(before);
      if (before >= 0) for (const ring of this.#rings) ring.restore(slot);
    }
    return target;
  }

  /**
   * Which positions the last step's token looked at: one for each slot, −1 where it was empty, then its own.
   * @returns {number[]}
   */
  columns() {
    const own = this.position - 1;
    const seen = Array.from(this.#positions, Number).map((at) => (at === own ? own - this.#slots : at));
    return [...seen.map((at) => Math.max(-1, at)), own];
  }
}

/** One state's rows: (blocks, slots, size), where blocks are the axes before the slots together, and size those after. */
class Ring {
  rows = new Float32Array(0);
  #overwritten = new Float32Array(0);
  #slots = 0;

  /**
   * @param {string} name
   * @param {string} output
   * @param {number[]} outer  the axes before the slots
   * @param {number[]} inner  those after
   */
  constructor(name, output, outer, inner) {
    this.name = name;
    this.output = output;
    this.outer = outer;
    this.inner = inner;
    this.blocks = product(outer);
    this.size = product(inner);
  }

  /** @param {number} slots */
  grow(slots) {
    const rows = new Float32Array(this.blocks * slots * this.size);
    const had = this.#slots * this.size;
    for (let block = 0; block < this.blocks; block++) {
      rows.set(this.rows.subarray(block * had, (block + 1) * had), block * slots * this.size);
    }
    this.rows = rows;
    this.#overwritten = new Float32Array(rows.length);
    this.#slots = slots;
  }

  /**
   * Copy token t of a step's output (blocks, T, size) into a slot.
   * @param {number} slot
   * @param {Float32Array} from
   * @param {number} t
   * @param {number} count  T
   */
  write(slot, from, t, count) {
    const { rows, size } = this;
    const overwritten = this.#overwritten;
    for (let block = 0; block < this.blocks; block++) {
      const to = (block * this.#slots + slot) * size;
      const source = (block * count + t) * size;
      for (let i = 0; i < size; i++) {
        overwritten[to + i] = rows[to + i];
        rows[to + i] = from[source + i];
      }
    }
  }

  /**
   * Put back what the last row in a slot overwrote.
   * @param {number} slot
   */
  restore(slot) {
    for (let block = 0; block < this.blocks; block++) {
      const at = (block * this.#slots + slot) * this.size;
      this.rows.set(this.#overwritten.subarray(at, at + this.size), at);
    }
  }
}

/** @param {number[]} sizes */
function product(sizes) {
  return sizes.reduce((a, b) => a * b, 1);
}
