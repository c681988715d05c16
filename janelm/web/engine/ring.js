/**
 * States of a transformer that ONNX Runtime steps, and the choice among those of all graphs.
 *
 * @import { Description, RingDescription } from "./types.js"
 * @import { HeapTensor, Session } from "./session.js"
 * @import { Inputs, Outputs, State } from "./states.js"
 */

import { product } from "./session.js";
import { reachOf, RecentTokens, ReplacedState, sizesOf } from "./states.js";
import { WindowState } from "./window_state.js";

/**
 * The state before the first token.
 * @param {Pick<Session, "tensor">} session
 * @param {Description} description
 * @param {number} [memory]  tokens to look back on, where the model has such a limit
 * @returns {State}
 */
export function initialState(session, description, memory) {
  if (!description.ring) return new ReplacedState(session, description);
  const ring = new RingState(session, description, memory);
  return "positions" in description.ring.inputs ? new WindowState(ring) : ring;
}

const FIRST_SLOTS = 64; // the ring grows with the text, since every step reads all of it

/**
 * A ring of slots that the steps' new rows are written into: the row of position p goes to slot p modulo the slots.
 * What a row overwrites is put aside, so that the state can go back as far as it looks back.
 */
export class RingState {
  position = 0;
  longestChunk;
  reach;
  #memory;
  #frequencies;
  #rings;
  #slots = 0;
  #longestAgo = 0; // the earliest position that `rewind` reaches
  /** @type {number[]} the position of the token in each slot, or −1 */
  #held = [];
  /** @type {HeapTensor<"float32">[]} cosine and sine, where positions turn */
  #turns = [];
  /** @type {HeapTensor<"int64"> | null} where they are learned */
  #positions = null;
  #mask;
  /** @type {HeapTensor<"float32"> | null} the token before, where bigrams count */
  #last = null;
  #recent;
  /** @type {Inputs} */
  #inputs;

