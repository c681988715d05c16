/**
 * Text to tokens and back, as its twin janelm/text/tokenizers.py does it; tests/golden/tokenizers.json holds both together.
 *
 * @import { BytePairJSON, CharacterJSON, Prompts, Span, TokenizerJSON, WordJSON } from "./types.js"
 */

import { EngineError } from "./errors.js";
import { encodePiece } from "./byte_pairs.js";
import { asTrained, placesBefore } from "./prompts.js";
import { Spelling } from "./spelling.js";

const REPLACEMENT = "\uFFFD"; // what stands for a character that the vocabulary lacks

/**
 * @param {TokenizerJSON} values
 * @param {Prompts} [prompts]  what is done to a text before it is encoded
 * @returns {Tokenizer}
 */
export function tokenizerFromJSON(values, prompts) {
  const tokenizer = newTokenizer(values);
  if (prompts) tokenizer.prompts = prompts;
  return tokenizer;
}

/** @param {TokenizerJSON} values */
function newTokenizer(values) {
  if (values.kind === "character") return new CharacterTokenizer(values);
  if (values.kind === "tiktoken") return new BytePairTokenizer(values);
  if (values.kind === "word") return new BytePairTokenizer(values, encodeWord);
  throw new EngineError(
    "failed",
    `This page does not know the model's tokenizer (${/** @type {any} */ (values).kind}): export the model again.`,
  );
}

/** @abstract */
export class Tokenizer {
  /** @type {number | null} */ unknownToken = null;
  /** @type {number | null} */ padToken = null;
  /** @type {number | null} */ endToken = null;
  /** @type {number[]} special tokens of a vocabulary made elsewhere */ unwritten = [];
  /** @type {Prompts} */ prompts = { clean: false, straighten_quotes: false, lower_case: false };
  vocabSize;
  /** @type {Spelling | null} */
  #spelling = null;
  /** @type {number[] | null} */
  #never = null;

  /**
   * @param {number} size  tokens without special ones
   * @param {boolean} documents
   */
  constructor(size, documents) {
    this.vocabSize = documents ? size + 2 : size;
    if (documents) [this.padToken, this.endToken] = [size, size + 1];
  }

  /** @returns {string[]} each token's bytes, as a string of characters below U+0100 */
  get vocabulary() {
    throw new Error("not written");
  }

