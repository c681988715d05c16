/** Starts the page. */

import { aboutView } from "./views/about.js";
import { compareView } from "./views/compare.js";
import { controls } from "./views/controls.js";
import { restoreDraft } from "./views/draft.js";
import { find } from "./views/elements.js";
import { playExample, removeExample } from "./views/example.js";
import { inspectView } from "./views/inspect.js";
import { shortcuts } from "./views/keyboard.js";
import { modelMenu, themeButton, titleMenu } from "./views/masthead.js";
import { parse } from "./views/permalink.js";
import { Session } from "./views/session.js";
import { notify, showFacts, showFailures } from "./views/status.js";
import { tabs } from "./views/tabs.js";
import { toolbar } from "./views/toolbar.js";
import { writeView } from "./views/write.js";

const base = new URL("./", document.baseURI);

async function start() {
  themeButton();
  const response = await fetch(new URL("manifest.json", base));
  if (!response.ok) throw Object.assign(new Error(`manifest.json: ${response.status}`), { kind: "missing" });
  const session = new Session(await response.json(), base);

  showFailures(session);
  showFacts(session);
  modelMenu(session);
  writeView(session);
  find("panel-write").prepend(titleMenu(session));
  toolbar(session);
  controls(session, find("settings"));
  shortcuts(session);
  /** @type {Record<string, () => void>} */
  const shown = {
    "panel-write": () => {},
    "panel-inspect": inspectView(session),
    "panel-compare": compareView(session),
    "panel-about": aboutView(session),
  };
  tabs(/** @type {HTMLElement} */ (document.querySelector("[role=tablist]")), (panel) => {
    session.watched = panel === "panel-inspect";
    document.body.dataset.panel = panel;
    shown[panel]();
  });

  const linked = openLink(session);
  if (!linked && restoreDraft(session)) removeExample();
  else if (!linked) {
    playExample(session, session.model.example);
    session.choose(session.name);
  }
  addEventListener("hashchange", () => openLink(session));
  if (window.isSecureContext)
    void navigator.serviceWorker?.register(new URL("service_worker.js", base)).catch(() => {});
}

/**
 * Write what the address asks for.
 * @param {Session} session
 * @returns {boolean}  whether it asks for anything
 */
function openLink(session) {
  const link = parse(
    location.hash,
    session.manifest.models.map(({ name }) => name),
  );
  if (!link) return false;
  if (document.getElementById("example")) removeExample();
  if (link.problems.length) notify(`Part of the link was passed over: ${link.problems.join("; ")}.`);
  void session.replay(link.recipe);
  return true;
}

start().catch((error) => showFailure(error));

/** @param {unknown} error  that came before there was a session to tell of it */
function showFailure(error) {
  const early = new EventTarget();
  showFailures(/** @type {any} */ (early));
  early.dispatchEvent(new CustomEvent("failure", { detail: error }));
}
