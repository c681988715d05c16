/** About: what each model is, how it was trained, how good it is, what it copied, and what it cannot do. */

import { data, make, find } from "./elements.js";
import { SHORTCUTS } from "./keyboard.js";
import { t } from "./language.js";
import { count, duration, percent, size } from "./numbers.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("../engine/types.js").ModelEntry} ModelEntry */

const LOSSES = [
  ["validation", "validation, which steered the training"],
  ["test", "test, read once at the end"],
  ["heldout", "both"],
  ["validation_carried", "validation, read from start to end"],
  ["test_carried", "test, read from start to end"],
  ["heldout_carried", "both, read from start to end"],
];

/**
 * Builds the panel.
 * @param {Session} session
 * @returns {() => void}  to be called when the panel is shown
 */
export function aboutView(session) {
  const show = () => fill(session);
  session.addEventListener("models", show);
  show();
  return () => {};
}

/** @param {Session} session */
function fill(session) {
  const { manifest } = session;
  find("panel-about").replaceChildren(
    make("p", { class: "lead" }, lead(manifest.models)),
    make(
      "p",
      {},
      "A model of this size has learned the sound of its text, not its sense. It will not tell you anything " +
        "true, it knows nothing but its text, and what it says of people and places is not to be relied on.",
    ),
    ...manifest.models.map(modelCard),
    privacy(session),
    keys(),
    thirdParties(manifest),
  );
}

/** @param {ModelEntry[]} models */
function lead(models) {
  const one = models.length === 1;
  const later = models.filter(({ card }) => card?.ancestor).map(({ name }) => name);
  if (later.length) {
    const trained = one
      ? "The language model of this page was trained with JaneLM, and writes here, in your browser, without a server."
      : "The language models of this page were trained with JaneLM, and write here, in your browser, without a server.";
    const names = later.join(", ");
    const goes = later.length === 1 ? "{names} goes on from another model, which is named below." : "{names} go on from other models, which are named below.";
    return `${t(trained)} ${t(goes, { names })}`;
  }
  return one
    ? "The language model of this page was trained from scratch with JaneLM, and writes here, in your browser, without a server."
    : "The language models of this page were trained from scratch with JaneLM, and write here, in your browser, without a server.";
}

/** @param {ModelEntry} model */
function modelCard(model) {
  const { name, kind, description, card = {}, precision_change: change } = model;
  const { config, tokenizer } = description;
  const heads = config.heads ? t(", {heads} heads", { heads: config.heads }) : "";
  const shape =
    config.layers && config.width
      ? t(", {layers} layers of {width}{heads}", { layers: config.layers, width: count(config.width), heads })
      : "";
  const kinds = { character: "{count} characters", word: "{count} words and characters", tiktoken: "{count} byte pairs" };
  const pieces = t(kinds[tokenizer.kind], { count: count(description.vocab_size) });
  const id = `about-${name}`;
  return make(
    "article",
    { class: "model-card", "aria-labelledby": id },
    make("h2", { id }, data(name)),
    facts([
      ["Architecture", `${kind}${shape}`],
      ["Parameters", count(model.parameters)],
      ["Vocabulary", pieces],
      [
        "Trained to look back on",
        t(kind === "lstm" ? "{count} tokens; its state itself has no such limit" : "{count} tokens", { count: count(config.context_length) }),
      ],
      ["Download", model.served ? "none: the server that shows this page runs it" : `${size(model.bytes)}, ${model.precision}${adapterText(model)}`],
      ["What that precision changes", changeText(change)],
      ["Learned from", list(card.data)],
      ["Goes on from", ancestor(card.ancestor)],
      ["Training", training(card)],
      ["Ended because", card.ended && t(card.ended)],
      ["Machine", card.machine],
      ["Made with", versions(card.versions)],
    ]),
    card.command
      ? make(
          "div",
          { class: "command" },
          make("h3", {}, "The command that trained it"),
          make("pre", { tabIndex: 0 }, make("code", {}, card.command)),
        )
      : null,
    losses(model),
    overlap(model),
    settings(card.settings),
  );
}

/** @param {[string, string | null | undefined][]} pairs  those without a value are left out */
function facts(pairs) {
  const known = pairs.filter(([, value]) => value);
  return make(
    "dl",
    {},
    ...known.map(([name, value]) => make("div", {}, make("dt", {}, t(name)), make("dd", {}, data(value ?? "")))),
  );
}

/** @param {unknown} data */
function list(data) {
  return Array.isArray(data) ? data.join(", ") : typeof data === "string" ? data : null;
}

/** @param {Record<string, any>} card */
function training({ steps, tokens, seconds, tokens_per_second: speed }) {
  if (!steps) return null;
  const rate = speed ? t(", {rate} tokens a second", { rate: count(Math.round(speed)) }) : "";
  return t("{steps} steps over {tokens} tokens in {time}{rate}", { steps: count(steps), tokens: count(tokens), time: duration(seconds), rate });
}

