/**
 * A graph, run by ONNX Runtime through the C functions that its WebAssembly exports.
 *
 * onnxruntime-web's own JavaScript copies every input into the memory of the WebAssembly at every run. Of a transformer's
 * keys and values that is megabytes for each token, a quarter of its time. Here tensors live in that memory, and a run is
 * only told where. The functions are as lib/wasm/wasm-types.ts of onnxruntime-web declares them, in the version that
 * site/vendor.py pins.
 */

/**
 * @typedef {object} Runtime  ONNX Runtime's WebAssembly, as its glue makes it; addresses and handles are numbers
 * @property {Uint8Array} HEAPU8  its memory: another view of it whenever that has grown
 * @property {(bytes: number) => number} _malloc  0 where there is no room
 * @property {(address: number) => void} _free
 * @property {() => number} stackSave
 * @property {(stack: number) => void} stackRestore
 * @property {(bytes: number) => number} stackAlloc
 * @property {(address: number) => string} UTF8ToString
 * @property {(threads: number, level: number) => number} _OrtInit
 * @property {(code: number, message: number) => number} _OrtGetLastError
 * @property {(optimisation: number, arena: boolean, pattern: boolean, mode: number, profile: boolean, unused: number,
 *   id: number, level: number, verbosity: number, path: number) => number} _OrtCreateSessionOptions
 * @property {(options: number) => number} _OrtReleaseSessionOptions
 * @property {(model: number, bytes: number, options: number) => number | Promise<number>} _OrtCreateSession
 * @property {(level: number, verbosity: number, terminate: boolean, tag: number) => number} _OrtCreateRunOptions
 * @property {(type: number, data: number, bytes: number, dims: number, count: number, place: number) => number
 *   } _OrtCreateTensor
 * @property {(tensor: number, type: number, data: number, dims: number, count: number) => number} _OrtGetTensorData
 * @property {(tensor: number) => number} _OrtReleaseTensor
 * @property {(address: number) => number} _OrtFree
 * @property {(session: number, inputNames: number, inputs: number, inputCount: number, outputNames: number,
 *   outputCount: number, outputs: number, options: number) => number} _OrtRun
 */

/** @typedef {{data: Float32Array, dims: number[]}} Output */

const ALL_OPTIMISATIONS = 99;
const SEQUENTIAL = 0;
export const ERRORS_ONLY = 3; // of the log
const ON_THE_CPU = 1;
const WORD = 4; // bytes of an address
const TYPES = {
  float32: { code: 1, Numbers: Float32Array },
  int64: { code: 7, Numbers: BigInt64Array },
};

/**
 * A tensor in the memory of the WebAssembly, all zeros at first.
 * @template {keyof typeof TYPES} Type
 */
export class HeapTensor {
  /** @type {number[]} */
  dims = [];
  handle = 0;
  #runtime;
  #type;
  #address = 0;
  #length = 0;
  /** @type {InstanceType<(typeof TYPES)[Type]["Numbers"]> | null} */
  #view = null;

  /**
   * @param {Runtime} runtime
   * @param {Type} type
   * @param {number[]} dims
   */
  constructor(runtime, type, dims) {
    this.#runtime = runtime;
    this.#type = TYPES[type];
    this.resize(dims);
  }

