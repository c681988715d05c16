/**
 * Lets tasks run side by side, one step of one task at a time, and lets messages in between.
 *
 * @import { Task } from "./generation.js"
 */

const BREATH = 4; // milliseconds that may pass until messages are let in
const PROGRESS = 16; // milliseconds between two reports of progress

/**
 * @typedef {object} Job
 * @property {Task<any>} task
 * @property {(event: "progress" | "frame", value: unknown) => void} tell
 * @property {(value: any) => void} resolve
 * @property {(error: unknown) => void} reject
 * @property {number} until  when it wants to go on
 * @property {number} mark  of `#spent`, when its last turn ended
 * @property {number} told  when it last told of progress
 * @property {boolean} race  whether it gets as much time as others that race, and not as many turns
 * @property {number} used  milliseconds of its turns
 */

export class Turns {
  /** @type {Map<number, Job>} */
  #jobs = new Map();
  #running = false;
  #spent = 0; // milliseconds of all turns and of sleep
  #breathed = performance.now();
  #channel = new MessageChannel();
  #wake = () => {};

  /**
   * Run a task to its end.
   * @template T
   * @param {number} id
   * @param {Task<T>} task
   * @param {Job["tell"]} tell
   * @param {boolean} [race]
   * @returns {Promise<T>}
   */
  take(id, task, tell, race = false) {
    return new Promise((resolve, reject) => {
      this.#jobs.set(id, { task, tell, resolve, reject, until: 0, mark: this.#spent, told: -Infinity, race, used: 0 });
      if (this.#running) this.#wake();
      else this.#loop();
    });
  }

  /**
   * Let a task go on at once, whatever it waits for.
   * @param {number} id
   */
  wake(id) {
    const job = this.#jobs.get(id);
    if (job) job.until = 0;
    this.#wake();
  }

  /**
   * End a task after the step it is in.
   * @param {number} id
   */
  async abort(id) {
    const job = this.#jobs.get(id);
    if (!job) return;
    await job.task.return(undefined); // waits for the step
    this.#end(id, () => job.reject(new DOMException("The task was aborted.", "AbortError")));
    this.#wake();
  }

  async #loop() {
    this.#running = true;
    while (this.#jobs.size) {
      let soonest = Infinity;
      for (const [id, job] of [...this.#jobs]) {
        soonest = Math.min(soonest, job.until);
        if (job.until > performance.now() || this.#isAhead(job)) continue;
        await this.#turn(id, job);
        if (performance.now() - this.#breathed >= BREATH) await this.#breathe();
      }
      const pause = soonest - performance.now();
      if (pause > 0 && this.#jobs.size) await this.#sleep(pause);
    }
    this.#running = false;
  }

  /**
   * Whether another one that races had less time so far.
   * @param {Job} job
   */
  #isAhead({ race, used }) {
    return race && [...this.#jobs.values()].some((other) => other.race && other.used < used);
  }

  /**
   * @param {number} id
   * @param {Job} job
   */
  async #turn(id, job) {
    const began = performance.now();
    try {
      const { done, value } = await job.task.next(this.#spent - job.mark);
      if (done) this.#end(id, () => job.resolve(value));
      else this.#report(job, value, began);
    } catch (error) {
      this.#end(id, () => job.reject(error));
    }
    const taken = performance.now() - began;
    this.#spent += taken;
    job.used += taken;
    job.mark = this.#spent;
  }

  /**
   * @param {Job} job
   * @param {{progress?: unknown, frames?: unknown[], until?: number}} step
   * @param {number} now
   */
  #report(job, { progress, frames = [], until }, now) {
    job.until = until ?? 0;
    for (const frame of frames) job.tell("frame", frame);
    if (progress && now - job.told >= PROGRESS) {
      job.told = now;
      job.tell("progress", progress);
    }
  }

  /**
   * @param {number} id
   * @param {() => void} settle
   */
  #end(id, settle) {
    if (this.#jobs.delete(id)) settle();
  }

  /** Let messages in: a channel's message comes after those that wait already, and at once, as a timer does not. */
  #breathe() {
    return new Promise((resolve) => {
      this.#channel.port1.onmessage = () => {
        this.#breathed = performance.now();
        resolve(undefined);
      };
      this.#channel.port2.postMessage(null);
    });
  }

  /** @param {number} milliseconds */
  async #sleep(milliseconds) {
    const began = performance.now();
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds, undefined);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
    this.#wake = () => {};
    this.#breathed = performance.now();
    this.#spent += this.#breathed - began;
  }
}
