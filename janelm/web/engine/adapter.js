/**
 * Merges an adapter into the weights of its base: to each matrix the product of two narrow ones is added, in float32.
 * Its twin is janelm/site/adapters.py, which says what the file holds.
 *
 * @import { Tensor } from "./onnx.js"
 */

import { damaged } from "./onnx.js";

/**
 * Put sums in the place of the matrices that the adapter changes.
 * @param {Map<string, Tensor>} tensors  of the base's file
 * @param {Map<string, Tensor>} adapter  of the adapter's
 * @param {string} ending  of the names that the base's matrices have at its precision
 */
export function merge(tensors, adapter, ending) {
  for (const side of adapter.keys()) {
    const name = side.replace(/\.(left|right)$/, "");
    const [left, right] = [adapter.get(`${name}.left`), adapter.get(`${name}.right`)];
    const matrix = tensors.get(name + ending);
    if (!left || !right || !matrix) throw damaged(`the adapter's “${name}” is of another model`);
    if (side.endsWith(".right")) tensors.set(name + ending, sum(name, matrix, left, right, tensors.get(`${name}_scale`)));
  }
}

/**
 * @param {string} name
 * @param {Tensor} matrix  rows by columns, whatever axes of size one stand before
 * @param {Tensor} left  rows by rank
 * @param {Tensor} right  rank by columns
 * @param {Tensor | undefined} scale  one to each row, or to each column
 * @returns {Tensor}
 */
function sum(name, matrix, left, right, scale) {
  const [rows, columns] = matrix.dims.slice(-2);
  const [height, rank] = left.dims;
  if (height !== rows || right.dims.join() !== [rank, columns].join()) throw damaged(`the adapter's “${name}” does not fit`);
  const [given, ups, downs] = [matrix, left, right].map(numbers);
  const scales = scale && matrix.type === "int8" ? numbers(scale) : null;
  const byRow = scale?.dims.at(-1) === 1;
  const found = new Float32Array(rows * columns);
  const added = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    added.fill(0);
    for (let i = 0; i < rank; i++) {
      const up = ups[row * rank + i];
      for (let column = 0; column < columns; column++) added[column] += up * downs[i * columns + column];
    }
    for (let column = 0, at = row * columns; column < columns; column++, at++) {
      const own = scales ? Math.fround(given[at] * scales[byRow ? row : column]) : given[at];
      found[at] = own + Math.fround(added[column]);
    }
  }
  return { type: "float32", dims: matrix.dims, bytes: new Uint8Array(found.buffer) };
}

/** @param {Tensor} tensor */
function numbers({ type, bytes }) {
  const { buffer } = bytes.slice();
  if (type === "int8") return new Int8Array(buffer);
  if (type === "float32") return new Float32Array(buffer);
  return Float32Array.from(new Uint16Array(buffer), half);
}

/**
 * The number that these bits are in float16.
 * @param {number} bits
 */
function half(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}
