/**
 * Byte-pair encoding (Sennrich et al. 2016) of one piece of text, as tiktoken does it for the twin of this,
 * `TiktokenTokenizer` in janelm/text/tokenizers.py. tests/golden/tokenizers.json holds both together.
 *
 * Of all neighbours that together make a token, the pair of the lowest rank merges first, the leftmost among equals.
 * Parts are a linked list and pairs wait in a heap, so that a piece of n bytes takes n log n steps: a person may paste
 * a page of one letter.
 */

/**
 * @param {string} bytes  the piece's UTF-8 bytes, as characters below U+0100
 * @param {Map<string, number>} ranks  of tokens, as such strings; every single byte is one
 * @returns {number[]}
 */
export function encodePiece(bytes, ranks) {
  const whole = ranks.get(bytes);
  if (whole !== undefined) return [whole];
  const parts = new Parts(bytes, ranks);
  while (parts.mergeNext());
  return parts.tokens();
}

class Parts {
  #bytes;
  #ranks;
  /** A part is named by where it starts: here is where it ends, which is where the next one starts. */
  #end;
  #previous;
  #heap = new Heap();

  /**
   * @param {string} bytes
   * @param {Map<string, number>} ranks
   */
  constructor(bytes, ranks) {
    this.#bytes = bytes;
    this.#ranks = ranks;
    this.#end = Int32Array.from({ length: bytes.length }, (_, start) => start + 1);
    this.#previous = Int32Array.from({ length: bytes.length }, (_, start) => start - 1);
    for (let start = 0; start < bytes.length; start++) this.#offer(start);
  }

  /**
   * Put the pair that starts here on the heap, if it makes a token.
   * @param {number} start
   */
  #offer(start) {
    const middle = this.#end[start];
    if (middle >= this.#bytes.length) return;
    const rank = this.#ranks.get(this.#bytes.slice(start, this.#end[middle]));
    if (rank !== undefined) this.#heap.push(rank, start, this.#end[middle]);
  }

  /** Merge the next pair that is still there; false when none is left. */
  mergeNext() {
    const pair = this.#heap.pop();
    if (!pair) return false;
    const { start, end } = pair;
    const middle = this.#end[start];
    if (middle === 0 || middle >= end || this.#end[middle] !== end) return true; // one of the two has merged since
    this.#end[start] = end;
    this.#end[middle] = 0; // no part starts here any more
    if (end < this.#bytes.length) this.#previous[end] = start;
    this.#offer(start);
    if (start > 0) this.#offer(this.#previous[start]);
    return true;
  }

  tokens() {
    const tokens = [];
    for (let start = 0; start < this.#bytes.length; start = this.#end[start]) {
      const token = this.#ranks.get(this.#bytes.slice(start, this.#end[start]));
      if (token !== undefined) tokens.push(token);
    }
    return tokens;
  }
}

/** @typedef {{rank: number, start: number, end: number}} Pair */

/** A binary heap: the lowest rank first, the leftmost among equals. */
class Heap {
  /** @type {Pair[]} */
  #pairs = [];

  /**
   * @param {number} rank
   * @param {number} start
   * @param {number} end
   */
  push(rank, start, end) {
    const pairs = this.#pairs;
    const pair = { rank, start, end };
    let place = pairs.push(pair) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!before(pair, pairs[parent])) break;
      pairs[place] = pairs[parent];
      place = parent;
    }
    pairs[place] = pair;
  }

  /** @returns {Pair | undefined} */
  pop() {
    const pairs = this.#pairs;
    const first = pairs[0];
    const last = pairs.pop();
    if (last === undefined || pairs.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= pairs.length) break;
      if (child + 1 < pairs.length && before(pairs[child + 1], pairs[child])) child++;
      if (!before(pairs[child], last)) break;
      pairs[place] = pairs[child];
      place = child;
    }
    pairs[place] = last;
    return first;
  }
}

/**
 * @param {Pair} a
 * @param {Pair} b
 */
function before(a, b) {
  return a.rank < b.rank || (a.rank === b.rank && a.start < b.start);
}
