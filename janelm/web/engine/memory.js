/**
 * The memory of step.wasm (or step-relaxed.wasm), in which weights, states and all that a step reads and writes lie.
 */

/**
 * @typedef {object} StepExports  what janelm/engines/native/page.cpp gives; addresses are numbers
 * @property {WebAssembly.Memory} memory
 * @property {(bytes: number) => number} allocate  0 where there is no room
 * @property {(address: number) => void} release
 * @property {Step} transformer
 * @property {Step} lstm
 * @property {(model: number, tokens: number, batch: number, time: number, texts: number, logits: number,
 *   looks: number) => void} transformer_each
 * @property {Lay} lay_floats
 * @property {Lay} lay_halves
 * @property {Lay} lay_bytes
 */

/**
 * @typedef {(model: number, tokens: number, batch: number, time: number, position: bigint, before: number, first: number,
 *   second: number, window: number, slots: number, logits: number, looks: number) => void} Step
 */

/**
 * @typedef {(from: number, rows: number, columns: number, turned: boolean, to: number) => void} Lay
 */

const TYPES = { int8: Int8Array, uint32: Uint32Array, float32: Float32Array, float64: Float64Array, int64: BigInt64Array };

/** @typedef {keyof typeof TYPES} Type */

/**
 * Numbers in the memory, all zeros at first.
 * @template {Type} T
 */
export class Room {
  #memory;
  #Numbers;
  #length;
  /** @type {InstanceType<(typeof TYPES)[T]> | null} */
  #view = null;

  /**
   * @param {Memory} memory
   * @param {T} type
   * @param {number[]} dims
   */
  constructor(memory, type, dims) {
    this.#memory = memory;
    this.#Numbers = TYPES[type];
    this.dims = dims;
    this.#length = dims.reduce((a, b) => a * b, 1);
    this.address = memory.allocate(this.#length * this.#Numbers.BYTES_PER_ELEMENT);
    this.data.fill(/** @type {never} */ (type === "int64" ? 0n : 0));
  }

  /** The numbers, where they are: to be asked for anew after each step, in which memory may grow. */
  get data() {
    const { buffer } = this.#memory;
    if (this.#view?.buffer !== buffer) {
      this.#view = /** @type {any} */ (new this.#Numbers(buffer, this.address, this.#length));
    }
    return /** @type {InstanceType<(typeof TYPES)[T]>} */ (this.#view);
  }

  /** Give the memory back. */
  free() {
    if (this.address) this.#memory.release(this.address);
    this.address = 0;
  }
}

export class Memory {
  #exports;

  /** @param {StepExports} exports */
  constructor(exports) {
    this.#exports = exports;
  }

  get buffer() {
    return this.#exports.memory.buffer;
  }

  /** @param {number} bytes */
  allocate(bytes) {
    const address = bytes < 2 ** 32 ? this.#exports.allocate(bytes) >>> 0 : 0;
    if (!address) throw new Error(`out of memory: could not allocate ${bytes} bytes`);
    return address;
  }

  /** @param {number} address */
  release(address) {
    this.#exports.release(address);
  }

  /**
   * @template {Type} T
   * @param {T} type
   * @param {number[]} dims
   */
  tensor(type, dims) {
    return new Room(this, type, dims);
  }

  /**
   * Numbers put into the memory: their address.
   * @param {Type} type
   * @param {ArrayLike<number>} numbers
   */
  put(type, numbers) {
    const room = new Room(this, type, [numbers.length]);
    /** @type {any} */ (room.data).set(numbers);
    return room.address;
  }
}