  /**
   * @param {Pick<Session, "tensor">} session
   * @param {Description} description
   * @param {number} [memory]
   */
  constructor(session, description, memory) {
    const ring = /** @type {RingDescription} */ (description.ring);
    this.#memory = ring.memory;
    this.longestChunk = Math.min(memory ?? ring.memory, ring.memory);
    this.reach = reachOf(description.config, this.longestChunk);
    this.#recent = new RecentTokens(this.longestChunk + 1);
    const { base = 0, size = 0 } = ring;
    this.#frequencies = Float64Array.from({ length: size / 2 }, (_, i) => base ** ((-2 * i) / size));
    const states = description.states.filter(({ update }) => update === "ring");
    this.#rings = states.map((state) => {
      const rows = session.tensor("float32", sizesOf(state.shape, { past: 0 }));
      return new Ring(state.output, rows, state.shape.indexOf("past"));
    });
    this.#mask = session.tensor("float32", [0]);
    this.#inputs = { mask: this.#mask };
    if ("positions" in ring.inputs) {
      this.#inputs.positions = this.#positions = session.tensor("int64", [0]);
    } else {
      this.#turns = [session.tensor("float32", [0]), session.tensor("float32", [0])];
      [this.#inputs.cosine, this.#inputs.sine] = this.#turns;
    }
    for (const [i, { name }] of states.entries()) this.#inputs[name] = this.#rings[i].rows;
    const last = description.states.find(({ update }) => update === "replace");
    if (last) this.#inputs[last.name] = this.#last = session.tensor("float32", sizesOf(last.shape));
    this.#grow(Math.min(FIRST_SLOTS, this.longestChunk));
  }

  /** @param {number} slots */
  #grow(slots) {
    while (this.#held.length < slots) this.#held.push(-1); // the ring only grows before it first comes round
    for (const ring of this.#rings) ring.grow(slots);
    this.#slots = slots;
  }

  /** @param {number} count */
  inputs(count) {
    let slots = this.#slots;
    while (slots < Math.min(this.position + count, this.longestChunk)) slots *= 2;
    if (slots !== this.#slots) this.#grow(Math.min(slots, this.longestChunk));
    if (this.#positions) this.#number(this.#positions, count);
    else this.#turn(count);
    this.#hide(count);
    if (this.#last) this.#last.data[0] = this.#recent.before(this.position);
    return this.#inputs;
  }

  /**
   * @param {HeapTensor<"int64">} positions
   * @param {number} count
   */
  #number(positions, count) {
    positions.resize([count]);
    for (let t = 0; t < count; t++) positions.data[t] = BigInt(this.position + t);
  }

  /** @param {number} count */
  #turn(count) {
    const half = this.#frequencies.length;
    for (const tensor of this.#turns) tensor.resize([1, count, half]);
    const [cosine, sine] = this.#turns.map((tensor) => tensor.data);
    for (let t = 0, at = 0; t < count; t++) {
      for (let i = 0; i < half; i++, at++) {
        const angle = (this.position + t) * this.#frequencies[i];
        cosine[at] = Math.cos(angle);
        sine[at] = Math.sin(angle);
      }
    }
  }

  /** @param {number} count */
  #hide(count) {
    const slots = this.#slots;
    const reach = Math.min(this.#memory, slots);
    this.#mask.resize([count, slots + count]);
    const mask = this.#mask.data;
    for (let t = 0, at = 0; t < count; t++) {
      const earliest = Math.max(0, this.position + t - reach);
      for (let slot = 0; slot < slots; slot++) mask[at++] = this.#held[slot] >= earliest ? 0 : -Infinity;
      for (let other = 0; other < count; other++) {
        mask[at++] = other <= t && this.position + other >= earliest ? 0 : -Infinity;
      }
    }
  }

  /**
   * @param {Outputs} outputs
   * @param {number} count
   * @param {number[]} tokens
   */
  update(outputs, count, tokens) {
    this.#recent.take(tokens, this.position);
    for (const ring of this.#rings) {
      const { data } = outputs[ring.output];
      for (let t = 0; t < count; t++) ring.write((this.position + t) % this.#slots, data, t, count);
    }
    for (let t = 0; t < count; t++) {
      this.#held[this.position % this.#slots] = this.position;
      this.position++;
    }
    this.#longestAgo = Math.max(this.#longestAgo, this.position - this.#slots);
  }

  /** @param {number} position */
  rewind(position) {
    const target = position < this.#longestAgo ? 0 : position;
    if (target === 0) {
      this.#held.fill(-1);
      this.#longestAgo = 0;
      this.position = 0;
    }
    while (this.position > target) {
      this.position--;
      const slot = this.position % this.#slots;
      const before = this.position - this.#slots;
      this.#held[slot] = Math.max(-1, before);
      if (before >= 0) for (const ring of this.#rings) ring.restore(slot);
    }
    return target;
  }

  /** @param {number} count */
  passOver(count) {
    this.#grow(this.longestChunk);
    this.#held.fill(-1);
    this.position += count;
    this.#longestAgo = this.position + this.reach; // what is read before that is not right
  }

  /**
   * Which positions the last step's token looked at: one for each slot, −1 where it was empty, then its own.
   * @returns {number[]}
   */
  columns() {
    const own = this.position - 1;
    const seen = this.#held.map((at) => (at === own ? own - this.#slots : at));
    return [...seen.map((at) => Math.max(-1, at)), own];
  }

  free() {
    for (const tensor of Object.values(this.#inputs)) tensor.free();
  }
}

/** One state's rows: (blocks, slots, size), where blocks are the axes before the slots together, and size those after. */
class Ring {
  #overwritten = new Float32Array(0); // (slots, blocks, size): a row's numbers side by side
  #slots = 0;
  #axis;

  /**
   * @param {string} output  of the graph, with new rows
   * @param {HeapTensor<"float32">} rows
   * @param {number} axis  of the slots
   */
  constructor(output, rows, axis) {
    this.output = output;
    this.rows = rows;
    this.#axis = axis;
    this.blocks = product(rows.dims.slice(0, axis));
    this.size = product(rows.dims.slice(axis + 1));
  }

  /** @param {number} slots */
  grow(slots) {
    const before = this.rows.data.slice();
    const had = this.#slots * this.size;
    this.rows.resize(this.rows.dims.map((size, axis) => (axis === this.#axis ? slots : size)));
    const rows = this.rows.data;
    for (let block = 0; block < this.blocks; block++) {
      rows.set(before.subarray(block * had, (block + 1) * had), block * slots * this.size);
    }
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
    const { size } = this;
    const rows = this.rows.data;
    const overwritten = this.#overwritten;
    let aside = slot * this.blocks * size;
    for (let block = 0; block < this.blocks; block++) {
      const to = (block * this.#slots + slot) * size;
      const source = (block * count + t) * size;
      for (let i = 0; i < size; i++) {
        overwritten[aside++] = rows[to + i];
        rows[to + i] = from[source + i];
      }
    }
  }

  /**
   * Put back what the last row in a slot overwrote.
   * @param {number} slot
   */
  restore(slot) {
    const rows = this.rows.data;
    for (let block = 0; block < this.blocks; block++) {
      const aside = (slot * this.blocks + block) * this.size;
      rows.set(this.#overwritten.subarray(aside, aside + this.size), (block * this.#slots + slot) * this.size);
    }
  }
}
