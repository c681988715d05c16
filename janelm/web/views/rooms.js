/** Rooms that are fetched when they are opened: their modules, their style and their data. */

import { EngineError } from "../engine/errors.js";
import { tellKeeper } from "../engine/loader.js";
import { find, make } from "./elements.js";
import { t } from "./language.js";
import { sayLanguage } from "./script.js";
import { showFailure } from "./status.js";

/** @typedef {import("./session.js").Session} Session */

/**
 * The room Read, or no tab for it where the page's maker left it out.
 * @param {Session} session
 * @returns {() => void}  to be called when the panel is shown
 */
export function readRoom(session) {
  find("tab-read").hidden = !session.manifest.reading;
  return room("read", find("panel-read"), async () => (await import("../read/room.js")).openRoom(session));
}

/**
 * How the models learned, evaluation by evaluation, below what else Compare shows.
 * @param {Session} session
 * @param {HTMLElement} place
 * @returns {() => void}  to be called when the panel is shown
 */
export function learningRoom(session, place) {
  if (!session.manifest.learning) return () => {};
  const element = make("div", {});
  place.append(element);
  return room("learn", element, async () => (await import("../learn/room.js")).openRoom(session, element));
}

/**
 * Look inside, Compare and About, which few visitors open first.
 * @param {Session} session
 * @returns {Record<"inspect" | "compare" | "about", () => void>}  each to be called when its panel is shown
 */
export function laterViews(session) {
  /** @type {(panel: string, open: () => Promise<() => void>) => () => void} */
  const view = (panel, open) =>
    room("", find(panel), async () => {
      const show = await open();
      sayLanguage(session);
      return show;
    });
  return {
    inspect: view("panel-inspect", async () => (await import("./inspect.js")).inspectView(session)),
    compare: view("panel-compare", async () => (await import("./compare.js")).compareView(session)),
    about: view("panel-about", async () => (await import("./about.js")).aboutView(session)),
  };
}

/**
 * A button, and the whole page to drop files onto, for models of somebody's own.
 * @param {Session} session
 */
export function ownModels(session) {
  const open = (/** @type {(FileSystemEntry | File)[]} */ ...dropped) =>
    files(async () => (await import("../files/open.js")).openModels(session, dropped.length ? dropped : undefined));
  find("open").addEventListener("click", () => void open());
  addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    const items = [...(event.dataTransfer?.items ?? [])].filter(({ kind }) => kind === "file");
    if (!items.length) return; // a text that is moved
    event.preventDefault();
    const files = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()); // now: later they are gone
    void open(...files.filter((one) => one !== null));
  });
}

/**
 * The tree of all that was written, folded away above the settings.
 * @param {Session} session
 * @param {HTMLElement} place
 */
export function treeRoom(session, place) {
  foldedRoom("tree", "Tree", place, async (body) => (await import("../tree/room.js")).openRoom(session, body));
}

/**
 * What is copied from the training text, where the page's maker published an index of it.
 * @param {Session} session
 * @param {HTMLElement} place
 */
export function copiedRoom(session, place) {
  if (!session.manifest.copied) return;
  foldedRoom("copied", "Copied", place, async (body) => (await import("../copied/room.js")).openRoom(session, body));
}

/**
 * Texts that have a name, folded away there too.
 * @param {Session} session
 * @param {HTMLElement} place
 */
export function draftsRoom(session, place) {
  foldedRoom("drafts", "Drafts", place, async (body) => (await import("../drafts/room.js")).openRoom(session, body));
}

/**
 * What is further inside a model, folded away.
 * @param {Session} session
 * @param {HTMLElement} place
 * @param {import("../lens/room.js").Place} shown
 * @returns {() => void}  to be called when there is something else to look at
 */
export function lensRoom(session, place, shown) {
  return foldedRoom("lens", "Further inside", place, async (body) =>
    (await import("../lens/room.js")).openRoom(session, body, shown),
  );
}

/**
 * @type {(name: string, title: string, place: HTMLElement, open: (body: HTMLElement) => Promise<() => void>) =>
 *   () => void}
 */
function foldedRoom(name, title, place, open) {
  const body = make("div", { class: `${name}-body` });
  const box = make("details", { class: `box ${name}-box` }, make("summary", {}, t(title)), body);
  const show = room(name, body, () => open(body));
  box.addEventListener("toggle", () => box.open && show());
  if (name === "lens") place.append(box);
  else place.prepend(box);
  return () => void (box.open && show());
}

/**
 * Opens a room at its first visit, and says to the service worker that it is to be kept from now on.
 * @type {(name: string, panel: HTMLElement, open: () => Promise<() => void>) => () => void}
 */
function room(name, panel, open) {
  /** @type {Promise<() => void> | null} */
  let opened = null;
  return () => {
    if (!opened) {
      panel.replaceChildren(make("p", { class: "lead", role: "status" }, t("Opening…")));
      opened = open();
      opened.then(
        () => keep(name),
        (error) => {
          opened = null; // the next visit tries again
          panel.replaceChildren();
          showFailure(error);
        },
      );
    }
    opened.then((show) => show()).catch(() => {});
  };
}

/**
 * Downloads of the text.
 * @param {Session} session
 */
export function saveText(session) {
  return files(async () => (await import("../files/save.js")).saveText(session));
}

/** @param {() => Promise<void>} open */
async function files(open) {
  try {
    await open();
    keep("files");
  } catch (error) {
    showFailure(error);
  }
}

/** @param {string} name  of a room, the files of which the service worker is to keep from now on */
export function keep(name) {
  tellKeeper(`keep ${name}`);
}

/**
 * A style sheet beside a module; resolves once it holds.
 * @param {string} address
 * @returns {Promise<void>}
 */
export function addStyle(address) {
  return new Promise((resolve) => {
    const link = make("link", { rel: "stylesheet", href: address });
    link.addEventListener("load", () => resolve());
    link.addEventListener("error", () => resolve()); // unstyled is better than not at all
    document.head.append(link);
  });
}

/**
 * A room's file.
 * @param {string} path
 * @param {URL} base
 */
export async function fetched(path, base) {
  const response = await fetch(new URL(path, base)).catch((error) => {
    throw new EngineError("offline", `Could not fetch ${path}: ${error}`);
  });
  if (!response.ok) throw new EngineError("missing", `${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * What is in a packed file; a host may have unpacked it already.
 * @param {string} path
 * @param {URL} base
 */
export async function unpacked(path, base) {
  const bytes = await fetched(path, base);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return new Response(bytes);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
}
