/** What went wrong, in words for a reader, and what to do about it. */

/** @type {Record<string, {title: string, advice: string}>} */
const MESSAGES = {
  "no-webassembly": {
    title: "This browser cannot run the model.",
    advice:
      "It has no WebAssembly with SIMD, or has it switched off (a lockdown mode does that). Chrome, Edge and Firefox " +
      "have it since 2021, Safari since 16.4, of 2023. The example stays readable.",
  },
  "out-of-memory": {
    title: "There is not enough memory for the model.",
    advice: "Close some other tabs and try again. On an iPhone or iPad, an update to iOS 18 or later cures it.",
  },
  offline: {
    title: "You are offline, and the model is not on this device yet.",
    advice: "Connect once and try again; after that the page works without a network.",
  },
  missing: {
    title: "A file of this page is missing.",
    advice: "Reload the page. If that does not help, its owner has to publish the whole folder again.",
  },
  corrupted: {
    title: "A file of this page arrived damaged.",
    advice: "Try again: it is fetched anew. If that does not help, its owner has to publish the folder again.",
  },
  usage: {
    title: "The model cannot work with this.",
    advice: "Change the text or the settings as it says, and try again.",
  },
  failed: {
    title: "The model stopped with an error.",
    advice: "Your text is safe. Try again, or reload the page.",
  },
};

/**
 * @param {unknown} error
 * @returns {{title: string, advice: string, detail: string}}
 */
export function explain(error) {
  const kind = /** @type {{kind?: string}} */ (error)?.kind ?? "failed";
  const detail = error instanceof Error ? error.message : String(error);
  return { ...(MESSAGES[kind] ?? MESSAGES.failed), detail };
}
