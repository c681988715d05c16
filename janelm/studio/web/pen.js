/** The room in which the server's models write: small and large ones, each word as it comes. */

import { make, section } from "/house/views/elements.js";
import { complain } from "./ask.js";
import { row } from "./train.js";

/** @param {HTMLElement} panel */
export function writeRoom(panel) {
  const model = make("select", { id: "pen-model" });
  const tokens = make("input", { id: "pen-tokens", type: "number", min: "1", max: "5000", value: "200" });
  const temperature = make("input", { id: "pen-temperature", type: "number", min: "0", max: "2", step: "0.1", value: "0.8" });
  const seed = make("input", { id: "pen-seed", type: "number", min: "0", step: "1", value: "1" });
  const text = make("textarea", { id: "pen-text", class: "prose", rows: 12, spellcheck: false });
  const go = make("button", { type: "button", class: "primary" }, "Write");
  /** @type {AbortController | null} */
  let writing = null;

  go.onclick = async () => {
    if (writing) return writing.abort();
    writing = new AbortController();
    go.textContent = "Stop";
    try {
      for await (const piece of written(model.value, text.value, tokens, temperature, seed, writing.signal)) text.value += piece;
    } catch (error) {
      if (!writing.signal.aborted) complain(error);
    } finally {
      writing = null;
      go.textContent = "Write";
      seed.value = String(Number(seed.value) + 1);
    }
  };
  panel.append(
    section(
      "pen box",
      "Write",
      "The models write on the machine that runs the studio. Programs can ask them too: see /docs.",
      make("div", { class: "grid" }, row("Model", model), row("Tokens", tokens), row("Temperature", temperature), row("Seed", seed)),
      make("div", { class: "sheet small" }, make("label", { class: "unseen", htmlFor: "pen-text" }, "Your text"), text),
      make("div", { class: "buttons" }, go, make("a", { href: "/docs" }, "What programs may ask")),
    ),
  );
  return (/** @type {any} */ state) => {
    const ready = state.runs.filter((/** @type {any} */ run) => run.validation);
    const kept = model.value;
    model.replaceChildren(...ready.map((/** @type {any} */ run) => make("option", { value: run.name }, `${run.name} (${run.kind})`)));
    if (ready.some((/** @type {any} */ run) => run.name === kept)) model.value = kept;
    go.disabled = !ready.length;
  };
}

/**
 * The pieces of a text as the server writes it.
 * @param {string} model
 * @param {string} prompt
 * @param {HTMLInputElement} tokens
 * @param {HTMLInputElement} temperature
 * @param {HTMLInputElement} seed
 * @param {AbortSignal} signal
 */
async function* written(model, prompt, tokens, temperature, seed, signal) {
  const body = { model, prompt, max_tokens: Number(tokens.value), temperature: Number(temperature.value), seed: Number(seed.value), stream: true };
  const answer = await fetch("/v1/completions", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal });
  if (!answer.ok) throw new Error((await answer.json()).error.message);
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
  const decoder = new TextDecoder();
  let held = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    held += decoder.decode(part.value, { stream: true });
    const events = held.split("\n\n");
    held = events.pop() ?? "";
    for (const event of events) {
      if (!event.startsWith("data: {")) continue;
      const values = JSON.parse(event.slice(6));
      if (values.error) throw new Error(values.error.message);
      if (values.choices[0]) yield values.choices[0].text;
    }
  }
}
