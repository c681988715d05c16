/** Starts the page. */

import { EngineError } from "./engine/errors.js";
import { controls } from "./views/controls.js";
import { restoreDraft } from "./views/draft.js";
import { data, find } from "./views/elements.js";
import { playExample, removeExample } from "./views/example.js";
import { shortcuts } from "./views/keyboard.js";
import { chooseLanguage, t } from "./views/language.js";
import { modelMenu, themeButton, titleMenu } from "./views/masthead.js";
import { parse } from "./views/permalink.js";
import { copiedRoom, draftsRoom, laterViews, ownModels, readRoom, treeRoom } from "./views/rooms.js";
import { setScript } from "./views/script.js";
import { Session } from "./views/session.js";
import { notify, showFacts, showFailure, showFailures } from "./views/status.js";
import { tabs } from "./views/tabs.js";
import { toolbar } from "./views/toolbar.js";
import { writeView } from "./views/write.js";

const base = new URL("./", document.baseURI);

async function start() {
  document.documentElement.dataset.started = ""; // for early.js
  themeButton();
  const manifest = await fetchManifest();
  await chooseLanguage(manifest, base);
  const session = new Session(manifest, base);

  showFailures(session);
  showFacts(session);
  modelMenu(session);
  const showText = writeView(session);
  find("panel-write").prepend(titleMenu(session));
  toolbar(session);
  controls(session, find("settings"));
  treeRoom(session, find("settings"));
  copiedRoom(session, find("settings"));
  draftsRoom(session, find("settings"));
  shortcuts(session);
  ownModels(session);
  const later = laterViews(session);
  /** @type {Record<string, () => void>} */
  const shown = {
    "panel-write": showText,
    "panel-inspect": later.inspect,
    "panel-compare": later.compare,
    "panel-about": later.about,
    "panel-read": readRoom(session),
  };
  setScript(session);
  tabs(/** @type {HTMLElement} */ (document.querySelector("[role=tablist]")), (panel) => {
    session.watched = panel === "panel-inspect";
    document.body.dataset.panel = panel;
    shown[panel]?.();
  });

  if (restoreDraft(session)) removeExample();
  else if (!openLink(session)) {
    playExample(session, session.model.example);
    session.choose(session.name);
  }
  addEventListener("hashchange", () => openLink(session));
  try {
    if (window.isSecureContext) await navigator.serviceWorker?.register(new URL("service_worker.js", base));
  } catch {
    // Storage that is switched off, or a sandboxed frame: the page works while there is a network.
  }
}

/**
 * Write what the address asks for.
 * @param {Session} session
 * @returns {boolean}  whether it asks for anything
 */
function openLink(session) {
  const link = parse(location.hash, session.names);
  if (!link) return false;
  if (document.getElementById("example")) removeExample();
  if (link.problems.length) notify(data(t("Part of the link was passed over: {problems}.", { problems: link.problems.join("; ") })));
  void session.replay(link.recipe);
  return true;
}

async function fetchManifest() {
  const response = await fetch(new URL("manifest.json", base)).catch((error) => {
    throw new EngineError("offline", String(error));
  });
  if (!response.ok) throw new EngineError("missing", `manifest.json: ${response.status}`);
  return response.json();
}

start().catch((error) => showFailure(error, () => location.reload()));
