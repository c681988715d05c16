/**
 * Questions to the worker. Each has a number, by which what comes back finds whoever asked.
 *
 * @import { Frame, ReadProgress } from "./types.js"
 * @import { Answer, Call, Question } from "./protocol.js"
 */

import { asEngineError, EngineError } from "./errors.js";
import { startWorker } from "./starting.js";

/**
 * @template T
 * @typedef {T extends any ? Omit<T, "id"> : never} WithoutId  of each type in a union
 */
/**
 * @typedef {object} Listeners
 * @property {(frame: Frame) => void} [onFrame]
 * @property {(progress: ReadProgress) => void} [onProgress]
 * @property {AbortSignal} [signal]
 */
/** @typedef {Listeners & {resolve: (value: any) => void, reject: (error: unknown) => void}} Pending */

export class Calls {
  #worker = startWorker();
  /** @type {Map<number, Pending>} */
  #pending = new Map();
  #lastId = 0;

  /** @param {(error: EngineError) => void} onFailure  is told when the worker has failed as a whole */
  constructor(onFailure) {
    this.#worker.onmessage = (event) => this.#hear(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault?.();
      onFailure(asEngineError(event.message ?? "its script does not load", "the engine stopped"));
    };
  }

  /**
   * @param {WithoutId<Question>} question
   * @param {Listeners} [listeners]
   * @param {Transferable[]} [transfer]
   * @returns {{answer: Promise<any>, stop: () => void}}
   */
  ask(question, listeners = {}, transfer = []) {
    const id = ++this.#lastId;
    const { signal } = listeners;
    const answer = new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      signal?.addEventListener("abort", () => {
        if (this.#pending.delete(id)) this.send({ id, call: "abort" });
        reject(signal.reason);
      });
      this.#pending.set(id, { ...listeners, resolve, reject });
      this.send({ ...question, id }, transfer);
    });
    return { answer, stop: () => this.send({ id, call: "stop" }) };
  }

  /**
   * What is not answered.
   * @param {Call} call
   * @param {Transferable[]} [transfer]
   */
  send(call, transfer = []) {
    this.#worker.postMessage(call, transfer);
  }

  /**
   * End the worker; what is not answered yet rejects.
   * @param {EngineError} error
   */
  end(error) {
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  /** @param {Answer} answer */
  #hear(answer) {
    const pending = this.#pending.get(answer.id);
    if (!pending) return; // aborted
    if (answer.event === "frame") pending.onFrame?.(answer.value);
    else if (answer.event === "progress") pending.onProgress?.(answer.value);
    else {
      this.#pending.delete(answer.id);
      if (answer.event === "result") pending.resolve(answer.value);
      else pending.reject(new EngineError(answer.value.kind, answer.value.message));
    }
  }
}
