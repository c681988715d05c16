/** The example that index.html carries: a text to read while the model loads, typed out where motion is welcome. */

import { find, motionAllowed } from "./elements.js";

const PER_SECOND = 220; // characters

/**
 * Take the example out of index.html and show it in the notebook.
 * @param {import("./session.js").Session} session
 * @param {{prompt: string, text: string, seed: number, temperature: number, num_tokens?: number}} example
 */
export function playExample(session, { prompt, text, seed, temperature, num_tokens }) {
  const { notebook } = session;
  const shown = isShown();
  removeExample();
  session.change({ seed, temperature, ...(num_tokens ? { num_tokens } : {}) });
  notebook.open(prompt);
  notebook.begin(prompt);
  const finish = () => {
    notebook.append(text.slice(notebook.text.length - prompt.length));
    notebook.finish({ model: session.name, from: prompt.length, settings: session.settings });
  };
  if (shown || !motionAllowed() || !text) return finish();

  const start = performance.now();
  const type = () => {
    if (ended) return;
    const written = notebook.text.length - prompt.length;
    const due = Math.min(text.length, Math.ceil(((performance.now() - start) / 1000) * PER_SECOND));
    if (due === text.length) return end();
    notebook.append(text.slice(written, due));
    requestAnimationFrame(type);
  };
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    for (const name of EAGER) removeEventListener(name, end, true);
    finish();
  };
  // Whoever does something wants to go on from the whole text: it is there before their click arrives.
  const EAGER = ["pointerdown", "keydown", "beforeinput", "hashchange"];
  for (const name of EAGER) addEventListener(name, end, true);
  type();
}

export function removeExample() {
  find("example").remove();
}

/** Whether the style sheet has faded the whole example in already, because this script came late. */
function isShown() {
  return find("example")
    .getAnimations()
    .every((animation) => animation.playState === "finished");
}
