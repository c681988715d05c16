/**
 * The engine's worker. It keeps the models, and gives each task its turns: one token at a time, so that two models
 * write side by side and a stop takes effect at the next token.
 *
 * Messages in: {id, call, …}; out: {id, event: "progress" | "frame" | "result" | "error", value}.
 *
 * @import { Question, Call } from "./protocol.js"
 * @import { Addresses } from "./runtime.js"
 * @import { Model } from "./context.js"
 * @import { Description } from "./types.js"
 */

import { Context, Expectation } from "./context.js";
import { asEngineError, EngineError } from "./errors.js";
import { write } from "./generation.js";
import { look, read, Scoring } from "./reading.js";
import { ServedModel } from "./served.js";
import { Turns } from "./turns.js";

/**
 * @typedef {object} Runner  what runs the models
 * @property {(bytes: Uint8Array, description: Description, adapter?: Uint8Array) => Promise<Model>} model
 */

/** A model, and the texts it has read last. */
class Desk {
  /** @type {Context | null} */
  #context = null;
  /** @type {Scoring | null} */
  #scoring = null;

  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.expectation = new Expectation(model);
  }

  /**
   * Run a task on the last text's context, or on a new one where that is in use or remembers otherwise.
   * @template T
   * @param {number | undefined} memory
   * @param {(context: Context) => T} task
   * @param {(task: T) => Promise<any>} run
   */
  async withContext(memory, task, run) {
    const kept = this.#context?.memory === memory ? this.#context : null;
    if (!kept) this.#context?.free();
    this.#context = null;
    const context = kept ?? new Context(this.model, memory);
    try {
      return await run(task(context));
    } finally {
      this.#keep(context);
    }
  }

  /** @param {Context} context */
  #keep(context) {
    this.#context?.free();
    this.#context = context;
  }

  /**
   * @template T
   * @param {(scoring: Scoring) => T} task
   * @param {(task: T) => Promise<any>} run
   */
  async withScoring(task, run) {
    const scoring = this.#scoring ?? new Scoring(new Context(this.model), this.expectation);
    this.#scoring = null;
    try {
      return await run(task(scoring));
    } finally {
      this.#keepScoring(scoring);
    }
  }

  /** @param {Scoring} scoring */
  #keepScoring(scoring) {
    this.#scoring?.context.free();
    this.#scoring = scoring;
  }
}

const turns = new Turns();
/** @type {Map<string, Desk>} */
const desks = new Map();
/** @type {Map<number, {stopped: boolean}>} */
const writings = new Map();
/** @type {Promise<Runner>} */
let runner;
/** @type {PromiseWithResolvers<WebAssembly.Module>} */
const wasm = withResolvers();

/**
 * @param {Question} call
 * @param {(event: "progress" | "frame", value: unknown) => void} tell
 */
async function answer(call, tell) {
  if (call.call === "load") return load(call);
  const desk = desks.get(call.name);
  if (!desk) throw new EngineError("usage", `The model “${call.name}” is not loaded.`);
  const race = call.call === "write" && call.options.race;
  const run = (/** @type {any} */ task) => turns.take(call.id, task, tell, race);
  if (call.call === "score") return desk.withScoring((scoring) => scoring.score(call.text), run);
  const { options } = call;
  const { expectation } = desk;
  const further = ["lens", "distances", "units"].includes(call.call) ? await import("./lens.js") : null;
  return desk.withContext(
    options.memory,
    (context) => {
      if (call.call === "read") return read(context, expectation, call.text, call.options);
      if (call.call === "look") return look(context, call.text);
      if (call.call === "lens") return /** @type {any} */ (further?.lens(context, expectation, call.text));
      if (call.call === "distances") return /** @type {any} */ (further?.distances(context, call.text));
      if (call.call === "units") return /** @type {any} */ (further?.units(context, call.text));
      const control = { stopped: false };
      writings.set(call.id, control);
      const { options, seeds } = /** @type {Extract<Call, {call: "write"}>} */ (call);
      return write(context, expectation, options, control, seeds);
    },
    run,
  );
}

/**
 * The page's own step, or ONNX Runtime where the page comes with that.
 * @param {Addresses} addresses
 * @param {Promise<WebAssembly.Module>} wasm
 * @returns {Promise<Runner>}
 */
async function startRunner({ glue, integrity }, wasm) {
  if (!glue) {
    const { startStep } = await import("./native.js");
    return startStep(await wasm);
  }
  const [{ startRuntime }, { Model }] = await Promise.all([import("./runtime.js"), import("./model.js")]);
  const runtime = await startRuntime({ glue, integrity }, wasm);
  return { model: (bytes, description) => Model.create(runtime, bytes, description) };
}

/** @param {Extract<Call, {call: "load"}>} call */
async function load({ name, bytes, served, description, adapter }) {
  if (served) {
    desks.set(name, new Desk(new ServedModel(served, description)));
    return;
  }
  let started;
  try {
    started = await runner;
  } catch (error) {
    throw asEngineError(error, "the runtime that models need could not be started");
  }
  try {
    desks.set(name, new Desk(await started.model(bytes, description, adapter)));
  } catch (error) {
    throw asEngineError(error, `the model “${name}” could not be started`);
  }
}

/**
 * Answer what is asked at a port; a worker is one.
 * @param {{onmessage: ((event: MessageEvent<Call>) => void) | null, postMessage: (answer: any) => void}} port
 */
export function serve(port) {
  port.onmessage = ({ data }) => void hear(data, (answer) => port.postMessage(answer));
}

if (typeof window === "undefined") serve(/** @type {any} */ (self));

/** @type {(call: Call, reply: (answer: import("./protocol.js").Answer) => void) => Promise<void>} */
async function hear(call, reply) {
  if (call.call === "runtime") {
    runner = startRunner(call.addresses, wasm.promise);
    runner.catch(() => {});
  } else if (call.call === "wasm") {
    wasm.resolve(call.module);
  } else if (call.call === "stop") {
    const writing = writings.get(call.id);
    if (writing) writing.stopped = true;
    turns.wake(call.id);
  } else if (call.call === "abort") {
    turns.abort(call.id);
  } else {
    const { id } = call;
    try {
      const value = await answer(call, (event, told) => reply({ id, event, value: told }));
      reply({ id, event: "result", value });
    } catch (error) {
      const { kind, message } = asEngineError(error, "the model stopped working");
      reply({ id, event: "error", value: { kind, message } });
    } finally {
      writings.delete(id);
    }
  }
}

/** Promise.withResolvers, which browsers before 2024 lack. */
function withResolvers() {
  /** @type {any} */
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
