/** Tabs after the ARIA pattern: arrow keys move among them, and only the chosen one is in the tab order. */

/**
 * @param {HTMLElement} list  with role tablist; each tab controls the panel that its aria-controls names
 * @param {(panel: string) => void} onShow  told the panel's id
 */
export function tabs(list, onShow) {
  const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[role=tab]:not([hidden])")]);
  const panelOf = (/** @type {HTMLElement} */ tab) => tab.getAttribute("aria-controls") ?? "";

  /** @param {HTMLElement} chosen */
  const show = (chosen) => {
    for (const tab of all) {
      const selected = tab === chosen;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      const panel = document.getElementById(panelOf(tab));
      if (panel) panel.hidden = !selected;
    }
    onShow(panelOf(chosen));
  };

  for (const tab of all) tab.addEventListener("click", () => show(tab));
  list.addEventListener("keydown", (event) => {
    const place = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (place < 0) return;
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = all[(next + all.length) % all.length];
    show(tab);
    tab.focus();
  });
}
