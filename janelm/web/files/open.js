/**
 * Opens models of somebody's own: an exported folder, a zip of one, or a single graph. They are read and checked in the
 * page, run like its own for this visit, and go nowhere.
 *
 * @import { ModelEntry } from "../engine/types.js"
 * @import { Session } from "../views/session.js"
 */

import { EngineError } from "../engine/errors.js";
import { make } from "../views/elements.js";
import { t } from "../views/language.js";
import { addStyle } from "../views/rooms.js";
import { announce } from "../views/status.js";
import { checkFile, checkGraph, checkManifest, LARGEST_MODEL, refused } from "./check.js";
import { readZip } from "./zip.js";

/**
 * @typedef {object} Found  a file among those that were chosen
 * @property {string} path
 * @property {number} size
 * @property {() => Promise<Blob>} blob
 */

const MOST_FILES = 5000;
const LARGEST_MANIFEST = 64 << 20; // bytes

/** @type {Promise<Chooser> | null} */
let chooser = null;

/**
 * Ask for a model, or open what was dropped.
 * @param {Session} session
 * @param {(FileSystemEntry | File)[]} [dropped]
 */
export async function openModels(session, dropped) {
  chooser ??= addStyle(new URL("files.css", import.meta.url).href).then(() => new Chooser(session));
  const shown = await chooser;
  shown.show();
  if (dropped) await shown.open(async () => (await Promise.all(dropped.map((one) => gather(one)))).flat());
}

class Chooser {
  #session;
  #said = make("p", { role: "status", class: "help" });
  #wrong = make("p", { role: "alert", class: "problem" });
  #buttons;
  #element;
  #busy = false;

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    const file = this.#input("A file", { accept: ".onnx,.zip", multiple: true });
    const folder = this.#input("A folder", { webkitdirectory: true });
    const close = make("button", { type: "button" }, t("Close"));
    close.addEventListener("click", () => this.#element.close());
    this.#buttons = make("div", { class: "buttons" }, ...file, ...folder, close);
    this.#element = make(
      "dialog",
      { class: "chooser", "aria-labelledby": "chooser-title" },
      make("h2", { id: "chooser-title" }, "Open a model of your own"),
      make(
        "p",
        {},
        "Choose the folder that janelm export wrote, a zip of it, or one of its .onnx files; you can also drop it onto " +
          "this page at any time. It is read here and joins the menu for this visit. Nothing of it leaves this device.",
      ),
      this.#buttons,
      this.#said,
      this.#wrong,
    );
    document.body.append(this.#element);
  }

  show() {
    if (this.#busy) return;
    this.#said.textContent = this.#wrong.textContent = "";
    if (!this.#element.open) this.#element.showModal();
  }

  /**
   * @param {string} label
   * @param {Record<string, any>} options
   */
  #input(label, options) {
    const input = make("input", { type: "file", class: "unseen", tabIndex: -1, "aria-label": label, ...options });
    const button = make("button", { type: "button" }, label);
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const files = [...(input.files ?? [])];
      input.value = "";
      if (files.length) void this.open(async () => files.map(found));
    });
    return [button, input];
  }

  /** @param {() => Promise<Found[]>} files */
  async open(files) {
    if (this.#busy) return;
    this.#busy = true;
    this.#wrong.textContent = "";
    this.#said.textContent = t("Reading and checking…");
    for (const button of this.#buttons.querySelectorAll("button")) button.disabled = true;
    try {
      const models = await read(await files(), !this.#session.manifest.runtime.glue);
      await this.#session.open(models);
      this.#element.close();
      announce(t("{names}: in the menu for this visit", { names: models.map(({ entry }) => entry.name).join(", ") }));
    } catch (error) {
      const known = error instanceof EngineError ? error : refused(`it could not be read (${/** @type {Error} */ (error).message})`);
      this.#wrong.textContent = known.message;
    }
    this.#said.textContent = "";
    for (const button of this.#buttons.querySelectorAll("button")) button.disabled = false;
    this.#busy = false;
  }
}

/**
 * The models among some files.
 * @param {Found[]} files
 * @param {boolean} native  whether this page runs models by its own step
 * @returns {Promise<{entry: ModelEntry, file: Blob}[]>}
 */
export async function read(files, native) {
  const [archive] = files;
  if (files.length === 1 && archive.path.toLowerCase().endsWith(".zip")) {
    files = (await readZip(await archive.blob())).map(({ path, size, read }) => {
      return { path, size, blob: async () => new Blob([await read()]) };
    });
  }
  const depth = (/** @type {Found} */ { path }) => path.split("/").length;
  const [manifest] = files.filter(({ path }) => /(^|\/)manifest\.json$/.test(path)).sort((a, b) => depth(a) - depth(b));
  if (manifest) return Promise.all(await readSite(files, manifest, native));
  const graphs = files.filter(({ path }) => /\.onnx$/i.test(path) && !path.startsWith("__MACOSX/"));
  if (!graphs.length) throw refused("there is no manifest.json of janelm export in it, and no .onnx");
  if (graphs.length > 8) throw refused("there are more than eight .onnx in it");
  return Promise.all(
    graphs.map(async (graph) => {
      const { file, bytes } = await contents(graph);
      const entry = await checkFile(bytes, native);
      await checkGraph(bytes, entry);
      return { entry, file };
    }),
  );
}

/** @type {(files: Found[], manifest: Found, native: boolean) => Promise<Promise<{entry: ModelEntry, file: Blob}>[]>} */
async function readSite(files, manifest, native) {
  if (manifest.size > LARGEST_MANIFEST) throw refused("its manifest is too large");
  const root = manifest.path.slice(0, -"manifest.json".length);
  const entries = checkManifest(await (await manifest.blob()).text(), native);
  return entries.map(async (entry) => {
    const graph = files.find(({ path }) => path === root + entry.file);
    if (!graph) throw refused(`its folder lacks ${entry.file}`);
    const { file, bytes } = await contents(graph);
    await checkGraph(bytes, entry);
    return { entry, file };
  });
}

/** @param {Found} graph */
async function contents({ path, size, blob }) {
  if (size > LARGEST_MODEL) throw refused(`${path} is larger than a gigabyte`);
  const file = await blob();
  return { file, bytes: new Uint8Array(await file.arrayBuffer()) };
}

/**
 * @param {File} file
 * @returns {Found}
 */
function found(file) {
  return { path: file.webkitRelativePath || file.name, size: file.size, blob: async () => file };
}

/**
 * The files of what was dropped, of a folder all that are in it.
 * @param {FileSystemEntry | File} entry
 * @returns {Promise<Found[]>}
 */
async function gather(entry) {
  if (entry instanceof File) return [found(entry)];
  /** @type {Found[]} */
  const all = [];
  const waiting = [entry];
  for (let one = waiting.pop(); one; one = waiting.pop()) {
    if (all.length + waiting.length > MOST_FILES) throw refused(`its folder holds more than ${MOST_FILES} files`);
    if (one.isDirectory) waiting.push(...(await children(/** @type {FileSystemDirectoryEntry} */ (one))));
    else {
      const file = await fileOf(/** @type {FileSystemFileEntry} */ (one));
      all.push({ ...found(file), path: one.fullPath.replace(/^\//, "") });
    }
  }
  return all;
}

/**
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<FileSystemEntry[]>}
 */
async function children(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const all = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return all;
    all.push(...some); // some browsers give a hundred at a time
    if (all.length > MOST_FILES) throw refused(`its folder holds more than ${MOST_FILES} files`);
  }
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
