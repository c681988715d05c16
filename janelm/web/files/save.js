/** Downloads of the text, made in the page: plain, Markdown, Word and EPUB. */

import { data, make } from "../views/elements.js";
import { t } from "../views/language.js";
import { addStyle } from "../views/rooms.js";
import { bookOf } from "./book.js";
import { crc32 } from "./zip.js";
import { docx, epub, markdown } from "./formats.js";

/** @typedef {import("../views/session.js").Session} Session */

const FORMATS = /** @type {const} */ ([
  ["txt", "Plain text", "text/plain;charset=utf-8"],
  ["md", "Markdown", "text/markdown;charset=utf-8"],
  ["docx", "Word", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
  ["epub", "E-book", "application/epub+zip"],
]);

/** @type {Promise<() => void> | null} */
let dialog = null;

/** @param {Session} session */
export async function saveText(session) {
  dialog ??= addStyle(new URL("files.css", import.meta.url).href).then(() => build(session));
  (await dialog)();
}

/** @param {Session} session */
function build(session) {
  const title = make("input", { type: "text", id: "save-title", maxLength: 120, autocomplete: "off" });
  const close = make("button", { type: "button" }, t("Close"));
  const buttons = FORMATS.map(([ending, name, type]) => {
    const button = make("button", { type: "button" }, t(name), " ", make("small", {}, data(`.${ending}`)));
    button.addEventListener("click", () => {
      download(`${fileName(title.value) || session.name}.${ending}`, contents(session, ending, title.value), type);
      element.close();
    });
    return button;
  });
  const element = make(
    "dialog",
    { class: "chooser", "aria-labelledby": "save-heading" },
    make("h2", { id: "save-heading" }, "Save the text"),
    make("label", { class: "name", htmlFor: "save-title" }, data(`${t("Title")} `), title),
    make("div", { class: "buttons" }, ...buttons),
    make("p", { class: "help" }, "Lines such as CHAPTER 3 become headings; blank lines part paragraphs."),
    close,
  );
  close.addEventListener("click", () => element.close());
  document.body.append(element);
  return () => {
    title.value ||= session.notebook.text.trim().split(/\s+/u).slice(0, 5).join(" ").slice(0, 60);
    element.showModal();
  };
}

/**
 * The text in a format.
 * @type {(session: Session, format: "txt" | "md" | "docx" | "epub", title: string) => string | Uint8Array<ArrayBuffer>}
 */
function contents({ notebook: { text }, model, wraps }, format, title) {
  if (format === "txt") return text;
  const book = bookOf(text, { title, language: model.language ?? "", wraps });
  if (format === "md") return markdown(book);
  if (format === "docx") return docx(book);
  const mark = crc32(new TextEncoder().encode(JSON.stringify(book))); // the same book is the same to an e-book reader
  return epub(book, `urn:janelm:${mark.toString(16).padStart(8, "0")}-${text.length}`);
}

/** @param {string} title  as the name of a file on any system */
function fileName(title) {
  return title.replace(/[\p{Cc}\s\\/:*?"<>|]+/gu, " ").trim().slice(0, 80);
}

/** @type {(name: string, content: string | Uint8Array<ArrayBuffer>, type: string) => void} */
function download(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