  /** Its numbers, where they are: to be asked for anew after each run, in which memory may grow. */
  get data() {
    const buffer = /** @type {ArrayBuffer} */ (this.#runtime.HEAPU8.buffer);
    if (this.#view?.buffer !== buffer) {
      this.#view = /** @type {any} */ (new this.#type.Numbers(buffer, this.#address, this.#length));
    }
    return /** @type {InstanceType<(typeof TYPES)[Type]["Numbers"]>} */ (this.#view);
  }

  /**
   * Have other sizes, and zeros again; with the sizes it has, stay as it is.
   * @param {number[]} dims
   */
  resize(dims) {
    if (this.handle && dims.join() === this.dims.join()) return;
    this.free();
    const runtime = this.#runtime;
    this.dims = dims;
    this.#length = product(dims);
    const bytes = this.#length * this.#type.Numbers.BYTES_PER_ELEMENT;
    this.#address = allocated(runtime, bytes);
    this.#view = null;
    this.data.fill(/** @type {never} */ (this.#type === TYPES.int64 ? 0n : 0));
    const stack = runtime.stackSave();
    const sizes = words(runtime, dims);
    this.handle = runtime._OrtCreateTensor(this.#type.code, this.#address, bytes, sizes, dims.length, ON_THE_CPU);
    runtime.stackRestore(stack);
    if (!this.handle) throw lastError(runtime);
  }

  /** Give its memory back. */
  free() {
    if (this.handle) this.#runtime._OrtReleaseTensor(this.handle);
    if (this.#address) this.#runtime._free(this.#address);
    this.handle = this.#address = 0;
  }
}

export class Session {
  #runtime;
  #session;
  #options;
  /** @type {Map<string, number>} where the names of inputs and outputs are */
  #names = new Map();

  /**
   * @param {Runtime} runtime
   * @param {number} session  its handle
   */
  constructor(runtime, session) {
    this.#runtime = runtime;
    this.#session = session;
    this.#options = runtime._OrtCreateRunOptions(ERRORS_ONLY, 0, false, 0);
  }

  /**
   * @param {Runtime} runtime
   * @param {Uint8Array} bytes  of the ONNX file
   */
  static async create(runtime, bytes) {
    const model = allocated(runtime, bytes.length);
    runtime.HEAPU8.set(bytes, model);
    const level = ALL_OPTIMISATIONS;
    const options = runtime._OrtCreateSessionOptions(level, true, true, SEQUENTIAL, false, 0, 0, ERRORS_ONLY, 0, 0);
    try {
      const session = await runtime._OrtCreateSession(model, bytes.length, options);
      if (!session) throw lastError(runtime);
      return new Session(runtime, session);
    } finally {
      runtime._OrtReleaseSessionOptions(options);
      runtime._free(model);
    }
  }

  /**
   * A tensor that can be an input.
   * @template {keyof typeof TYPES} Type
   * @param {Type} type
   * @param {number[]} dims
   */
  tensor(type, dims) {
    return new HeapTensor(this.#runtime, type, dims);
  }

  /**
   * @param {Record<string, HeapTensor<any>>} inputs  all of the graph's
   * @param {Record<string, HeapTensor<any>>} outputs  where to write those that are wanted
   * @param {string[]} more  outputs that are wanted too
   * @returns {Record<string, Output>}  those
   */
  run(inputs, outputs, more = []) {
    const runtime = this.#runtime;
    const [given, bound] = [Object.keys(inputs), Object.keys(outputs)];
    const asked = [...bound, ...more];
    const stack = runtime.stackSave();
    try {
      const from = words(runtime, given.map((name) => this.#name(name)));
      const read = words(runtime, given.map((name) => inputs[name].handle));
      const to = words(runtime, asked.map((name) => this.#name(name)));
      const written = words(runtime, asked.map((name) => outputs[name]?.handle ?? 0)); // 0: it makes a tensor itself
      const options = this.#options;
      if (runtime._OrtRun(this.#session, from, read, given.length, to, asked.length, written, options)) {
        throw lastError(runtime);
      }
      const made = new Uint32Array(runtime.HEAPU8.buffer, written, asked.length).slice(bound.length);
      return Object.fromEntries(more.map((name, i) => [name, taken(runtime, made[i])]));
    } finally {
      runtime.stackRestore(stack);
    }
  }

  /** @param {string} name */
  #name(name) {
    let address = this.#names.get(name);
    if (address === undefined) {
      const bytes = new TextEncoder().encode(`${name}\0`);
      address = allocated(this.#runtime, bytes.length);
      this.#runtime.HEAPU8.set(bytes, address);
      this.#names.set(name, address);
    }
    return address;
  }
}

/**
 * A copy of a tensor that a run made, which itself is given back.
 * @param {Runtime} runtime
 * @param {number} tensor
 * @returns {Output}
 */
function taken(runtime, tensor) {
  const stack = runtime.stackSave();
  const asked = words(runtime, [0, 0, 0, 0]);
  const failed = runtime._OrtGetTensorData(tensor, asked, asked + WORD, asked + 2 * WORD, asked + 3 * WORD);
  if (failed) throw lastError(runtime);
  const { buffer } = runtime.HEAPU8;
  const [, address, sizes, count] = new Uint32Array(buffer, asked, 4);
  const dims = Array.from(new Uint32Array(buffer, sizes, count));
  const data = new Float32Array(buffer, address, product(dims)).slice();
  runtime._OrtFree(sizes);
  runtime._OrtReleaseTensor(tensor);
  runtime.stackRestore(stack);
  return { data, dims };
}

/**
 * @param {Runtime} runtime
 * @param {number} bytes
 */
function allocated(runtime, bytes) {
  const address = runtime._malloc(Math.max(bytes, 1));
  if (!address) throw new Error(`out of memory: could not allocate ${bytes} bytes`);
  return address;
}

/** @param {number[]} sizes */
export function product(sizes) {
  return sizes.reduce((a, b) => a * b, 1);
}

/**
 * Numbers on the stack: their address.
 * @param {Runtime} runtime
 * @param {number[]} values
 */
function words(runtime, values) {
  const address = runtime.stackAlloc(WORD * values.length);
  new Uint32Array(runtime.HEAPU8.buffer, address, values.length).set(values);
  return address;
}

/**
 * What ONNX Runtime says of its last failure.
 * @param {Runtime} runtime
 */
export function lastError(runtime) {
  const stack = runtime.stackSave();
  const asked = words(runtime, [0, 0]);
  runtime._OrtGetLastError(asked, asked + WORD);
  const [, message] = new Uint32Array(runtime.HEAPU8.buffer, asked, 2);
  const text = message ? runtime.UTF8ToString(message) : "no reason given";
  runtime.stackRestore(stack);
  return new Error(text);
}
