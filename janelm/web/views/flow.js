/**
 * Texts that were set to a fixed width break their lines in mid-paragraph, and their models learn to. On a page of
 * another width such a break is shown as a space. Both are one character, so every place in the text stays where it is.
 */

const WIDTH = 45; // characters: a line that ends sooner was meant to end

/**
 * @param {string} text
 * @returns {string} of the same length
 */
export function flowing(text) {
  let shown = "";
  let from = 0;
  let line = 0;
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", line)) {
    if (end - line >= WIDTH && /\S/.test(text.charAt(end + 1))) {
      shown += `${text.slice(from, end)} `;
      from = end + 1;
    }
    line = end + 1;
  }
  return shown + text.slice(from);
}

/**
 * Whether a text was set to a fixed width.
 * @param {string} text
 */
export function isWrapped(text) {
  const shown = flowing(text);
  let breaks = 0;
  for (let place = 0; place < text.length; place++) if (shown[place] !== text[place]) breaks++;
  return breaks > 2;
}

/**
 * The text after somebody changed what was shown of it.
 * @param {string} text
 * @param {string} before  what was shown
 * @param {string} after  what is there now
 */
export function edited(text, before, after) {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  return text.slice(0, head) + after.slice(head, after.length - tail) + text.slice(text.length - tail);
}
