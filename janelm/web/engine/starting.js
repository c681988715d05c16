/** Starts what answers the page. */

/**
 * @typedef {Pick<Worker, "postMessage" | "terminate" | "onmessage"> & {onerror: ((event: any) => void) | null}} Desk
 */

/**
 * The worker or, in a sandboxed frame, which may have none since it has no origin, its script in the page itself.
 * @returns {Desk}
 */
export function startWorker() {
  if (self.origin !== "null") return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const { port1, port2 } = new MessageChannel();
  const desk = /** @type {Desk} */ (/** @type {any} */ (Object.assign(port1, { onerror: null, terminate: () => port1.close() })));
  import("./worker.js").then(({ serve }) => serve(port2)).catch((error) => desk.onerror?.(error));
  return desk;
}
