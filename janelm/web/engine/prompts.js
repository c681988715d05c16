/**
 * A prompt as the training text was made, as `as_trained` in janelm/text/tidying.py does it.
 *
 * @import { Prompts } from "./types.js"
 */

const DROPPED = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f\uFEFF]/g;
// A letter with its marks, or the parts of a Hangul syllable: what a normal form changes together.
const LETTERS = /\r\n|[^][\p{M}\u1160-\u11FF]*/gu;
const STRAIGHT = new Map([
  ...[..."‘’‚‛′‹›"].map((quote) => /** @type {const} */ ([quote, "'"])),
  ...[..."“”„‟″«»"].map((quote) => /** @type {const} */ ([quote, '"'])),
]);
const QUOTES = new RegExp(`[${[...STRAIGHT.keys()].join("")}]`, "g");

/**
 * @param {string} text
 * @param {Prompts} prompts
 */
export function asTrained(text, { clean, straighten_quotes, lower_case }) {
  if (clean) text = text.replace(/\r\n?/g, "\n").replace(DROPPED, "").normalize("NFC");
  if (straighten_quotes) text = text.replace(QUOTES, (quote) => /** @type {string} */ (STRAIGHT.get(quote)));
  return lower_case ? text.toLowerCase().normalize("NFC") : text;
}

/**
 * Places in `asTrained(text)`, in ascending order, as places in the text itself.
 * @param {string} text
 * @param {Prompts} prompts
 * @param {number[]} places
 */
export function placesBefore(text, prompts, places) {
  /** @type {number[]} */
  const before = [];
  let [there, here] = [0, 0];
  for (const [letter] of text.matchAll(LETTERS)) {
    const end = there + asTrained(letter, prompts).length;
    for (; before.length < places.length && places[before.length] < end; ) {
      before.push(here + Math.min(places[before.length] - there, letter.length));
    }
    [there, here] = [end, here + letter.length];
    for (; places[before.length] === end; ) before.push(here);
  }
  while (before.length < places.length) before.push(here);
  if (before.length) before[before.length - 1] = here;
  return before;
}