  /** Which tokens may stand next in a text that is written. */
  get spelling() {
    return (this.#spelling ??= new Spelling(this.vocabulary));
  }

  /** Tokens that generation chooses nowhere: special ones, and those that no text can hold. */
  get neverWritten() {
    const special = [this.unknownToken, this.padToken, ...this.unwritten].filter((token) => token !== null);
    return (this.#never ??= [...new Set([...special, ...this.spelling.never])]);
  }

  /**
   * A text as the training text was made.
   * @param {string} text
   */
  asTrained(text) {
    return asTrained(text, this.prompts);
  }

  /**
   * The tokens of a text as it stands. Never fails: see each tokenizer for what becomes of strange characters.
   * @param {string} text
   * @returns {number[]}
   */
  encode(text) {
    throw new Error(`not written for ${text}`);
  }

  /**
   * How many UTF-16 units of `text` are complete after each of its tokens.
   * @param {string} text
   * @param {number[]} tokens  what `encode` made of it
   * @returns {number[]}
   */
  ends(text, tokens) {
    throw new Error(`not written for ${text} ${tokens}`);
  }

  /**
   * The characters of a text that the vocabulary cannot say, each once, in order of appearance.
   * @param {string} text
   * @returns {string[]}
   */
  unknownCharacters(text) {
    return [];
  }

  /** @returns {StreamDecoder} */
  decoder() {
    throw new Error("not written");
  }

  /**
   * The text of tokens; bytes that are not UTF-8 become U+FFFD, special tokens nothing.
   * @param {Iterable<number>} tokens
   */
  decode(tokens) {
    const decoder = this.decoder();
    let text = "";
    for (const token of tokens) text += decoder.feed(token);
    return text + decoder.finish();
  }

  /**
   * The tokens of a text, made as the training text was, each with the part of the text itself that it completes.
   * @param {string} text
   * @returns {Span[]}
   */
  spans(text) {
    const trained = this.asTrained(text);
    const tokens = this.encode(trained);
    const found = this.ends(trained, tokens);
    const ends = trained === text ? found : placesBefore(text, this.prompts, found);
    return tokens.map((token, i) => ({ token, start: i ? ends[i - 1] : 0, end: ends[i] }));
  }

  /**
   * The tokens that generation starts from, of a prompt that is made as the training text was: a document begins with the end token, other text with a line break.
   * Throws an EngineError where the vocabulary knows nothing of the prompt.
   * @param {string} prompt
   * @returns {number[]}
   */
  promptTokens(prompt) {
    prompt = this.asTrained(prompt);
    const unknown = new Set(this.unknownCharacters(prompt));
    if (unknown.size && [...prompt].every((character) => unknown.has(character))) {
      throw new EngineError(
        "usage",
        `The model knows none of the characters of “${prompt.slice(0, 40)}”: it was trained on other ones, so start ` +
          "with a word of its own text.",
      );
    }
    const tokens = this.encode(prompt);
    if (this.endToken !== null) return [this.endToken, ...tokens];
    return tokens.length ? tokens : this.encode("\n");
  }
}

/**
 * Decodes token by token and never gives out part of a character.
 *
 * @typedef {object} StreamDecoder
 * @property {(token: number) => string} feed
 * @property {() => string} finish  what an unfinished character at the end comes to
 */

/** The characters of the training text, then one token for every other character. */
export class CharacterTokenizer extends Tokenizer {
  /** @type {string[]} */
  #texts;
  /** @type {Map<string, number>} */
  #lookup;
  #unknown;

  /** @param {CharacterJSON} values */
  constructor({ characters, documents }) {
    const known = [...characters];
    super(known.length + 1, documents);
    this.#unknown = this.unknownToken = known.length;
    this.#lookup = new Map(known.map((character, token) => [character, token]));
    this.#texts = [...known, REPLACEMENT, ...(documents ? ["", ""] : [])];
  }

  /** @override */
  get vocabulary() {
    return this.#texts.map(utf8);
  }

  /**
   * @override
   * @param {string} text
   */
  encode(text) {
    return Array.from(text, (character) => this.#lookup.get(character) ?? this.#unknown);
  }

  /**
   * @override
   * @param {string} text
   */
  ends(text) {
    let end = 0;
    return Array.from(text, (character) => (end += character.length));
  }

  /**
   * @override
   * @param {string} text
   */
  unknownCharacters(text) {
    return [...new Set(text)].filter((character) => !this.#lookup.has(character));
  }

  /** @override */
  decoder() {
    return { feed: (/** @type {number} */ token) => this.#texts[token], finish: () => "" };
  }
}

/**
 * Byte pairs, or words with another way to encode a piece of text. Any text encodes: what has no token of its own falls
 * back to bytes.
 */
class BytePairTokenizer extends Tokenizer {
  /** @type {string[]} each token's bytes, as a string of characters below U+0100 */
  #bytes;
  /** @type {Map<string, number>} */
  #ranks;
  #pattern;
  #encode;
  /** @type {Map<string, number[]>} what was made of pieces before: words come back */
  #seen = new Map();

  /**
   * @param {BytePairJSON | WordJSON} values
   * @param {(bytes: string, ranks: Map<string, number>) => number[]} [encode]  makes tokens of a piece's bytes
   */
  constructor({ ranks, pattern, documents, specials = 0 }, encode = encodePiece) {
    const bytes = ranks.split(" ").map(atob);
    super(bytes.length + specials, documents);
    this.#encode = encode;
    this.unwritten = Array.from({ length: specials }, (_, i) => bytes.length + i);
    this.#ranks = new Map(bytes.map((token, rank) => [token, rank]));
    this.#bytes = [...bytes, ...this.unwritten.map(() => ""), ...(documents ? ["", ""] : [])];
    this.#pattern = new RegExp(javaScriptPattern(pattern), "gu");
  }

  /** @override */
  get vocabulary() {
    return this.#bytes;
  }

  /**
   * @override
   * @param {string} text
   */
  encode(text) {
    /** @type {number[]} */
    const tokens = [];
    const whole = withoutLoneSurrogates(text);
    const longest = LONG_STRETCH.test(whole) ? LONGEST_PIECE : Infinity;
    for (const [found] of whole.matchAll(this.#pattern)) {
      for (const piece of found.length > longest ? cut(found, longest) : [found]) {
        for (const token of this.#encodePiece(piece)) tokens.push(token);
      }
    }
    return tokens;
  }

  /** @param {string} piece */
  #encodePiece(piece) {
    let tokens = this.#seen.get(piece);
    if (!tokens) {
      tokens = this.#encode(utf8(piece), this.#ranks);
      if (this.#seen.size > 20_000) this.#seen.clear();
      if (piece.length < 100) this.#seen.set(piece, tokens);
    }
    return tokens;
  }

  /**
   * @override
   * @param {string} text
   * @param {number[]} tokens
   */
  ends(text, tokens) {
    const decoder = this.decoder();
    let end = 0;
    return tokens.map((token) => (end += decoder.feed(token).length));
  }

  /** @override */
  decoder() {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      feed: (/** @type {number} */ token) => {
        const bytes = this.#bytes[token];
        const array = new Uint8Array(bytes.length);
        for (let i = 0; i < bytes.length; i++) array[i] = bytes.charCodeAt(i);
        return decoder.decode(array, { stream: true });
      },
      finish: () => decoder.decode(),
    };
  }
}

/**
 * A word's token, or those of its characters, or of their bytes: see janelm/text/words.py.
 * @param {string} bytes
 * @param {Map<string, number>} ranks
 */
function encodeWord(bytes, ranks) {
  const whole = ranks.get(bytes);
  if (whole !== undefined) return [whole];
  const characters = bytes.match(/[^\x80-\xbf][\x80-\xbf]*/g) ?? [];
  return characters.flatMap((character) => {
    const known = ranks.get(character);
    return known === undefined ? Array.from(character, (byte) => byte.charCodeAt(0)) : [known];
  });
}

const encoder = new TextEncoder();

/** @param {string} text */
function utf8(text) {
  let bytes = "";
  for (const byte of encoder.encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

/** In characters: see LONGEST_PIECE in janelm/text/tokenizers.py. */
const LONGEST_PIECE = 4096;
const LONG_STRETCH = /\P{White_Space}{4096}|\p{White_Space}{4096}/u;

/**
 * A piece in parts of so many characters.
 * @param {string} piece
 * @param {number} size
 */
function cut(piece, size) {
  const characters = [...piece];
  const parts = [];
  for (let begin = 0; begin < characters.length; begin += size) {
    parts.push(characters.slice(begin, begin + size).join(""));
  }
  return parts;
}

/**
 * Python encodes a lone surrogate as a question mark.
 * @param {string} text
 */
function withoutLoneSurrogates(text) {
  return text.replace(/\p{Surrogate}/gu, "?");
}

/**
 * The pattern that tiktoken reads, for JavaScript: `\s` and `\d` mean Unicode's white space and digits there (with
 * U+0085, without U+FEFF), a possessive quantifier such as `++`, which none of tiktoken's patterns needs for its
 * meaning, becomes a plain one, and a group of letters of either case, such as `(?i:'s|ll)`, which many browsers do
 * not know, names both.
 * @param {string} pattern
 */
export function javaScriptPattern(pattern) {
  const parts = /\\[pP]\{[^}]*\}|\\[^]|([+*?}])\+|\(\?i:((?:\[[a-z]+\]|['|a-z])*)\)/gi;
  return pattern.replace(parts, (found, quantifier, letters) => {
    return quantifier ?? CLASSES.get(found) ?? (letters === undefined ? found : `(?:${eitherCase(letters)})`);
  });
}

/** @param {string} letters  some of them in classes */
function eitherCase(letters) {
  return letters.replace(/\[([a-z]+)\]|[a-z]/gi, (found, inside = found) => {
    const all = [...inside].map((letter) => letter.toLowerCase() + letter.toUpperCase() + (FOLDED.get(letter) ?? ""));
    return `[${all.join("")}]`;
  });
}

/** What else is the same but for its case: the long s, and the sign for kelvins. */
const FOLDED = new Map([
  ["s", "\u017F"],
  ["S", "\u017F"],
  ["k", "\u212A"],
  ["K", "\u212A"],
]);

const CLASSES = new Map([
  ["\\s", "\\p{White_Space}"],
  ["\\S", "\\P{White_Space}"],
  ["\\d", "\\p{Nd}"],
  ["\\D", "\\P{Nd}"],
]);
