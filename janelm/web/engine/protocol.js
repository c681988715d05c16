/**
 * What client.js and worker.js say to each other.
 *
 * @import { Description, ErrorKind, ReadOptions, WriteOptions } from "./types.js"
 * @import { Addresses } from "./runtime.js"
 */

/**
 * @typedef {{id: number, call: "load", name: string, bytes: Uint8Array<ArrayBuffer>, served?: string,
 *      description: Description, adapter?: Uint8Array<ArrayBuffer>}
 *   | {id: number, call: "read", name: string, text: string, options: Pick<ReadOptions, "memory" | "alternatives" | "from">}
 *   | {id: number, call: "look", name: string, text: string, options: {memory?: number}}
 *   | {id: number, call: "lens" | "distances" | "units", name: string, text: string, options: {memory?: number}}
 *   | {id: number, call: "score", name: string, text: string}
 *   | {id: number, call: "write", name: string, options: WriteOptions, seeds: number[]}
 * } Question  each is answered by a result or an error
 */

/**
 * @typedef {Question
 *   | {call: "runtime", addresses: Addresses}
 *   | {call: "wasm", module: WebAssembly.Module}
 *   | {id: number, call: "stop"}
 *   | {id: number, call: "abort"}
 * } Call
 */

/**
 * @typedef {{id: number, event: "progress" | "frame" | "result", value: any}
 *   | {id: number, event: "error", value: {kind: ErrorKind, message: string}}
 * } Answer
 */

export {};
