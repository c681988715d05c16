/** The page of text that both the person and the model write on. */

import { debounced, find, make, paced } from "./elements.js";
import { edited, flowing } from "./flow.js";
import { t } from "./language.js";

/** @typedef {import("./session.js").Session} Session */

const AT_END = 80; // pixels from the foot of the page within which a reader counts as following the writing

/**
 * Ties the text area to the notebook.
 * @param {Session} session
 * @returns {() => void}  to be called when the panel is shown
 */
export function writeView(session) {
  const area = /** @type {HTMLTextAreaElement} */ (find("text"));
  const { notebook } = session;

  let shown = area.value;
  let typing = false;
  area.addEventListener("input", () => {
    typing = true;
    notebook.edit(edited(notebook.text, shown, area.value));
    typing = false;
    shown = area.value;
  });
  area.addEventListener("keydown", (event) => {
    // The browser's own undo knows nothing of what the model wrote.
    if (!(event.ctrlKey || event.metaKey) || event.altKey || session.busy) return;
    const key = event.key.toLowerCase();
    if (key === "z" || key === "y") {
      event.preventDefault();
      if (key === "z" && !event.shiftKey) notebook.undo();
      else notebook.redo();
    }
  });

  const show = () => {
    const text = session.flowing ? flowing(notebook.text) : notebook.text;
    if (typing || shown === text) return;
    const follow = session.busy && isFollowing();
    const same = shown.length - 1; // a line break at the very end may turn out to be one that flows
    if (same >= 0 && text.length > same && text.startsWith(shown.slice(0, same))) {
      area.setRangeText(text.slice(same), same, shown.length, "preserve");
    } else area.value = text;
    shown = text;
    grow(area);
    if (follow) scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
  };
  const showSometimes = paced(show);
  notebook.addEventListener("change", () => (session.busy ? showSometimes() : show()));
  session.addEventListener("view", show);
  session.addEventListener("view", () => {
    area.style.height = "";
    grow(area);
  });
  session.addEventListener("model", show);
  session.addEventListener("writing", () => {
    area.readOnly = session.busy;
    area.classList.toggle("writing", session.busy);
  });
  area.addEventListener("input", () => grow(area));
  addEventListener("resize", () => grow(area));
  grow(area);

  const unknown = make("p", { class: "help", role: "note", hidden: true });
  area.closest("section")?.append(unknown);
  const checkLetters = debounced(500, () => {
    const letters = session.engine.unknownCharacters(session.name, notebook.text);
    unknown.hidden = !letters.length;
    unknown.textContent =
      t("{name} never saw {letters} in its text, and reads each as an unknown sign.", {
        name: session.name,
        letters: letters.slice(0, 12).join(" "),
      });
  });
  notebook.addEventListener("change", () => session.busy || checkLetters());
  session.addEventListener("model", checkLetters);

  // A text area is printed as one box that ends with the first sheet of paper; a paragraph goes on to the next.
  const copy = make("p", { class: "prose print", dir: "auto" });
  area.after(copy);
  addEventListener("beforeprint", () => (copy.textContent = area.value));
  addEventListener("afterprint", () => (copy.textContent = ""));
  return () => grow(area);
}

function isFollowing() {
  const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
  return scrollHeight - clientHeight - scrollTop < AT_END;
}

const GROWS_BY_ITSELF = CSS.supports("field-sizing", "content");

/** @param {HTMLTextAreaElement} area  made as high as its text, once it is shown */
function grow(area) {
  if (GROWS_BY_ITSELF || !area.offsetParent || document.body.dataset.vertical) return;
  const top = scrollY; // which the page loses while it is shorter
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
  scrollTo({ top, behavior: "instant" });
}
