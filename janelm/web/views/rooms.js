/** Rooms that are fetched when they are opened: their modules, their style and their data. */

import { find, make } from "./elements.js";
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
 * Opens a room at its first visit, and says to the service worker that it is to be kept from now on.
 * @type {(name: string, panel: HTMLElement, open: () => Promise<() => void>) => () => void}
 */
function room(name, panel, open) {
  /** @type {Promise<() => void> | null} */
  let opened = null;
  return () => {
    if (!opened) {
      panel.replaceChildren(make("p", { class: "lead", role: "status" }, "Opening…"));
      opened = open();
      opened.then(
        () => navigator.serviceWorker?.ready.then(({ active }) => active?.postMessage(`keep ${name}`)),
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
