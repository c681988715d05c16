/**
 * Whether a model of somebody's own is what this page can run: its description, its manifest and its graph, of which
 * nothing is believed. What cannot be held against anything is left out.
 *
 * @import { Description, ModelEntry } from "../engine/types.js"
 */

import { EngineError } from "../engine/errors.js";
import { readGraph, readTensors } from "../engine/onnx.js";

/** @typedef {(value: any) => boolean} Test */
/** @typedef {Test | {[name: string]: Shape}} Shape  a name that ends in ? may be missing */

const MOST_MODELS = 20;
export const LARGEST_MODEL = 1 << 30; // bytes

/** @type {(most: number) => Test} */
const whole = (most) => (value) => Number.isInteger(value) && value >= 1 && value <= most;
/** @type {(most: number) => Test} */
const text = (most) => (value) => typeof value === "string" && value.length <= most;
/** @type {Test} */
const name = (value) => text(80)(value) && value.trim() !== "" && !/\p{Cc}/u.test(value);
/** @type {Test} */
const number = (value) => Number.isFinite(value);
/** @type {Test} */
const flag = (value) => typeof value === "boolean";
/** @type {(shape: Shape, most: number) => Test} */
const list = (shape, most) => (value) =>
  Array.isArray(value) && value.length <= most && value.every((one) => !misfit(one, shape));
/** @type {Test} */
const config = (value) =>
  isObject(value) && Object.values(value).every((one) => ["number", "boolean", "string"].includes(typeof one));

const SHAPE = {
  "layers?": whole(256),
  "width?": whole(1 << 15),
  "heads?": whole(1 << 12),
  "bigrams?": (/** @type {unknown} */ value) => value === 0 || whole(1 << 24)(value),
  context_length: whole(1 << 20),
};

/** @type {Shape} */
const DESCRIPTION = {
  name,
  kind: name,
  config: (value) => config(value) && !misfit(value, SHAPE),
  vocab_size: whole(1 << 21),
  tokenizer: (value) => !misfit(value, value?.kind === "character" ? CHARACTERS : BYTE_PAIRS),
  "prompts?": { clean: flag, straighten_quotes: flag, lower_case: flag },
  precision: name,
  states: list(
    { name, output: name, shape: list((one) => whole(1 << 24)(one) || name(one), 8), dtype: name, update: name },
    1000,
  ),
  "ring?": { memory: whole(1 << 20), "base?": number, "size?": whole(1 << 15), inputs: isObject },
  "attention?": list(name, 256),
};
const CHARACTERS = { kind: text(20), characters: text(1 << 22), documents: flag };
const BYTE_PAIRS = {
  kind: (/** @type {any} */ value) => value === "tiktoken",
  pattern: text(2000),
  ranks: text(1 << 25),
  documents: flag,
  "specials?": (/** @type {any} */ value) => value === 0 || whole(1 << 20)(value),
};

/** @type {Shape} */
const ENTRY = {
  name,
  kind: name,
  precision: name,
  file: text(300),
  bytes: whole(LARGEST_MODEL),
  sha256: (value) => /^[0-9a-f]{64}$/.test(value),
  parameters: whole(2 ** 40),
  description: DESCRIPTION,
};

const numbers = list(number, 1 << 20);
const measured = { bits_per_byte: number, perplexity: number, accuracy: number };

/** What a page tells of a model besides; a part that is not like this is left out. */
const TOLD = {
  card: { data: list(text(500), 100), steps: number, tokens: number, seconds: number, "command?": text(5000), "ended?": text(500), "machine?": text(500) },
  losses: (/** @type {any} */ value) => isObject(value) && Object.values(value).every((one) => !misfit(one, measured)),
  precision_change: { bits_per_byte_fp32: number, bits_per_byte: number, bytes: number },
  curves: { tokens: numbers, seconds: numbers, train: numbers, validation: numbers },
  titles: list(text(200), 5000),
  title_before: text(20),
  title_after: text(20),
  language: (/** @type {any} */ value) => typeof value === "string" && /^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$/.test(value),
  example: { prompt: text(5000), text: text(20_000), seed: whole(2 ** 32 - 1), temperature: number, num_tokens: whole(100_000) },
};
const CARD = Object.keys(TOLD.card).map((name) => name.replace("?", ""));

