/**
 * Reads an ONNX file's constants by name. The file is a message in protobuf's wire format, of the types in onnx.proto;
 * the numbers below are those of their fields.
 *
 * Nothing in the file is believed: each length is held against what is there, and each tensor's bytes against its shape.
 */

import { EngineError } from "./errors.js";

/** @typedef {"float32" | "int8" | "float16"} Type */

/**
 * @typedef {object} Tensor
 * @property {Type} type
 * @property {number[]} dims
 * @property {Uint8Array} bytes  a view of the file, little-endian, row by row
 */

/** @type {Record<number, {type: Type, size: number} | undefined>} */
const TYPES = {
  1: { type: "float32", size: 4 },
  3: { type: "int8", size: 1 },
  10: { type: "float16", size: 2 },
};
const MODEL = { graph: 7, metadata: 14, functions: 25 };
const GRAPH = { node: 1, initializer: 5 };
const NODE = { operator: 4, domain: 7 };
const PAIR = { key: 1, value: 2 };
const TENSOR = { dims: 1, type: 2, name: 8, raw: 9, location: 14 };
const [VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES] = [0, 1, 2, 5]; // how a field is written

/**
 * @param {Uint8Array} file
 * @returns {Map<string, Tensor>}
 */
export function readTensors(file) {
  /** @type {Map<string, Tensor>} */
  const tensors = new Map();
  for (const [field, graph] of fields(file)) {
    if (field !== MODEL.graph) continue;
    for (const [part, value] of fields(bytes(graph))) {
      if (part !== GRAPH.initializer) continue;
      const { name, tensor } = readTensor(bytes(value));
      if (tensors.has(name)) throw damaged(`it has two constants “${name}”`);
      if (tensor) tensors.set(name, tensor);
    }
  }
  return tensors;
}

/**
 * What a file says of itself, and the operators of its graph, with their domain where it is not ONNX's own.
 * @param {Uint8Array} file
 */
export function readGraph(file) {
  /** @type {Map<string, string>} */
  const metadata = new Map();
  /** @type {string[]} */
  const operators = [];
  for (const [field, value] of fields(file)) {
    if (field === MODEL.metadata) {
      const pair = texts(value);
      metadata.set(pair[PAIR.key] ?? "", pair[PAIR.value] ?? "");
    } else if (field === MODEL.functions) operators.push("function:");
    else if (field === MODEL.graph) {
      for (const [part, node] of fields(bytes(value))) {
        if (part !== GRAPH.node) continue;
        const { [NODE.operator]: operator = "", [NODE.domain]: domain = "" } = texts(node);
        operators.push(domain ? `${domain}:${operator}` : operator);
      }
    }
  }
  return { metadata, operators };
}

/**
 * The fields of a message as texts, those that have one.
 * @param {number | Uint8Array} message
 */
function texts(message) {
  /** @type {Record<number, string>} */
  const found = {};
  for (const [field, value] of fields(bytes(message))) {
    if (typeof value !== "number") found[field] = new TextDecoder().decode(value);
  }
  return found;
}

/**
 * @param {Uint8Array} message
 * @returns {{name: string, tensor: Tensor | null}}  null where it is of a type that no weights have
 */
function readTensor(message) {
  /** @type {number[]} */
  const dims = [];
  let [name, code] = ["", 0];
  let raw = /** @type {Uint8Array} */ (new Uint8Array());
  for (const [field, value] of fields(message)) {
    if (field === TENSOR.dims) dims.push(...(typeof value === "number" ? [value] : varints(value)));
    else if (field === TENSOR.type) code = number(value);
    else if (field === TENSOR.name) name = new TextDecoder().decode(bytes(value));
    else if (field === TENSOR.raw) raw = bytes(value);
    else if (field === TENSOR.location && value !== 0) throw damaged(`the numbers of “${name}” are in another file`);
  }
  const known = TYPES[code];
  if (!known) return { name, tensor: null };
  const size = dims.reduce((total, dim) => total * dim, known.size);
  if (size !== raw.length) throw damaged(`“${name}” has ${raw.length} bytes of ${size}`);
  return { name, tensor: { type: known.type, dims, bytes: raw } };
}

/**
 * The fields of a message: their numbers and values.
 * @param {Uint8Array} message
 * @returns {Generator<[number, number | Uint8Array]>}
 */
function* fields(message) {
  const reader = new Reader(message);
  while (!reader.atEnd) {
    const key = reader.varint();
    const kind = key % 8;
    if (kind === VARINT) yield [Math.floor(key / 8), reader.varint()];
    else if (kind === LENGTH) yield [Math.floor(key / 8), reader.take(reader.varint())];
    else if (kind === EIGHT_BYTES) reader.take(8);
    else if (kind === FOUR_BYTES) reader.take(4);
    else throw damaged("it holds a field of no known kind");
  }
}

/** @param {Uint8Array} message */
function varints(message) {
  const reader = new Reader(message);
  const found = [];
  while (!reader.atEnd) found.push(reader.varint());
  return found;
}

class Reader {
  #bytes;
  #at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
  }

  get atEnd() {
    return this.#at === this.#bytes.length;
  }

  /** @param {number} count */
  take(count) {
    if (count > this.#bytes.length - this.#at) throw damaged("it ends too early");
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** A whole number in groups of seven bits, the lowest first. Those above 2^53 are not exact, and none is needed. */
  varint() {
    let [value, factor] = [0, 1];
    for (let group = 0; group < 10; group++, factor *= 128) {
      const [byte] = this.take(1);
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
    throw damaged("it holds a number without an end");
  }
}

/** @param {number | Uint8Array} value */
function bytes(value) {
  if (typeof value === "number") throw damaged("it holds a number where a text or numbers in a row should stand");
  return value;
}

/** @param {number | Uint8Array} value */
function number(value) {
  if (typeof value !== "number") throw damaged("it holds something else where a number should stand");
  return value;
}

/** @param {string} reason */
export function damaged(reason) {
  return new EngineError(
    "corrupted",
    `The model's file is damaged, or of another JaneLM than this page (${reason}): ask whoever made the page to export it again.`,
  );
}
