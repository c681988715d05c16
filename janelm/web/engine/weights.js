/**
 * Weights out of an ONNX file, in memory as janelm/engines/native/step.cpp wants them: its structures Matrix and Model,
 * and the order of matrices there. Shapes: L layers, D width, H heads, V vocabulary. How the file has them stands in
 * janelm/export/transformer.py, lstm.py and precision.py.
 *
 * @import { Description } from "./types.js"
 * @import { Memory, StepExports } from "./memory.js"
 * @import { Tensor } from "./onnx.js"
 */

import { merge } from "./adapter.js";
import { damaged, readTensors } from "./onnx.js";

const ENDINGS = { fp32: "", fp16: "_fp16", "int8-weights": "_int8", "int6-weights": "_int8" };
const LAY = /** @type {const} */ ({ float32: "lay_floats", float16: "lay_halves", int8: "lay_bytes" });
const ONNX_GATES = [0, 2, 3, 1]; // where the file has what the step wants first, second, third and fourth

class Weights {
  #step;
  #memory;
  #tensors;
  #ending;
  /** @type {Map<string, number[]>} by name, so that embedding and head share a table */
  #matrices = new Map();

  /**
   * @param {StepExports} step
   * @param {Memory} memory
   * @param {Uint8Array} file
   * @param {Description} description
   * @param {Uint8Array} [adapter]
   */
  constructor(step, memory, file, description, adapter) {
    this.#step = step;
    this.#memory = memory;
    this.#tensors = readTensors(file);
    this.#ending = ENDINGS[/** @type {keyof typeof ENDINGS} */ (description.precision)];
    if (this.#ending === undefined) throw damaged(`its precision is ${description.precision}`);
    if (adapter) merge(this.#tensors, readTensors(adapter), this.#ending);
  }

  /**
   * A structure Matrix, as numbers.
   * @param {string} name
   * @param {number} rows
   * @param {number} columns
   * @param {{turned?: boolean, gates?: boolean}} [how]  `turned`: the file has (columns, rows), else (rows, columns);
   *   `gates`: the rows are four gates, and a first axis is of size one
   */
  matrix(name, rows, columns, { turned = false, gates = false } = {}) {
    const known = this.#matrices.get(name);
    if (known) return known;
    const first = gates ? [1] : [];
    const tensor = this.#find(name + this.#ending, [...first, ...(turned ? [columns, rows] : [rows, columns])]);
    const sizes = [...first, ...(turned ? [1, rows] : [rows, 1])];
    const scales = tensor.type === "int8" ? this.floats(`${name}_scale`, sizes) : null;
    const size = scales ? 1 : 4; // int8 stays, float16 becomes float32
    const place = this.#memory.allocate(size * rows * columns);
    const order = gates ? ONNX_GATES : [0];
    const [height, length] = [rows / order.length, tensor.bytes.length / order.length];
    for (const [to, from] of order.entries()) {
      const address = this.#copied(tensor.bytes.subarray(from * length, (from + 1) * length));
      this.#step[LAY[tensor.type]](address, height, columns, turned, place + size * to * height * columns);
      this.#memory.release(address);
    }
    const inOrder = scales && order.flatMap((from) => [...scales.subarray(from * height, (from + 1) * height)]);
    const matrix = [place, inOrder ? this.#memory.put("float32", inOrder) : 0, rows, columns];
    this.#matrices.set(name, matrix);
    return matrix;
  }

  /**
   * A constant of float32.
   * @param {string} name
   * @param {number[]} dims
   */
  floats(name, dims) {
    const { type, bytes } = this.#find(name, dims);
    if (type !== "float32") throw damaged(`“${name}” is of ${type}`);
    return new Float32Array(bytes.slice().buffer);
  }

  /**
   * @param {string} name
   * @param {number[]} dims
   * @returns {Tensor}
   */
  #find(name, dims) {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw damaged(`it has no “${name}”`);
    if (tensor.dims.join() !== dims.join()) throw damaged(`“${name}” is ${tensor.dims.join(" by ")}, not ${dims.join(" by ")}`);
    return tensor;
  }

  /** @param {Uint8Array} bytes */
  #copied(bytes) {
    const address = this.#memory.allocate(bytes.length);
    new Uint8Array(this.#memory.buffer, address, bytes.length).set(bytes);
    return address;
  }
}

/**
 * Put a model into memory: the address of its structure Model.
 * @param {StepExports} step
 * @param {Memory} memory
 * @param {Uint8Array} file
 * @param {Description} description
 * @param {Uint8Array} [adapter]  the file of what is added to the weights
 */
export function layOut(step, memory, file, description, adapter) {
  const weights = new Weights(step, memory, file, description, adapter);
  const { config, vocab_size: V, kind } = description;
  const { layers, width: D, tied } = config;
  const table = weights.matrix("embedding.weight", V, D);
  const matrices = [...table, ...(tied ? table : weights.matrix("head.weight", V, D))];
  let [heads, biases, frequencies, bigramShares] = [0, 0, 0, 0];
  if (kind === "transformer") {
    ({ heads } = config);
    const size = D / heads;
    for (let i = 0; i < layers; i++) matrices.push(...transformerLayer(weights, i, D));
    const angles = Float64Array.from({ length: size / 2 }, (_, i) => config.rotary_base ** ((-2 * i) / size));
    frequencies = memory.put("float64", angles);
    if (config.bigrams) {
      matrices.push(...weights.matrix("bigrams.weight", config.bigrams, D));
      bigramShares = memory.put("float32", weights.floats("bigram_shares", [layers]));
    }
  } else {
    const all = [memory.put("float32", weights.floats("head.bias", [V]))];
    for (let i = 0; i < layers; i++) {
      const how = { gates: true };
      for (const part of ["ih", "hh"]) matrices.push(...weights.matrix(`lstm.weight_${part}_l${i}`, 4 * D, D, how));
      all.push(memory.put("float32", gateBiases(weights.floats(`lstm.bias_l${i}`, [1, 8 * D]), D)));
    }
    biases = memory.put("uint32", all);
  }
  const pool = memory.put("uint32", [0]); // of one thread, which holds nothing
  const structure = [memory.put("uint32", matrices), biases, layers, heads, frequencies, bigramShares, pool];
  return memory.put("uint32", structure);
}

/**
 * @param {Weights} weights
 * @param {number} i
 * @param {number} D
 */
function transformerLayer(weights, i, D) {
  /** @type {[string, number, number][]} */
  const parts = [
    ["attention.query_key_value", 3 * D, D],
    ["attention.output", D, D],
    ["feed_forward.widen", 4 * D, D],
    ["feed_forward.output", D, 4 * D],
  ];
  return parts.flatMap(([name, rows, columns]) => {
    return weights.matrix(`blocks.${i}.${name}.weight`, rows, columns, { turned: true });
  });
}

/**
 * The biases of the input and of the hidden state, added and in the step's order.
 * @param {Float32Array} both  (8D)
 * @param {number} D
 */
function gateBiases(both, D) {
  return Float32Array.from({ length: 4 * D }, (_, i) => {
    const from = ONNX_GATES[Math.floor(i / D)] * D + (i % D);
    return both[from] + both[4 * D + from];
  });
}