/**
 * The models that a manifest names.
 * @param {string} content  of manifest.json
 * @param {boolean} native  whether this page runs models by its own step
 * @returns {ModelEntry[]}
 */
export function checkManifest(content, native) {
  const manifest = parsed(content, "The manifest");
  if (manifest?.format !== 1 || !list(isObject, MOST_MODELS)(manifest.models) || !manifest.models.length) {
    throw refused("its manifest is not one that this page knows");
  }
  return manifest.models.map((/** @type {any} */ given) => {
    const wrong = misfit(given, ENTRY);
    if (wrong) throw refused(`what its manifest says of ${wrong} is not what JaneLM writes`);
    if (given.kind !== given.description.kind || given.precision !== given.description.precision) {
      throw refused("its manifest and its model disagree");
    }
    checkDescription(given.description, native);
    return { ...entryOf(given.description), ...picked(given, Object.keys(ENTRY)), ...told(given) };
  });
}

/**
 * The model in a file, by what the file says of itself.
 * @param {Uint8Array<ArrayBuffer>} file
 * @param {boolean} native
 * @returns {Promise<ModelEntry>}
 */
export async function checkFile(file, native) {
  const { metadata } = readGraph(file);
  const content = metadata.get("janelm");
  if (content === undefined) throw refused("its file does not say what it is: only those that JaneLM exported do");
  const description = parsed(content, "The description");
  const wrong = misfit(description, DESCRIPTION);
  if (wrong) throw refused(`what its file says of ${wrong} is not what JaneLM writes`);
  checkDescription(description, native);
  const tensors = [...readTensors(file)].filter(([name]) => !name.endsWith("_scale"));
  const parameters = tensors.reduce((sum, [, { dims }]) => sum + dims.reduce((a, b) => a * b, 1), 0);
  return { ...entryOf(description), bytes: file.length, sha256: await digest(file), parameters };
}

/**
 * Whether a file is the one that its manifest names, and holds nothing but steps that end.
 * @param {Uint8Array<ArrayBuffer>} file
 * @param {ModelEntry} entry
 */
export async function checkGraph(file, { bytes, sha256, description }) {
  if (file.length !== bytes || (globalThis.crypto?.subtle && (await digest(file)) !== sha256)) {
    throw refused("its file is not the one that was exported with it");
  }
  const { operators, metadata } = readGraph(file);
  const endless = operators.find((one) => /^(Loop|Scan|If|.*:.*)$/.test(one));
  if (endless) throw refused(`its graph has a step that JaneLM does not write (${endless.slice(0, 40)})`);
  const own = JSON.parse(metadata.get("janelm") ?? "null");
  if (own?.kind !== description.kind || own?.vocab_size !== description.vocab_size) {
    throw refused("its manifest and its model disagree");
  }
}

/** @type {(description: Description, native: boolean) => void} */
function checkDescription(description, native) {
  const { kind, precision, config, vocab_size, states, ring, attention } = description;
  const { layers, width, heads } = config;
  checkTokenizer(description);
  if (!native) return;
  const lacks = (/** @type {string} */ what) =>
    refused(`this page's own step has no ${what}: a page that was exported with --runtime onnxruntime runs it`);
  if (kind !== "transformer" && kind !== "lstm") throw lacks(`model of kind ${kind}`);
  if (precision === "int8") throw lacks("products in int8");
  const sized = whole(256)(layers) && whole(1 << 15)(width);
  const carried = states.map(({ shape }) => shape.filter((size) => typeof size === "number").join());
  const right =
    kind === "lstm"
      ? !ring && !attention && carried.join(" ") === `${layers},${width} ${layers},${width}`
      : ring && width % (2 * heads) === 0 && ring.memory <= config.context_length && attention?.length === layers;
  if (!sized || !right) throw refused(`no ${kind} has its shape (${vocab_size} tokens, ${layers} layers of ${width})`);
}