/** @param {Record<string, string> | undefined} names */
function versions(names) {
  return names
    ? Object.entries(names)
        .map(([name, version]) => `${name} ${version}`)
        .join(", ")
    : null;
}

/** @param {ModelEntry} model */
function adapterText({ adapter }) {
  return adapter ? `; it is ${size(adapter.bytes)} that are added to a model which others on this page may share` : "";
}

/** @param {{name: string, data: string[]} | null | undefined} before */
function ancestor(before) {
  return before ? `${before.name}, which learned from ${list(before.data) || "a text that is not known"}` : null;
}

/** @param {any} change */
function changeText(change) {
  if (!change) return null;
  if (change.not_measured) return t("not measured, because {why}", { why: change.not_measured });
  const { bits_per_byte_fp32: full, bits_per_byte: now, bytes } = change;
  const difference = now - full;
  return t("{change} bits per byte ({now} rather than {full}, over {bytes} bytes of held-out text)", {
    change: `${difference >= 0 ? "+" : "−"}${Math.abs(difference).toFixed(4)}`,
    now: now.toFixed(4),
    full: full.toFixed(4),
    bytes: count(bytes),
  });
}

/**
 * @param {string} caption
 * @param {string[]} head
 * @param {string[][]} rows
 */
function table(caption, head, rows) {
  const body = rows.map(([first, ...rest]) =>
    make("tr", {}, make("th", { scope: "row" }, first), ...rest.map((cell) => make("td", {}, cell))),
  );
  const columns = make("tr", {}, ...head.map((cell) => make("th", { scope: "col" }, t(cell))));
  const content = make(
    "table",
    {},
    make("caption", {}, caption),
    make("thead", {}, columns),
    make("tbody", {}, ...body),
  );
  return make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": caption }, content);
}

/** @param {ModelEntry} model */
function losses({ name, losses: all }) {
  const rows = LOSSES.filter(([key]) => all?.[key]).map(([key, title]) => {
    const { bits_per_byte: bits, perplexity, accuracy } = all[key];
    return [t(title), bits.toFixed(4), perplexity.toFixed(2), percent(accuracy)];
  });
  const head = ["text", "bits per byte", "perplexity", "accuracy"];
  return rows.length ? table(t("How well {name} expects text that it never saw", { name }), head, rows) : null;
}

/** @param {ModelEntry} model */
function overlap({ name, overlap: all, description }) {
  const rows = Object.entries(all ?? {}).filter(([, row]) => row && typeof row === "object");
  if (!rows.length) return null;
  const unit = t(description.tokenizer.kind === "character" ? "characters" : "tokens");
  const share = (/** @type {unknown} */ value) => (typeof value === "number" ? percent(value) : "–");
  return table(
    t("Is it copied? The share of runs of {unit} that stand word for word in the training text of {name}", { unit, name }),
    ["text", "of 8", "of 16", "of 32", t("longest, {unit}", { unit })],
    rows.map(([text, row]) => [
      text,
      share(row.runs_of_8),
      share(row.runs_of_16),
      share(row.runs_of_32),
      String(row.longest),
    ]),
  );
}

/** @param {Record<string, Record<string, any>> | undefined} all */
function settings(all) {
  if (!all) return null;
  const shown = Object.values(all).flatMap((part) => Object.entries(part));
  const pairs = shown
    .filter(([, value]) => value !== null)
    .map(([key, value]) => /** @type {[string, string]} */ ([key, String(value)]));
  return make("details", {}, make("summary", {}, "Every setting"), facts(pairs));
}

/** @param {Session} session */
function privacy({ manifest }) {
  const total = manifest.runtime.wasm_bytes;
  return make(
    "section",
    {},
    make("h2", {}, "What runs where"),
    make(
      "p",
      {},
      t("Everything runs on this device: the page, the tokenizer, the sampler and the model, in a worker of its own by {runtime} (WebAssembly, {size}, one thread). Nothing you type leaves the device; there is no account, no counter and no cookie. The first visit stores the files in this browser, so that the page works offline from then on.", {
        runtime: `${manifest.runtime.name} ${manifest.runtime.version}`,
        size: size(total),
      }),
    ),
  );
}

function keys() {
  const pairs = SHORTCUTS.map(([key, meaning]) =>
    make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, t(meaning))),
  );
  return make("section", {}, make("h2", {}, t("Keys")), make("dl", {}, ...pairs));
}

/** @param {import("../engine/types.js").Manifest} manifest */
function thirdParties(manifest) {
  const packages = manifest.runtime.glue ? [manifest.runtime, manifest.charts] : [manifest.charts];
  const names = packages.map(({ name, version }) => `${name} ${version}`);
  const licences = make("a", { href: "LICENSES.txt" }, "The licences");
  return make(
    "section",
    {},
    make("h2", {}, "Made of"),
    make(
      "p",
      {},
      t("JaneLM {version}, {others}, all under the MIT License.", { version: manifest.janelm, others: names.join(", ") }),
      data(" "),
      licences,
      data(". "),
      t("This page was made on {date}.", { date: manifest.created }),
    ),
  );
}
