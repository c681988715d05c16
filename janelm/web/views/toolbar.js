/** The buttons at hand while one writes: write, stop, again, back and forth, keep and share. */

import { data, find, icon, make } from "./elements.js";
import { t } from "./language.js";
import { saveText } from "./rooms.js";
import { announce, statusLine } from "./status.js";

/** @typedef {import("./session.js").Session} Session */

const ICONS = {
  write: "M4 20l1-5L16 4l4 4L9 19zM14 6l4 4",
  stop: "M6 6h12v12H6z",
  retry: "M4 12a8 8 0 1 0 3-6.2M4 4v5h5",
  undo: "M9 14L4 9l5-5M4 9h9a7 7 0 0 1 0 14h-2",
  redo: "M15 14l5-5-5-5M20 9h-9a7 7 0 0 0 0 14h2",
  step: "M5 5v14l9-7zM18 5v14",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14",
};

const LONGEST_LINK = 32_000; // characters; few places take a longer one

/** @param {Session} session */
export function toolbar(session) {
  const { notebook } = session;
  const write = button("write", "Write", "Ctrl+Enter", () => (session.busy ? session.stop() : session.continue()));
  write.classList.add("primary");
  const step = button("step", "One token", "Write a single token", () => session.continue(1));
  const retry = button("retry", "Retry", "Write the last part anew (Ctrl+Shift+Enter)", () => session.retry());
  const undo = button("undo", "Undo", t("Ctrl+Z"), () => notebook.undo());
  const redo = button("redo", "Redo", t("Ctrl+Shift+Z"), () => notebook.redo());
  const link = button("link", "Copy link", "A link that writes this text again", () => copyLink(session));
  const save = button("save", "Save", "Download the text: .txt, .md, .docx or .epub", () => saveText(session));
  for (const one of [undo, redo]) one.classList.add("narrow");
  for (const one of [link, save]) one.classList.add("wide");
  step.classList.add("step");
  for (const one of [step, retry, undo, redo, link, save]) one.classList.add("quiet");
  const group = make(
    "div",
    { class: "buttons", role: "group", "aria-label": t("Writing") },
    write,
    step,
    retry,
    undo,
    redo,
    link,
    save,
  );
  find("toolbar").append(group, statusLine(session));

  let [face, label] = ["", ""];
  const show = () => {
    const { busy } = session;
    const next = busy ? ["stop", "Stop"] : ["write", notebook.origin ? "Continue" : "Write"];
    if (next[1] !== label) {
      [face, label] = next;
      write.replaceChildren(icon(ICONS[/** @type {"stop" | "write"} */ (face)]), make("span", {}, t(label)));
      write.title = busy ? "Esc" : t("Ctrl+Enter");
    }
    allow(step, !busy);
    allow(retry, !busy && notebook.origin !== null);
    allow(undo, !busy && notebook.canUndo);
    allow(redo, !busy && notebook.canRedo);
    allow(save, notebook.text !== "");
  };
  notebook.addEventListener("change", show);
  session.addEventListener("writing", show);
  show();
}

/** @type {(face: keyof typeof ICONS, label: string, title: string, action: () => unknown) => HTMLButtonElement} */
function button(face, label, title, action) {
  const one = make("button", { type: "button", title }, icon(ICONS[face]), make("span", {}, t(label)));
  one.addEventListener("click", () => one.getAttribute("aria-disabled") === "true" || action());
  return one;
}

/**
 * A button that was disabled altogether would lose the focus of whoever has just pressed it.
 * @type {(button: HTMLButtonElement, allowed: boolean) => void}
 */
function allow(button, allowed) {
  button.setAttribute("aria-disabled", String(!allowed));
}

/** @param {Session} session */
async function copyLink(session) {
  const address = session.link();
  if (address.length > LONGEST_LINK) return flash("The text is too long for a link: Save keeps it");
  history.replaceState(null, "", address);
  try {
    await navigator.clipboard.writeText(address);
    flash(t("Link copied"));
  } catch {
    flash(t("The link is in the address bar"));
  }
}

/** @param {string} sentence  shown for a moment, and said */
function flash(sentence) {
  announce(sentence);
  const note = make("div", { class: "flash", "aria-hidden": "true" }, data(sentence));
  find("toolbar").append(note);
  setTimeout(() => note.remove(), 2000);
}