/** @param {Description} description */
function checkTokenizer({ tokenizer, vocab_size }) {
  const ends = tokenizer.documents ? 2 : 0;
  if (tokenizer.kind === "character") {
    if ([...tokenizer.characters].length + 1 + ends !== vocab_size) throw refused("its characters are not those of its vocabulary");
    return;
  }
  const { ranks, pattern, specials = 0 } = tokenizer;
  /** @type {Set<string>} */
  let tokens;
  try {
    tokens = new Set(ranks.split(" ").map(atob));
  } catch {
    throw refused("its byte pairs are damaged");
  }
  if (tokens.size + specials + ends !== vocab_size) throw refused("its byte pairs are not those of its vocabulary");
  for (let byte = 0; byte < 256; byte++) {
    if (!tokens.has(String.fromCharCode(byte))) throw refused("its byte pairs lack single bytes");
  }
  if (!isQuick(pattern)) throw refused("the pattern by which it cuts text might never come to an end");
}

/**
 * Whether a regular expression ends on every text before long: no group repeats without a limit, since one that holds
 * a repetition or a choice could be tried in ever more ways, and nothing is looked up again.
 * @param {string} pattern
 */
export function isQuick(pattern) {
  const plain = pattern.replace(/\\[pP]\{[^}]*\}|\\./gsu, (found) => (/\\[1-9k]/.test(found) ? "@" : "x"));
  const parts = plain.replace(/\[[^\]]*\]/gu, "x");
  const limits = Array.from(parts.matchAll(/\)(?:([*+])|\{\d+(,?)(\d*)\})/g), ([, sign, comma, most]) => {
    return sign || (comma && !most) ? Infinity : Number(most || 0);
  });
  return !plain.includes("@") && limits.every((most) => most <= 8) && (parts.match(/[*+}]/g) ?? []).length <= 40;
}

/**
 * An entry that tells nothing but what the description does.
 * @param {Description} description
 * @returns {ModelEntry}
 */
function entryOf(description) {
  const { name, kind, precision } = description;
  return {
    name,
    kind,
    precision,
    file: "",
    bytes: 0,
    sha256: "",
    parameters: 0,
    description,
    card: {},
    losses: {},
    overlap: {},
    precision_change: null,
    curves: { tokens: [], seconds: [], train: [], validation: [] },
    titles: [],
    title_before: "",
    title_after: "",
    example: { prompt: "", text: "", seed: 1, temperature: 0.8, num_tokens: 200 },
  };
}

/** @param {any} given */
function told(given) {
  const sound = Object.entries(TOLD).filter(([name, shape]) => !misfit(given[name], shape));
  const found = Object.fromEntries(sound.map(([name]) => [name, given[name]]));
  if (found.card) found.card = picked(found.card, CARD);
  return found;
}

/** @type {(values: any, names: string[]) => any} */
function picked(values, names) {
  return Object.fromEntries(names.filter((name) => name in values).map((name) => [name, values[name]]));
}

/**
 * Which part of a value does not have its shape; "" where all do.
 * @type {(value: any, shape: Shape) => string}
 */
function misfit(value, shape) {
  if (typeof shape === "function") return shape(value) ? "" : "it";
  if (!isObject(value)) return "it";
  for (const [key, part] of Object.entries(shape)) {
    const known = key.replace("?", "");
    if (!Object.hasOwn(value, known)) {
      if (known === key) return known;
    } else {
      const inner = misfit(value[known], part);
      if (inner) return inner === "it" ? known : `${known}.${inner}`;
    }
  }
  return "";
}

/** @param {any} value */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @type {(content: string, what: string) => any} */
function parsed(content, what) {
  try {
    return JSON.parse(content);
  } catch {
    throw refused(`${what.toLowerCase()} is damaged`);
  }
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function digest(bytes) {
  if (!globalThis.crypto?.subtle) return ""; // a plain http address of another machine has no hashing
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} reason */
export function refused(reason) {
  return new EngineError("usage", `This model cannot be opened, because ${reason}.`);
}
