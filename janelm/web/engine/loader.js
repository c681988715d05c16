/**
 * Fetches models and the runtime, with true progress, and keeps models for the next visit.
 *
 * It runs in the page, not in the worker, so that downloads start before the worker does. All it does is wait for
 * bytes; hashing and compiling happen beside it.
 *
 * @import { ModelEntry, Runtime } from "./types.js"
 */

import { EngineError, withoutSIMD } from "./errors.js";

// a module whose one function makes a vector of zeros: 16 bytes, splat and popcnt
const SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);
// and one whose function multiplies and adds, rounding once where the processor can
const RELAXED = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2,
  253, 133, 2, 11,
);

/** @typedef {(bytes: number) => void} Count  is told of bytes as they come */
/** @typedef {Pick<ModelEntry, "name" | "file" | "bytes" | "sha256">} ModelFile */

/** @type {Map<string, Promise<unknown>>} files on their way to the store, by address: models may share one */
const arriving = new Map();

/**
 * The name of the store that models are kept in; one host may serve several sites.
 * @param {string | URL} base
 */
export function storeName(base) {
  return `janelm models ${new URL(base).pathname.replace(/[^/]*$/, "")}`;
}

/**
 * A model's file, from the store or else from the network, checked against its hash.
 * @param {ModelFile} entry
 * @param {string | URL} base
 * @param {Count} count
 * @returns {Promise<{bytes: Uint8Array<ArrayBuffer>, cached: boolean}>}
 */
export async function fetchModel(entry, base, count) {
  const address = new URL(entry.file, base).href;
  const before = arriving.get(address) ?? Promise.resolve();
  const fetched = before.then(() => fetchFile(entry, address, base, count));
  arriving.set(address, fetched.then(({ kept }) => kept, () => {}));
  const { bytes, cached } = await fetched;
  return { bytes, cached };
}

/**
 * @param {ModelFile} entry
 * @param {string} address
 * @param {string | URL} base
 * @param {Count} count
 * @returns {Promise<{bytes: Uint8Array<ArrayBuffer>, cached: boolean, kept: Promise<void> | null}>}
 */
async function fetchFile(entry, address, base, count) {
  const store = await openStore(base);
  const kept = await store?.match(address);
  if (store && kept) {
    const bytes = new Uint8Array(await kept.arrayBuffer());
    if (await isIntact(bytes, entry)) {
      count(bytes.length);
      return { bytes, cached: true, kept: null };
    }
    await store.delete(address);
  }
  const what = `the model “${entry.name}”`;
  // nothing of it in the browser's own cache too, where a damaged file would wait for the next try
  const response = await get(address, what, { cache: store ? "no-store" : "default" });
  const bytes = await readAll(response, entry.bytes, count);
  if (!bytes || !(await isIntact(bytes, entry))) throw corrupted(what);
  return { bytes, cached: false, kept: keep(store, address, bytes) };
}

/**
 * The file of a model that is not the page's own, which may have changed since it was checked.
 * @param {ModelEntry} entry
 * @param {Blob} file
 * @param {Count} count
 */
export async function readOpened(entry, file, count) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (!(await isIntact(bytes, entry))) throw corrupted(`the model “${entry.name}”`);
  count(bytes.length);
  return { bytes, cached: true };
}

/**
 * Remove the models of earlier exports from the store.
 * @param {ModelEntry[]} entries  those of this export
 * @param {string | URL} base
 */
export async function forgetOthers(entries, base) {
  const store = await openStore(base);
  const named = entries.flatMap(({ file, adapter }) => (adapter ? [file, adapter.file] : [file]));
  const files = new Set(named.map((file) => new URL(file, base).href));
  for (const request of (await store?.keys()) ?? []) if (!files.has(request.url)) await store?.delete(request);
}

/**
 * The runtime's WebAssembly for this browser.
 * @param {Runtime} runtime
 */
export function wasmOf(runtime) {
  return runtime.relaxed && WebAssembly.validate(RELAXED) ? runtime.relaxed : runtime;
}

