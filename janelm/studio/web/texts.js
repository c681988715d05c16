/** The room of texts: dropped, chosen or pasted, and looked at. */

import { count, percent, size } from "/house/views/numbers.js";
import { make, section } from "/house/views/elements.js";
import { announce, ask, complain, doer, send } from "./ask.js";
import { cleaningBox } from "./cleaning.js";
import { chosenFiles, droppedFiles } from "./files.js";

/**
 * @param {HTMLElement} panel
 * @param {(name: string) => void} onTrain
 */
export function textRoom(panel, onTrain) {
  const name = make("input", { id: "text-name", value: "my-text", autocomplete: "off" });
  const pasted = make("textarea", { id: "pasted", rows: 5 });
  const chosen = make("input", { type: "file", multiple: true, id: "files" });
  const folder = make("input", { type: "file", id: "folder", webkitdirectory: true });
  const bar = make("progress", { max: 1, value: 0, "aria-label": "Sent so far" });
  const sent = make("span", {});
  const progress = make("p", { class: "row", hidden: true }, bar, sent);
  /** @type {any[]} */
  let texts = [];
  const list = make("div", { class: "fields" });
  const seen = make("div", { id: "seen" });

  /** @param {import("./files.js").Brought[]} files */
  async function take(files) {
    if (!files.length) throw new Error("There is no file in it.");
    const total = files.reduce((sum, { file }) => sum + file.size, 0);
    let before = 0;
    progress.hidden = false;
    try {
      for (const [i, { name: file, file: content }] of files.entries()) {
        const path = `/studio/texts/${encodeURIComponent(name.value)}/${encodeURIComponent(file)}`;
        await send(path, content, (share) => {
          bar.value = total ? (before + share * content.size) / total : 1;
          sent.textContent = `${files.length > 1 ? `file ${i + 1} of ${files.length}, ` : ""}${size(before + share * content.size)} of ${size(total)}`;
        });
        before += content.size;
      }
      await look(name.value);
    } finally {
      progress.hidden = true;
    }
  }
  const taken = (/** @type {Promise<import("./files.js").Brought[]> | import("./files.js").Brought[]} */ files) =>
    Promise.resolve(files).then(take).catch(complain);

  /**
   * @param {string} text
   * @param {Record<string, any>} [kept]  how it is cleaned
   */
  async function look(text, kept = texts.find((one) => one.name === text)?.cleaning ?? {}) {
    seen.replaceChildren(make("p", { class: "help" }, "Looking at it …"));
    try {
      const found = await ask(`/studio/look/${encodeURIComponent(text)}`);
      seen.replaceChildren(picture(text, found, onTrain), cleaningBox(text, kept, (now) => look(text, now)));
      announce(`${text}: ${count(found.characters)} characters`);
    } catch (error) {
      seen.replaceChildren();
      complain(error);
    }
  }

  const drop = make(
    "div",
    { class: "drop" },
    make("p", {}, "Drop files or folders here: plain text, Word, EPUB, PDF, HTML, chats, letters, tables, or archives of them"),
    make("label", { class: "field", htmlFor: "files" }, "or choose files ", chosen),
    make("label", { class: "field", htmlFor: "folder" }, "or a folder ", folder),
    progress,
  );
  drop.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  drop.ondragleave = () => drop.classList.remove("over");
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    void taken(droppedFiles(event.dataTransfer));
  };
  for (const input of [chosen, folder]) input.onchange = () => taken(chosenFiles(input.files ?? []));
  panel.append(
    section(
      "box",
      "Your text",
      "What a model learns from: a few hundred pages are a good start. It stays on this machine.",
      make("label", { class: "row", htmlFor: "text-name" }, "Name of the text", name),
      drop,
      make("label", { class: "row", htmlFor: "pasted" }, "or paste it", pasted),
      make("div", { class: "buttons" }, doer("Keep this text", () => take([{ name: "pasted.txt", file: new Blob([pasted.value]) }]), { class: "primary" })),
    ),
    seen,
    section("kept box", "Kept texts", "Those that are here already.", list),
  );

  return (/** @type {any} */ state) => {
    texts = state.texts;
    list.replaceChildren(
      ...state.texts.map((/** @type {any} */ text) =>
        make(
          "div",
          { class: "buttons" },
          make("strong", {}, text.name),
          ` ${text.files} ${text.files === 1 ? "file" : "files"}, ${size(text.bytes)}${Object.keys(text.cleaning).length ? ", cleaned" : ""} `,
          doer("Look", () => look(text.name), { "aria-label": `Look: ${text.name}` }),
          doer("Train on it", () => onTrain(text.name), { "aria-label": `Train on it: ${text.name}` }),
          doer("Remove", async () => confirm(`Remove the text ${text.name}?`) && (await ask(`/studio/text/${encodeURIComponent(text.name)}`, { method: "DELETE" })), { class: "quiet", "aria-label": `Remove: ${text.name}` }),
        ),
      ),
    );
  };
}

/**
 * What `janelm look` found.
 * @param {string} name
 * @param {any} seen
 * @param {(name: string) => void} onTrain
 */
function picture(name, seen, onTrain) {
  const scripts = Object.entries(seen.scripts).slice(0, 6).map(([script, number]) => {
    const share = Number(number) / seen.characters;
    return make("div", {}, script, make("meter", { value: share, "aria-label": `${script}: ${percent(share)}` }), percent(share));
  });
  const { training } = seen;
  return section(
    "look box",
    `${name}: ${count(seen.characters)} characters`,
    `${count(seen.different)} different ones, in ${count(seen.files.length)} ${seen.files.length === 1 ? "file" : "files"}. In ten minutes a transformer would have ${count(training.parameters)} parameters.`,
    make("div", { class: "bars" }, ...scripts),
    make("ul", {}, ...seen.files.slice(0, 10).flatMap((/** @type {any} */ file) => file.done.map((/** @type {string} */ line) => make("li", {}, `${file.name.replace(/^.*[/\\]/, "")}: ${line}`)))),
    make("ul", {}, ...seen.warnings.map((/** @type {string} */ line) => make("li", {}, line))),
    make("p", { class: "help" }, `What is held out begins: “${seen.held_out_begins.slice(0, 120)}”`),
    make("div", { class: "buttons" }, doer("Train on it", () => onTrain(name), { class: "primary" })),
  );
}
