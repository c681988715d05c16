/** Against repetition, as janelm/writing/repetition.py specifies it. */

/** @typedef {import("./types.js").FullSampling} Sampling */

const DRY_TOKENS = 1024; // of the text's end that are searched for runs which repeat
const LONGEST = 50; // tokens, beyond which a run takes no more

/** How often each token stands in the text, or among its last ones; the penalties on them, weaker with the distance. */
export class Written {
  /** @type {Map<number, number>} */
  counts = new Map();
  /** @type {number[]} */
  #last = [];
  #sampling;

  /** @param {Sampling} sampling */
  constructor(sampling) {
    this.#sampling = sampling;
  }

  /** @param {number} token */
  note(token) {
    this.counts.set(token, (this.counts.get(token) ?? 0) + 1);
    const { penalty_window: window } = this.#sampling;
    if (!window) return;
    this.#last.push(token);
    if (this.#last.length <= window) return;
    const gone = /** @type {number} */ (this.#last.shift());
    const left = (this.counts.get(gone) ?? 0) - 1;
    if (left) this.counts.set(gone, left);
    else this.counts.delete(gone);
  }

  /** How many tokens stand after the last place of each, and after all its places together. */
  #ages() {
    /** @type {Map<number, {last: number, all: number}>} */
    const ages = new Map();
    for (let age = 0, i = this.#last.length - 1; i >= 0; age++, i--) {
      const known = ages.get(this.#last[i]);
      if (known) known.all += age;
      else ages.set(this.#last[i], { last: age, all: age });
    }
    return ages;
  }

  /** @param {Float64Array} logits  (V), changed */
  repel(logits) {
    const { repetition_penalty: r, penalty_slope: slope, penalty_window: window } = this.#sampling;
    if (r === 1) return;
    const ages = slope ? this.#ages() : null;
    for (const token of this.counts.keys()) {
      const penalty = ages ? 1 + (r - 1) * (1 - (slope * (ages.get(token)?.last ?? 0)) / window) : r;
      logits[token] = logits[token] > 0 ? logits[token] / penalty : logits[token] * penalty;
    }
  }

  /** @param {Float64Array} logits  (V), changed */
  apply(logits) {
    const { presence_penalty: presence, frequency_penalty: frequency, penalty_slope: slope, penalty_window: window } = this.#sampling;
    if (!presence && !frequency) return;
    const ages = slope ? this.#ages() : null;
    for (const [token, count] of this.counts) {
      const age = ages?.get(token);
      const last = age ? 1 - (slope * age.last) / window : 1;
      const all = age ? count - (slope * age.all) / window : count;
      logits[token] = logits[token] - presence * last - frequency * all;
    }
  }
}

/** DRY: a token that would make a run at the text's end longer, which stands further up already, loses by its length. */
export class Loops {
  /** @type {number[]} */
  #tokens = [];
  /** @type {number[]} how many tokens up to each place are the same as those up to the end; of the last place, 0 */
  #lengths = [];
  #sampling;

  /** @param {Sampling} sampling */
  constructor(sampling) {
    this.#sampling = sampling;
  }

  /** @param {number} token */
  note(token) {
    const lengths = this.#lengths;
    for (let i = lengths.length - 1; i >= 0; i--) {
      lengths[i] = this.#tokens[i] === token ? (i ? lengths[i - 1] : 0) + 1 : 0;
    }
    this.#tokens.push(token);
    lengths.push(0);
    if (lengths.length > DRY_TOKENS) {
      this.#tokens.shift();
      lengths.shift();
    }
  }

  /** @param {Float64Array} logits  (V), changed */
  apply(logits) {
    const { dry_multiplier: multiplier, dry_base: base, dry_allowed_length: allowed } = this.#sampling;
    /** @type {Map<number, number>} */
    const longest = new Map();
    for (let i = 0; i < this.#lengths.length - 1; i++) {
      if (this.#lengths[i] < allowed) continue;
      const token = this.#tokens[i + 1];
      longest.set(token, Math.max(longest.get(token) ?? 0, Math.min(this.#lengths[i], LONGEST)));
    }
    for (const [token, length] of longest) {
      let taken = multiplier;
      for (let i = allowed; i < length; i++) taken *= base;
      logits[token] -= taken;
    }
  }
}
