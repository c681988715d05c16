/** What is done to a text before a model reads it: chosen, seen before and after, and kept. */

import { make, section } from "/house/views/elements.js";
import { announce, ask, doer } from "./ask.js";
import { row } from "./train.js";

const STEPS = {
  drop_front_matter: "Leave out what stands before the first chapter",
  drop_headings: "Leave out headings of chapters",
  unwrap: "Join lines of fixed width into paragraphs",
  straighten_quotes: "Write all quotes as ' and \"",
  lower_case: "Write everything in lower case",
};
const PERSONAL = { email: "e-mail addresses", phone: "telephone numbers", handle: "@handles", link: "links", name: "names of those who speak in a chat" };

/**
 * @param {string} text
 * @param {Record<string, any>} kept  how it is cleaned now
 * @param {(kept: Record<string, any>) => Promise<void>} onKept
 */
export function cleaningBox(text, kept, onKept) {
  const check = (/** @type {string} */ value, /** @type {string} */ label, /** @type {boolean} */ checked) =>
    make("label", { class: "check" }, make("input", { type: "checkbox", value, checked }), label);
  const steps = make("fieldset", { class: "fields" }, make("legend", {}, "What is left out or changed"));
  for (const [name, label] of Object.entries(STEPS)) steps.append(check(name, label, Boolean(kept[name])));
  const blanks = make("fieldset", { class: "fields" }, make("legend", {}, "Blank out, before a private text becomes a public model"));
  for (const [name, label] of Object.entries(PERSONAL)) blanks.append(check(name, label, Boolean(kept.blank_out?.includes(name))));
  const after = make("input", { id: "clean-after", value: kept.after ?? "", autocomplete: "off" });
  const before = make("input", { id: "clean-before", value: kept.before ?? "", autocomplete: "off" });
  const shown = make("div", { "aria-live": "polite" });

  function wanted() {
    const checked = (/** @type {Element} */ box) => [...box.querySelectorAll("input:checked")].map((each) => /** @type {HTMLInputElement} */ (each).value);
    const on = Object.fromEntries(checked(steps).map((name) => [name, true]));
    return { ...on, blank_out: checked(blanks), after: after.value || null, before: before.value || null };
  }
  const preview = doer("Preview", async () => {
    shown.replaceChildren(make("p", { class: "help" }, "Reading it …"));
    const found = await ask(`/studio/look/${encodeURIComponent(text)}`, { body: wanted() }).catch((error) => {
      shown.replaceChildren();
      throw error;
    });
    shown.replaceChildren(places(found));
  });
  const keep = doer("Clean it so", async () => {
    await ask(`/studio/text/${encodeURIComponent(text)}`, { body: wanted() });
    announce(`${text} is cleaned so from now on`);
    await onKept(wanted());
  }, { class: "primary" });
  return section(
    "cleaning box",
    "Cleaning",
    "What you brought stays as it is; a model reads it cleaned.",
    steps,
    blanks,
    make("div", { class: "grid" }, row("The text begins where this stands first", after), row("and ends before where this stands last", before)),
    make("div", { class: "buttons" }, preview, keep),
    shown,
  );
}

/** @param {any} found  what `janelm look --preview` says */
function places(found) {
  const done = found.files.flatMap((/** @type {any} */ file) => file.done.map((/** @type {string} */ line) => make("li", {}, `${file.name.replace(/^.*[/\\]/, "")}: ${line}`)));
  const cell = (/** @type {string} */ part) => make("td", {}, make("pre", {}, part || "(nothing)"));
  const rows = found.changes.map((/** @type {[string, string]} */ [old, now]) => make("tr", {}, cell(old), cell(now)));
  return make(
    "div",
    { class: "column" },
    make("ul", {}, ...done),
    rows.length
      ? make(
          "div",
          { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Before and after" },
          make(
            "table",
            { class: "before-after" },
            make("caption", {}, "Places on the first pages"),
            make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Before"), make("th", { scope: "col" }, "After"))),
            make("tbody", {}, ...rows),
          ),
        )
      : make("p", { class: "help" }, "The first pages stay as they are."),
  );
}
