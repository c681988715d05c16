/** The room of runs: a table, curves over each other, and what one does with a run. */

import { count } from "/house/views/numbers.js";
import { make, section } from "/house/views/elements.js";
import { ask, complain, doer, send } from "./ask.js";
import { chart } from "./chart.js";
import { meanings, more } from "./train.js";

/** @type {[string, string, (run: any) => string][]} what a run has, the heading, and how it is shown */
const COLUMNS = [
  ["name", "run", (run) => run.name],
  ["kind", "architecture", (run) => run.kind ?? "damaged"],
  ["parameters", "parameters", (run) => (run.parameters ? count(run.parameters) : "")],
  ["text", "text", (run) => run.text ?? ""],
  ["heldout", "held-out bits per byte", (run) => (run.heldout ?? run.validation)?.toFixed(4) ?? ""],
  ["state", "state", (run) => (run.training ? "is learning" : run.finished ? "finished" : run.resumable ? "interrupted" : (run.problem ?? "begun"))],
  ["note", "note", (run) => run.note],
];

/**
 * @param {HTMLElement} panel
 * @param {(run: string) => void} onTrainFrom
 */
export function runRoom(panel, onTrainFrom) {
  /** @type {Set<string>} */
  const chosen = new Set();
  let [sorted, falling] = ["", false];
  let shown = "";
  /** @type {any} */
  let state = { runs: [], bin: [] };
  const filter = make("input", { id: "filter", type: "search", autocomplete: "off" });
  const table = make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Table of runs" });
  const detail = make("div", { class: "column" });
  const bin = make("div", { class: "fields" });
  const zip = make("input", { id: "zip", type: "file", accept: ".zip" });
  filter.oninput = () => draw();
  zip.onchange = async () => {
    const file = zip.files?.[0];
    if (!file) return;
    const name = file.name.replace(/\.zip$/, "").replace(/[^A-Za-z0-9_-]/g, "-");
    await send(`/studio/import/${encodeURIComponent(name)}`, file, () => {}).catch(complain);
    zip.value = "";
  };
  panel.append(
    section("all box", "Runs", "Choose one to see it, or several to compare them.", make("label", { class: "row", htmlFor: "filter" }, "Show only", filter), table, make("label", { class: "field", htmlFor: "zip" }, "Take in a zip of a run ", zip)),
    detail,
    section("bin box", "The bin", "Runs that were thrown away.", bin),
  );

  function draw() {
    const focused = /** @type {HTMLElement | null} */ (table.contains(document.activeElement) ? document.activeElement : null);
    const wanted = filter.value.toLowerCase();
    const runs = state.runs.filter((/** @type {any} */ run) => JSON.stringify([run.name, run.kind, run.text, run.note]).toLowerCase().includes(wanted));
    const column = COLUMNS.find(([key]) => key === sorted);
    if (column) runs.sort(order(column));
    const head = COLUMNS.map(([key, label]) => {
      const button = make("button", { type: "button", "data-column": key }, label);
      button.onclick = () => {
        [sorted, falling] = [key, sorted === key && !falling];
        draw();
        /** @type {HTMLElement} */ (table.querySelector(`[data-column="${key}"]`)).focus();
      };
      return make("th", { scope: "col", "aria-sort": sorted !== key ? "none" : falling ? "descending" : "ascending" }, button);
    });
    table.replaceChildren(
      make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, make("span", { class: "unseen" }, "chosen")), ...head)), make("tbody", {}, ...runs.map(line))),
    );
    const { column: stands, run: chosenBox } = focused?.dataset ?? {};
    if (stands || chosenBox) [...table.querySelectorAll("[data-column], [data-run]")].forEach((each) => {
      const { column, run } = /** @type {HTMLElement} */ (each).dataset;
      if (column === stands && run === chosenBox) /** @type {HTMLElement} */ (each).focus();
    });
  }

  /**
   * @param {[string, string, (run: any) => string]} column
   * @returns {(a: any, b: any) => number}
   */
  function order([key, , show]) {
    const by = (/** @type {any} */ a, /** @type {any} */ b) => {
      const [one, other] = key === "heldout" ? [a.heldout ?? a.validation, b.heldout ?? b.validation] : [a[key], b[key]];
      if (typeof one === "number" && typeof other === "number") return one - other;
      return show(a).localeCompare(show(b), "en", { numeric: true });
    };
    return (a, b) => (falling ? by(b, a) : by(a, b));
  }

  /** @param {any} run */
  function line(run) {
    const box = make("input", { type: "checkbox", checked: chosen.has(run.name), "data-run": run.name, "aria-label": `Choose ${run.name}` });
    box.onchange = () => {
      if (box.checked) chosen.add(run.name);
      else chosen.delete(run.name);
      void see();
    };
    return make("tr", {}, make("td", {}, box), ...COLUMNS.map(([, , show]) => make("td", {}, show(run))));
  }

  async function see() {
    const names = state.runs.map((/** @type {any} */ run) => run.name).filter((/** @type {string} */ name) => chosen.has(name));
    if (!names.length) return detail.replaceChildren();
    try {
      const curves = await Promise.all(names.map((/** @type {string} */ name) => ask(`/studio/runs/${encodeURIComponent(name)}`)));
      /** @type {Node[]} */
      const parts = [chart(curves, await meanings(names[0]))];
      if (names.length > 1) parts.push(...differences(names, await ask(`/studio/compare?runs=${names.map(encodeURIComponent).join(",")}`)));
      else parts.push(...one(names[0], curves[0]));
      detail.replaceChildren(section("detail box", names.join(" and "), "", ...parts));
    } catch (error) {
      complain(error);
    }
  }

  /**
   * @param {string} name
   * @param {any} curves
   */
  function one(name, curves) {
    const path = `/studio/runs/${encodeURIComponent(name)}`;
    const run = state.runs.find((/** @type {any} */ each) => each.name === name);
    const title = make("input", { id: "new-name", value: name, autocomplete: "off" });
    const note = make("textarea", { id: "note", rows: 2, value: run.note });
    return [
      make("p", { class: "prose sample", tabIndex: 0, role: "region", "aria-label": `What ${name} wrote last` }, curves.samples.at(-1)?.text ?? ""),
      make("label", { class: "row", htmlFor: "new-name" }, "Name", title),
      make("label", { class: "row", htmlFor: "note" }, "Note", note),
      make(
        "div",
        { class: "buttons" },
        doer("Save name and note", async () => {
          await ask(path, { body: title.value === name ? { note: note.value } : { note: note.value, name: title.value } });
          chosen.delete(name);
          chosen.add(title.value);
        }),
        ...(run.minutes && run.resumable ? more(name) : []),
        run.finished ? doer("Train on, with another text", () => onTrainFrom(name)) : null,
        make("a", { class: "press", href: `/studio/zip/${encodeURIComponent(name)}`, download: `${name}.zip` }, "Download"),
        doer("Into the bin", async () => {
          await ask(path, { method: "DELETE" });
          chosen.delete(name);
          detail.replaceChildren();
        }, { class: "quiet" }),
      ),
    ];
  }

  return (/** @type {any} */ now) => {
    state = now;
    draw();
    const found = JSON.stringify([[...chosen], now.runs.filter((/** @type {any} */ run) => chosen.has(run.name)).map((/** @type {any} */ run) => [run.name, run.step])]);
    if (found !== shown && !detail.contains(document.activeElement)) void see();
    shown = found;
    bin.replaceChildren(
      ...now.bin.map((/** @type {string} */ place) =>
        make("div", { class: "buttons" }, place.replace(/--\d+$/, ""), doer("Put back", () => ask(`/studio/bin/${encodeURIComponent(place)}`, { method: "POST" }), { "aria-label": `Put back: ${place.replace(/--\d+$/, "")}` })),
      ),
    );
  };
}

/**
 * @param {string[]} names
 * @param {any} found
 */
function differences(names, found) {
  const rows = Object.entries(found.settings).map(([setting, values]) =>
    make("tr", {}, make("th", { scope: "row" }, setting), ...values.map((/** @type {any} */ value) => make("td", {}, value === null || value === undefined ? "–" : JSON.stringify(value)))),
  );
  return [
    make("ul", {}, ...found.unfair.map((/** @type {string} */ reason) => make("li", {}, `Not a fair comparison: ${reason}`))),
    make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Settings that differ" }, make("table", {}, make("thead", {}, make("tr", {}, make("td", {}, ""), ...names.map((name) => make("th", { scope: "col" }, name)))), make("tbody", {}, ...rows))),
  ];
}
