/** The room of trainings: asked for, watched, stopped, given more time. */

import { count, duration } from "/house/views/numbers.js";
import { make, section } from "/house/views/elements.js";
import { announce, ask, doer } from "./ask.js";
import { chart } from "./chart.js";

/** @param {HTMLElement} panel */
export function trainRoom(panel) {
  const text = make("select", { id: "train-text" });
  const name = make("input", { id: "run-name", value: "model", autocomplete: "off" });
  const architecture = choice("architecture", { "transformer,lstm": "both, side by side", transformer: "transformer", lstm: "LSTM" });
  const minutes = make("input", { id: "minutes", type: "number", min: "0.1", step: "any", value: "10" });
  const tokenization = choice("tokenization", { tiktoken: "byte pairs", character: "characters" });
  const documents = choice("documents", { "": "a running text", lines: "documents, one a line", paragraphs: "documents, one a paragraph", whole: "documents, one a file" });
  const live = make("div", { class: "column" });

  const start = doer("Train", async () => {
    await ask("/studio/trainings", {
      body: {
        name: name.value,
        text: text.value,
        architectures: architecture.value.split(","),
        minutes: Number(minutes.value),
        tokenization: tokenization.value,
        documents: documents.value || null,
      },
    });
    announce(`${name.value} is on the list`);
  }, { class: "primary" });
  panel.append(
    section(
      "start box",
      "Train",
      "A training is a process of its own: it goes on when this page is closed, and even when the studio ends.",
      make("div", { class: "grid" }, row("Text", text), row("Name of the run", name), row("Architecture", architecture), row("Minutes", minutes), row("Tokens are", tokenization), row("The text is", documents)),
      make("div", { class: "buttons" }, start),
    ),
    live,
  );

  return {
    /** @param {string} chosen */
    choose(chosen) {
      if (![...text.options].some((option) => option.value === chosen)) text.append(make("option", { value: chosen }, chosen));
      text.value = chosen;
      name.value = chosen;
    },
    /** @param {any} state */
    async show(state) {
      const kept = text.value;
      text.replaceChildren(...state.texts.map((/** @type {any} */ one) => make("option", { value: one.name }, one.name)));
      if (kept) text.value = kept;
      const training = state.runs.filter((/** @type {any} */ run) => run.training);
      const curves = await Promise.all(training.map((/** @type {any} */ run) => ask(`/studio/runs/${encodeURIComponent(run.name)}`)));
      const open = document.activeElement?.closest("[data-training]") && live.contains(document.activeElement);
      if (open) return; // who is about to press something there is not disturbed
      live.replaceChildren(
        ...state.trainings.map((/** @type {any} */ one) => waiting(one, state.runs)),
        ...(training.length ? [section("live box", "Live", "", chart(curves), ...training.map((/** @type {any} */ run, /** @type {number} */ i) => progress(run, curves[i])))] : []),
      );
    },
  };
}

/**
 * @param {any} one
 * @param {any[]} runs
 */
function waiting(one, runs) {
  const run = runs.find((each) => each.name === one.name);
  const failed = one.state === "ended";
  const what = failed ? "failed" : one.state === "waiting" ? "waits" : run?.training ? "is learning" : "begins";
  const stop = (/** @type {boolean} */ discard) => () => ask(`/studio/trainings/${one.id}/stop`, { body: { discard } });
  return make(
    "section",
    { class: "box", "aria-label": `${one.name} ${what}` },
    make("h2", {}, `${one.name} ${what}`),
    failed || (one.state === "running" && !run?.training) ? make("pre", { class: "said" }, one.said) : null,
    failed
      ? null
      : make(
          "div",
          { class: "buttons", "data-training": one.name },
          doer(one.state === "waiting" ? "Take off the list" : "Stop and save", stop(false)),
          one.state === "waiting" ? null : doer("Throw away", async () => confirm(`Throw away what ${one.name} has learned?`) && (await stop(true)()), { class: "quiet" }),
          one.state === "waiting" ? null : doer("5 more minutes", () => ask(`/studio/runs/${encodeURIComponent(one.name)}/more`, { body: { minutes: 5 } })),
        ),
  );
}

/**
 * @param {any} run
 * @param {any} curves
 */
function progress(run, curves) {
  const left = run.minutes ? Math.max(0, 60 * run.minutes - (run.seconds ?? 0)) : null;
  const figures = [
    run.step !== undefined ? `step ${count(run.step)}` : null,
    run.tokens_per_second ? `${count(Math.round(run.tokens_per_second))} tokens/s` : null,
    run.gradient_norm ? `gradient ${run.gradient_norm.toFixed(2)}` : null,
    run.validation ? `${run.validation.toFixed(3)} bits per byte` : null,
    left === null ? null : `about ${duration(left)} left`,
  ];
  const sample = curves.samples.at(-1)?.text;
  return make(
    "section",
    { "aria-label": run.name },
    make("h3", {}, `${run.name}, ${run.kind}`),
    make("p", { class: "figures" }, figures.filter(Boolean).join(" · ")),
    sample ? make("p", { class: "prose sample", tabIndex: 0, role: "region", "aria-label": `What ${run.name} writes` }, sample) : null,
  );
}

/**
 * @param {string} id
 * @param {Record<string, string>} values
 */
function choice(id, values) {
  return make("select", { id }, ...Object.entries(values).map(([value, label]) => make("option", { value }, label)));
}

/**
 * @param {string} label
 * @param {HTMLElement} input
 */
export function row(label, input) {
  return make("label", { class: "row", htmlFor: input.id }, label, input);
}
