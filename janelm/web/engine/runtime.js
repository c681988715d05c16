/**
 * Starts ONNX Runtime in the worker, on WebAssembly that the page has fetched and compiled meanwhile: its glue code
 * would fetch it itself, and only once it is started.
 *
 * @import { Runtime } from "./session.js"
 */

import { ERRORS_ONLY, lastError } from "./session.js";

/**
 * @typedef {object} Addresses  absolute; with an integrity hash they may be of another host
 * @property {string} [glue]  of ONNX Runtime; there is none where the page's own step runs the models
 * @property {Record<string, string> | null} integrity  by address
 */

/**
 * @param {Addresses & {glue: string}} addresses
 * @param {Promise<WebAssembly.Module>} wasm
 * @returns {Promise<Runtime>}
 */
export async function startRuntime({ glue, integrity }, wasm) {
  const [{ default: create }, compiled] = await Promise.all([importChecked(glue, integrity?.[glue]), wasm]);
  /** @type {Runtime} */
  const runtime = await new Promise((resolve, reject) => {
    const instantiateWasm = (
      /** @type {WebAssembly.Imports} */ imports,
      /** @type {(instance: WebAssembly.Instance, module: WebAssembly.Module) => void} */ receive,
    ) => {
      WebAssembly.instantiate(compiled, imports).then((instance) => receive(instance, compiled), reject);
      return {};
    };
    create({ numThreads: 1, instantiateWasm }).then(resolve, reject); // most hosts cannot allow more threads
  });
  if (runtime._OrtInit(1, ERRORS_ONLY)) throw lastError(runtime);
  return runtime;
}

/**
 * Import a module; with an integrity hash, through a fetch that checks it, since imports in a worker cannot.
 * @param {string} address
 * @param {string | undefined} integrity
 */
async function importChecked(address, integrity) {
  if (!integrity) return import(address);
  const response = await fetch(address, { integrity });
  if (!response.ok) throw new Error(`${address} answers ${response.status}`);
  const blob = URL.createObjectURL(new Blob([await response.text()], { type: "text/javascript" }));
  try {
    return await import(blob);
  } finally {
    URL.revokeObjectURL(blob);
  }
}
