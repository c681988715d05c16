/** The room in which the static page is made: seen before it goes anywhere, and taken along as a zip. */

import { size } from "/house/views/numbers.js";
import { make, section } from "/house/views/elements.js";
import { announce, ask, doer } from "./ask.js";
import { row } from "./train.js";

/**
 * Boxes to choose finished runs by; the last one is chosen at first.
 * @param {string} legend
 */
export function chosenRuns(legend) {
  const element = make("fieldset", { class: "fields" });
  let shown = "";
  return {
    element,
    chosen: () => [...element.querySelectorAll("input:checked")].map((box) => /** @type {HTMLInputElement} */ (box).value),
    /** @param {any[]} runs */
    show(runs) {
      const names = runs.filter((run) => run.finished).map((run) => run.name);
      if (shown === names.join()) return;
      shown = names.join();
      const box = (/** @type {string} */ name, /** @type {number} */ i) => make("label", { class: "check" }, make("input", { type: "checkbox", value: name, checked: i === names.length - 1 }), name);
      element.replaceChildren(make("legend", {}, legend), ...names.map(box));
    },
  };
}

/** @param {HTMLElement} panel */
export function publishRoom(panel) {
  const boxes = chosenRuns("Models on the page");
  const title = make("input", { id: "site-title", autocomplete: "off" });
  const precision = make("select", { id: "site-precision" }, ...["int6-weights", "int8-weights", "fp16", "fp32", "int8"].map((value) => make("option", { value }, value)));
  const done = make("div", { class: "column" });
  let shown = "";
  const make_it = doer("Make the page", async () => {
    announce("Making the page");
    await ask("/studio/site", { body: { runs: boxes.chosen(), title: title.value || null, precision: precision.value } });
    shown = "";
  }, { class: "primary" });
  panel.append(
    section(
      "site box",
      "Publish",
      "A folder that any static host serves: the models write, are looked into and compared in the reader's browser. Nothing is sent anywhere: you take the zip where you like.",
      boxes.element,
      make("div", { class: "grid" }, row("Title of the page", title), row("Weights", precision)),
      make("div", { class: "buttons" }, make_it),
    ),
    done,
  );
  return (/** @type {any} */ state) => {
    boxes.show(state.runs);
    const now = String(state.site);
    if (now === shown) return;
    shown = now;
    done.replaceChildren(
      ...(state.site === null
        ? []
        : [
            section(
              "made box",
              `The page, ${size(state.site)}`,
              "The zip also has the workflow that publishes it on GitHub Pages.",
              make("div", { class: "buttons" }, make("a", { class: "press", href: "/studio/site.zip", download: "site.zip" }, "Download the zip"), make("a", { class: "press", href: "/preview/", target: "_blank" }, "Open it")),
              make("iframe", { src: "/preview/", title: "The page as readers will see it", loading: "lazy" }),
            ),
          ]),
    );
  };
}
