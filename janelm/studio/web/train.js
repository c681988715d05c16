/** The room of trainings: asked for, watched, stopped, given more time. */

import { count, duration } from "/house/views/numbers.js";
import { make, section } from "/house/views/elements.js";
import { announce, ask, doer } from "./ask.js";
import { chart, gradients } from "./chart.js";

/** @type {Map<string, Promise<import("./chart.js").Lines>>} */
const asked = new Map();

/**
 * What a loss on the text of a run means; it is measured once, which may take seconds for a long text.
 * @param {string} name
 */
export function meanings(name) {
  let lines = asked.get(name);
  if (!lines) asked.set(name, (lines = ask(`/studio/runs/${encodeURIComponent(name)}/yardsticks`).catch(() => [])));
  const late = new Promise((resolve) => setTimeout(resolve, 500, [])); // the next picture has them
  return /** @type {Promise<import("./chart.js").Lines>} */ (Promise.race([lines, late]));
}

/** @param {HTMLElement} panel */
export function trainRoom(panel) {
  const text = make("select", { id: "train-text" });
  const name = make("input", { id: "run-name", value: "model", autocomplete: "off" });
  const architecture = choice("architecture", { "transformer,lstm": "both, side by side", transformer: "transformer", lstm: "LSTM" });
  const minutes = make("input", { id: "minutes", type: "number", min: "0.1", step: "any", value: "10" });
  const tokenization = choice("tokenization", { tiktoken: "byte pairs", word: "words", character: "characters" });
  const documents = choice("documents", { "": "a running text", lines: "documents, one a line", paragraphs: "documents, one a paragraph", whole: "documents, one a file" });
  const ancestor = make("select", { id: "ancestor" });
  const keep = make("input", { id: "keep", type: "number", min: "0", max: "0.9", step: "0.1", value: "0" });
  const processes = make("input", { id: "processes", type: "number", min: "1", max: "64", step: "1", value: "1" });
  const team = row("Processes (torchrun)", processes);
  const live = make("div", { class: "column" });
  const estimate = make("p", { class: "help", role: "status" });
  /** @type {any[]} */
  let runs = [];
  let cores = 1;
  const fits = () => {
    architecture.disabled = tokenization.disabled = Boolean(ancestor.value);
    keep.disabled = !ancestor.value;
    team.hidden = cores < 2 || (!ancestor.value && architecture.value.includes(",")); // a race has them all
  };
  architecture.onchange = ancestor.onchange = fits;
  fits();
  const guess = doer("What will it reach?", async () => {
    estimate.textContent = "Trying a few steps …";
    const found = await ask(`/studio/look/${encodeURIComponent(text.value)}?minutes=${Number(minutes.value)}`).catch((error) => {
      estimate.textContent = "";
      throw error;
    });
    estimate.textContent = forecast(found.training, runs.filter((run) => run.heldout && run.data?.join() === text.value));
  });

  const start = doer("Train", async () => {
    await ask("/studio/trainings", {
      body: {
        name: name.value,
        text: text.value,
        architectures: architecture.value.split(","),
        ancestor: ancestor.value || null,
        keep: ancestor.value ? Number(keep.value) : 0,
        minutes: Number(minutes.value),
        tokenization: tokenization.value,
        documents: documents.value || null,
        processes: team.hidden ? 1 : Number(processes.value),
      },
    });
    announce(`${name.value} is on the list`);
  }, { class: "primary" });
  panel.append(
    section(
      "start box",
      "Train",
      "A training is a process of its own: it goes on when this page is closed, and even when the studio ends.",
      make("div", { class: "grid" }, row("Text", text), row("Name of the run", name), row("Architecture", architecture), row("Minutes", minutes), row("Tokens are", tokenization), row("The text is", documents), row("Start from", ancestor), row("Share of its old text", keep), team),
      make("div", { class: "buttons" }, start, guess),
      estimate,
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
    /** @param {string} run  to start from */
    from(run) {
      if (![...ancestor.options].some((option) => option.value === run)) ancestor.append(make("option", { value: run }, run));
      ancestor.value = run;
      name.value = `${run}-on`;
      fits();
    },
    /** @param {any} state */
    async show(state) {
      const kept = text.value;
      offer(text, state.texts.map((/** @type {any} */ one) => [one.name, one.name]));
      if (kept && state.texts.some((/** @type {any} */ one) => one.name === kept)) text.value = kept;
      ({ runs, cores } = state);
      fits();
      offer(ancestor, [["", "nothing: a new model"], ...state.samples.map((/** @type {string} */ kind) => [`janelm/${kind}`, `the ${kind} that comes with JaneLM`]), ...runs.filter((run) => run.finished).map((run) => [run.name, run.name])]);
      const training = state.runs.filter((/** @type {any} */ run) => run.training);
      const curves = await Promise.all(training.map((/** @type {any} */ run) => ask(`/studio/runs/${encodeURIComponent(run.name)}`)));
      const open = document.activeElement?.closest("[data-training]") && live.contains(document.activeElement);
      if (open) return; // who is about to press something there is not disturbed
      live.replaceChildren(
        ...state.trainings.map((/** @type {any} */ one) => waiting(one, state.runs)),
        ...(training.length ? [section("live box", "Live", "", chart(curves, training.length ? await meanings(training[0].name) : []), ...gradients(curves), ...training.map((/** @type {any} */ run, /** @type {number} */ i) => progress(run, curves[i])))] : []),
      );
    },
  };
}

/**
 * The options of a menu; what is chosen stays chosen while it is there.
 * @param {HTMLSelectElement} menu
 * @param {string[][]} options  values and labels
 */
export function offer(menu, options) {
  const chosen = menu.value;
  if ([...menu.options].map(({ value, text }) => `${value} ${text}`).join("\n") === options.map((each) => each.join(" ")).join("\n")) return;
  menu.replaceChildren(...options.map(([value, label]) => make("option", { value }, label)));
  if (options.some(([value]) => value === chosen)) menu.value = chosen;
}

/**
 * What a training of so many minutes would be, and what such ones came to.
 * @param {any} training  of what `janelm look` says
 * @param {any[]} earlier  finished runs on the same text
 */
function forecast(training, earlier) {
  const measured = `A transformer would have ${count(training.parameters)} parameters, and read about ${count(training.tokens_in_budget)} characters, ${training.epochs.toFixed(1)} times the text, at the ${count(Math.round(training.tokens_per_second))} a second that ${training.steps} steps came to just now.`;
  const reached = Object.entries(training.reached).map(([kind, bits]) => `${kind} ${Number(bits).toFixed(2)}`);
  const there = reached.length
    ? ` On Austen's novels, with byte pairs, on two cores, ${training.minutes} minutes came to these bits per byte: ${reached.join(", ")}.`
    : ` What ${training.minutes} minutes come to was not measured: between 2 and 120 were.`;
  const here = earlier.map((run) => `${run.name} ${run.heldout.toFixed(2)}${run.minutes ? ` after ${run.minutes} minutes` : ""}`);
  return measured + there + (here.length ? ` Here, on this text: ${here.join(", ")}.` : "");
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
          ...(one.state === "waiting" ? [] : more(one.name)),
        ),
  );
}

/**
 * Minutes to give a run besides those that it had.
 * @param {string} name
 */
export function more(name) {
  const minutes = make("input", { type: "number", class: "few", min: "0.1", step: "any", value: "5", "aria-label": `Minutes more for ${name}` });
  const give = doer("more minutes", () => ask(`/studio/runs/${encodeURIComponent(name)}/more`, { body: { minutes: Number(minutes.value) } }), { "aria-label": `Give ${name} more minutes` });
  return [minutes, give];
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
