/**
 * Starts onnxruntime-web in the worker, on WebAssembly that the page has fetched and compiled meanwhile.
 *
 * onnxruntime-web would fetch the file itself, and only once a model is there. Instead it is pointed at this module
 * for its glue code: the default export is the real glue, told to take the module that was compiled already.
 *
 * @import * as Ort from "onnxruntime-common"
 */

/**
 * @typedef {object} Addresses  absolute; with integrity hashes they may be of another host
 * @property {string} module
 * @property {string} glue
 * @property {string} wasm
 * @property {Record<string, string> | null} integrity  by address
 */

/** @type {Promise<any>} */
let glue;
/** @type {WebAssembly.Module} */
let compiled;

/**
 * @param {Addresses} addresses
 * @param {Promise<WebAssembly.Module>} wasm
 * @returns {Promise<typeof Ort>}
 */
export async function startRuntime({ module, glue: glueAddress, wasm: wasmAddress, integrity }, wasm) {
  glue = importChecked(glueAddress, integrity?.[glueAddress]);
  glue.catch(() => {}); // whoever waits for it is told
  const ort = /** @type {typeof Ort} */ (await importChecked(module, integrity?.[module]));
  compiled = await wasm;
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = 1; // most hosts cannot send the headers that threads need
  ort.env.wasm.wasmPaths = { mjs: import.meta.url, wasm: wasmAddress };
  return ort;
}

/**
 * onnxruntime-web calls this with Emscripten's settings.
 * @param {Record<string, any>} config
 */
export default async function factory(config) {
  const { default: create } = await glue;
  return new Promise((resolve, reject) => {
    const instantiateWasm = (
      /** @type {WebAssembly.Imports} */ imports,
      /** @type {(instance: WebAssembly.Instance, module: WebAssembly.Module) => void} */ receive,
    ) => {
      WebAssembly.instantiate(compiled, imports).then((instance) => receive(instance, compiled), reject);
      return {};
    };
    create({ ...config, instantiateWasm }).then(resolve, reject);
  });
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
