/**
 * Errors that the page shows as they are.
 *
 * @import { ErrorKind } from "./types.js"
 */

export class EngineError extends Error {
  /**
   * @param {ErrorKind} kind
   * @param {string} message  a sentence for the reader: what is wrong and what to do
   */
  constructor(kind, message) {
    super(message);
    this.name = "EngineError";
    this.kind = kind;
    /** @type {string | undefined} the model that could not be loaded, where it was that */
    this.model = undefined;
  }
}

/**
 * Whatever was thrown, as an EngineError: what the browser and its runtime throw has no kind of its own.
 * @param {unknown} error
 * @param {string} what  what was being done: "the model could not be started"
 * @returns {EngineError}
 */
export function asEngineError(error, what) {
  if (error instanceof EngineError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (/out of memory|(could not|failed to) allocate|allocation failed|bad_alloc|Invalid typed array length/i.test(reason)) {
    return new EngineError(
      "out-of-memory",
      `${capital(what)} because this device has too little memory free: close other tabs or apps, then reload the page.`,
    );
  }
  if (/SIMD is not supported/i.test(reason)) return withoutSIMD();
  if (/WebAssembly is not defined/i.test(reason)) return withoutWebAssembly();
  return new EngineError("failed", `${capital(what)} (${reason.slice(0, 200)}): reload the page to try again.`);
}

/** @returns {EngineError} */
export function withoutWebAssembly() {
  return new EngineError(
    "no-webassembly",
    "This browser does not run WebAssembly, which the models need: " +
      (onApple()
        ? "an iPhone or iPad in Lockdown Mode has it switched off, in every browser; the mode's settings can except this page."
        : "switch it on in the browser's settings, or open the page in a current browser."),
  );
}

/** @returns {EngineError} */
export function withoutSIMD() {
  return new EngineError(
    "no-webassembly",
    "This browser's WebAssembly has no SIMD, which the models need: " +
      (onApple()
        ? "on an iPhone or iPad every browser has Safari's engine, and that has it since iOS 16.4, so update iOS."
        : "open the page in a browser of 2023 or later, such as Safari 16.4."),
  );
}

/** An iPad says that it is a Mac, but no Mac is touched. */
function onApple() {
  const { userAgent = "", maxTouchPoints = 0 } = globalThis.navigator ?? {};
  return /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
