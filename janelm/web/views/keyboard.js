/** Keys that work wherever one is on the page. */

/** @typedef {import("./session.js").Session} Session */

/** What is shown of them. */
export const SHORTCUTS = [
  ["Ctrl + Enter", "write on"],
  ["Ctrl + Shift + Enter", "write the last part anew"],
  ["Esc", "stop"],
  ["Ctrl + Z", "undo, in the text"],
  ["Ctrl + Shift + Z", "redo, in the text"],
  ["← →", "from token to token, in Look inside"],
];

/** @param {Session} session */
export function shortcuts(session) {
  addEventListener("keydown", (event) => {
    if (
      event.defaultPrevented ||
      !["panel-write", "panel-inspect"].includes(document.body.dataset.panel ?? "panel-write")
    )
      return;
    if (event.key === "Escape" && session.busy) session.stop();
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const { target } = event; // a field of the settings tells of a change only once it is left
    if (target instanceof Element && target.closest("#settings")) target.dispatchEvent(new Event("change"));
    void (event.shiftKey ? session.retry() : session.continue());
  });
}