/**
 * Tell the service worker, where the page registered one, to keep the page's files.
 * @param {string} order
 */
export function tellKeeper(order) {
  try {
    void navigator.serviceWorker?.ready.then(({ active }) => active?.postMessage(order));
  } catch {
    // A sandboxed frame may not even ask whether there is one.
  }
}

/**
 * The runtime's WebAssembly, compiled while it arrives.
 * @param {Runtime} runtime
 * @param {string | URL} base
 * @param {Count} count
 * @returns {Promise<WebAssembly.Module>}
 */
export async function compileRuntime(runtime, base, count) {
  const what = "the runtime that models need";
  const { wasm, wasm_bytes } = wasmOf(runtime);
  const response = await get(new URL(wasm, base).href, what, { integrity: runtime.integrity?.[wasm] ?? "" });
  const bytes = readAll(response.clone(), wasm_bytes, count);
  try {
    const streams = response.headers.get("content-type") === "application/wasm"; // not every host says so
    const compiled = streams
      ? await WebAssembly.compileStreaming(response)
      : await WebAssembly.compile(await response.arrayBuffer());
    if (!(await bytes)) throw corrupted(what);
    return compiled;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) throw WebAssembly.validate(SIMD) ? corrupted(what) : withoutSIMD();
    await bytes; // where the connection broke, it says so
    throw error;
  }
}

/**
 * @param {string} address
 * @param {string} what
 * @param {RequestInit} [options]
 */
async function get(address, what, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw unreachable(what);
  }
  if (response.ok) return response;
  if (response.status === 404 || response.status === 410) {
    throw new EngineError(
      "missing",
      `The page's host has no file for ${what} (it answers ${response.status}): ` +
        "reload the page, or ask whoever made it to export and upload it again.",
    );
  }
  throw new EngineError(
    "failed",
    `The page's host does not give out ${what} (it answers ${response.status}): reload the page in a moment.`,
  );
}

/**
 * The body, or null where it is not of the size that was promised.
 * @param {Response} response
 * @param {number} size
 * @param {Count} count
 */
async function readAll(response, size, count) {
  try {
    return await exactly(/** @type {ReadableStream<Uint8Array>} */ (response.body), size, count);
  } catch {
    throw unreachable("all of the page's files");
  }
}

/**
 * All of a stream, or null where it has another size: one that is longer is not read to its end.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {number} size
 * @param {Count} [count]
 */
export async function exactly(stream, size, count = () => {}) {
  const bytes = new Uint8Array(size);
  const reader = stream.getReader();
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (length + part.value.length > size) {
      await reader.cancel();
      return null;
    }
    bytes.set(part.value, length);
    length += part.value.length;
    count(part.value.length);
  }
  return length === size ? bytes : null;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {ModelFile} entry
 */
async function isIntact(bytes, entry) {
  if (bytes.length !== entry.bytes) return false;
  if (!globalThis.crypto?.subtle) return true; // a plain http address of another machine has no hashing
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === entry.sha256;
}

/** @param {string | URL} base */
async function openStore(base) {
  try {
    return await caches.open(storeName(base));
  } catch {
    return null; // plain http, or storage that is switched off
  }
}

/**
 * @param {Cache | null} store
 * @param {string} address
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
async function keep(store, address, bytes) {
  const headers = { "content-type": "application/octet-stream", "content-length": String(bytes.length) };
  await store?.put(address, new Response(new Blob([bytes]), { headers })).catch(() => {}); // a full disk is no error here
}

/** @param {string} what */
function corrupted(what) {
  return new EngineError(
    "corrupted",
    `The file of ${what} did not arrive as it was exported: reload the page to fetch it again.`,
  );
}

/** @param {string} what */
function unreachable(what) {
  return new EngineError(
    "offline",
    `Could not fetch ${what}, because the page's host does not answer: check the connection and try again. ` +
      "After one visit the page works offline.",
  );
}
