/**
 * The types that the page's parts share: the manifest, and what the engine is asked and answers.
 *
 * Offsets into text are UTF-16 code units, as JavaScript counts them. Shapes: L layers, H heads, D width, V vocabulary.
 */

/**
 * @typedef {object} Manifest  manifest.json, which `janelm export` writes
 * @property {number} format  1
 * @property {string} janelm  version that wrote it
 * @property {string} title
 * @property {string} created  date
 * @property {Runtime} runtime
 * @property {Charts} charts
 * @property {string[]} app  the page's own modules and style
 * @property {{path: string, bytes: number, sha256: string, room?: string}[]} files  every immutable file of the site
 *   but models; those of a room are fetched once it is opened
 * @property {string[]} languages  of the interface, besides English
 * @property {ModelEntry[]} models
 * @property {TextShown} [reading]  what the room Read shows
 * @property {Record<string, CopiedIndex>} [copied]  of each model's training text, where its maker publishes one
 * @property {Packed} [learning]  what the models wrote at each evaluation, and what a loss means
 */

/**
 * @typedef {object} CopiedIndex  a Bloom filter of runs of words: see janelm/reading/copied.py
 * @property {string} path
 * @property {number} bytes
 * @property {number} size  in bits
 * @property {number} stride  from one run to the next
 * @property {number} run  words of each
 * @property {number} hashes
 * @property {string} word  a regular expression
 */

/** @typedef {{path: string, bytes: number}} Packed  a file that gzip made smaller */

/**
 * @typedef {{figures: Packed, text: Packed | null, embeddings?: Packed}} TextShown  null: the text itself is not published
 */

/**
 * @typedef {object} Runtime  the page's own step, or onnxruntime-web; addresses are relative to the page, or absolute
 *   with `--cdn`
 * @property {string} name
 * @property {string} version
 * @property {string} [glue]  ort-wasm-simd-threaded.mjs, of onnxruntime-web alone
 * @property {string} wasm  step.wasm, or ort-wasm-simd-threaded.wasm
 * @property {number} wasm_bytes
 * @property {{wasm: string, wasm_bytes: number}} [relaxed]  of the page's own step, for browsers with relaxed SIMD
 * @property {Record<string, string> | null} integrity  "sha384-…" of each address, with `--cdn`
 */

/**
 * @typedef {object} Charts  uPlot; addresses as those of the runtime
 * @property {string} name
 * @property {string} version
 * @property {string} module
 * @property {string} style
 * @property {Record<string, string> | null} integrity
 */

/**
 * @typedef {object} ModelEntry
 * @property {string} name
 * @property {string} kind  "transformer", "lstm" or "gpt2"
 * @property {string} precision  "fp32", "fp16", "int8-weights", "int6-weights" or "int8"
 * @property {string} file  address relative to the page; its name holds a hash of the contents
 * @property {number} bytes
 * @property {string} sha256  hexadecimal
 * @property {string} [served]  address of a server that runs the model, which has no file then
 * @property {{file: string, bytes: number, sha256: string}} [adapter]  what is added to the weights in `file`, which
 *   models may share
 * @property {number} parameters
 * @property {Description} description
 * @property {Record<string, any>} card
 * @property {Record<string, any>} losses
 * @property {Record<string, any>} overlap
 * @property {{bits_per_byte_fp32: number, bits_per_byte: number, bytes: number} | {not_measured: string} | null
 *   } precision_change
 * @property {{tokens: number[], seconds: number[], train: number[], validation: number[]}} curves
 * @property {string[]} titles
 * @property {string} title_before  what stands before a title at the start of a document
 * @property {string} title_after
 * @property {{prompt: string, text: string, seed: number, temperature: number, num_tokens: number}} example
 * @property {string} [language]  BCP 47 code of what it writes; empty where it is not known
 */

/**
 * @typedef {object} Description  what a graph says about itself: see janelm/export/graphs.py
 * @property {string} name
 * @property {string} kind
 * @property {Record<string, any> & {context_length: number, layers: number, width: number}} config
 * @property {number} vocab_size
 * @property {TokenizerJSON} tokenizer
 * @property {Prompts} [prompts]
 * @property {number} opset
 * @property {string} precision
 * @property {StateDescription[]} states
 * @property {RingDescription} [ring]
 * @property {string[]} [attention]  outputs (B, H, T, past + T) of each layer, computed only when asked for
 */

/**
 * @typedef {object} Prompts  what is done to a prompt, so that it is as the training text was made
 * @property {boolean} clean  plain line ends, no control characters, one normal form
 * @property {boolean} straighten_quotes
 * @property {boolean} lower_case
 */

/**
 * @typedef {object} StateDescription
 * @property {string} name  input
 * @property {string} output
 * @property {(number | string)[]} shape
 * @property {string} dtype  "float32"
 * @property {"replace" | "ring"} update
 */

/**
 * @typedef {object} RingDescription
 * @property {number} memory  tokens before a token that the model can look back on
 * @property {number} [base]  of the rotary angles
 * @property {number} [size]  of a head
 * @property {Record<string, object>} inputs  what else the graph is to be told
 */

/**
 * @typedef {{kind: "character", characters: string, documents: boolean}} CharacterJSON
 * @typedef {{kind: "tiktoken", encoding: string | null, pattern: string, ranks: string, documents: boolean,
 *   specials?: number}} BytePairJSON  specials: tokens without a text that stand behind the ranks and are never written
 * @typedef {{kind: "word", pattern: string, ranks: string, documents: boolean, specials?: number}} WordJSON
 * @typedef {CharacterJSON | BytePairJSON | WordJSON} TokenizerJSON  ranks: the tokens in base64 without padding, spaces between
 */

/**
 * @typedef {object} Sampling  every setting of janelm.SamplingConfig, under the same names
 * @property {number} temperature
 * @property {number} top_k
 * @property {number} top_p
 * @property {number} min_p
 * @property {number} repetition_penalty
 * @property {number} no_repeat_ngram_size
 * @property {number} [presence_penalty]
 * @property {number} [frequency_penalty]
 * @property {number} [penalty_window]  0: all of the text
 * @property {number} [penalty_slope]  0: as strong at the window's far end; of no account without one
 * @property {boolean} [penalty_written_only]
 * @property {number} [dry_multiplier]
 * @property {number} [dry_base]
 * @property {number} [dry_allowed_length]
 * @property {string[]} [favour]
 * @property {number} [favour_strength]
 * @property {string[]} [ban]
 * @property {number} seed
 */

/** @typedef {Required<Sampling>} FullSampling */

/**
 * @typedef {object} Alternative  a token that might have stood, or might stand next
 * @property {number} token
 * @property {string} text  "" for the end of a document; U+FFFD for a part of a character
 * @property {number} probability
 */

/**
 * @typedef {object} TokenInfo
 * @property {number} token
 * @property {number} start  offset in the whole text, prompt included; a token that holds only the first part of a
 *                           character has no width, and the one that completes it has all of the character
 * @property {number} end
 * @property {number} bits  what the model needed to expect it: −log2 of its probability at temperature 1
 * @property {Alternative[]} top  the likeliest tokens at this place at temperature 1, likeliest first; probabilities
 *                                are shares among the tokens that may be written
 */

/**
 * @typedef {object} Progress  of a load: bytes as they are in the file, whatever the wire compressed
 * @property {number} loaded
 * @property {number} total
 * @property {"download" | "start"} stage
 */

/**
 * @typedef {object} Loaded
 * @property {number} milliseconds  from the call to a model that can write
 * @property {number} bytes  of the files that were read for it, the runtime among them where this load started it
 * @property {boolean} cached  the model came from this browser's own store: nothing was asked of the network
 */

/** @typedef {{done: number, total: number}} ReadProgress  tokens */

/**
 * @typedef {object} ReadOptions
 * @property {number} [memory]  tokens to look back on (see Engine.memory); an LSTM has no use for it
 * @property {number} [alternatives]  how many `top` of each token; 10 by default, 0 for none
 * @property {number} [from]  offset from which on tokens are described (0 by default). What stands before is read in
 *                            chunks, many times as fast
 * @property {(progress: ReadProgress) => void} [onProgress]
 * @property {AbortSignal} [signal]  rejects with an AbortError
 */

/**
 * @typedef {object} Reading
 * @property {TokenInfo[]} tokens  those that start at `from` or after it
 * @property {Float32Array} logits  (V), of the token after the text
 */

/**
 * @typedef {object} WriteOptions
 * @property {string} text  the prompt: all the text so far
 * @property {number} num_tokens
 * @property {Sampling} sampling
 * @property {string[]} [stop]  texts at which writing ends; they are not part of what is written
 * @property {number} [memory]
 * @property {number} [pace]  tokens per second, or 0 (the default) for as fast as it goes
 * @property {number} [alternatives]  how many `top` of each token; 0 by default
 * @property {boolean} [race]  as much time as other writings that race, rather than a token each in turn; without a pace
 * @property {(progress: ReadProgress) => void} [onProgress]  while the prompt is read
 */

/**
 * @typedef {object} Frame  what was written since the last frame; one comes at most every 16 ms
 * @property {string} text  whole characters; concatenated, the frames' texts are all that was written
 * @property {TokenInfo[]} tokens  those whose text is complete with this frame
 * @property {number} number  of the text, where several are written
 * @property {number} written  tokens drawn so far, in all
 * @property {number} tokensPerSecond  since writing began, by the clock
 * @property {number} millisecondsPerToken  of computing, without waiting for the pace or for other models
 * @property {Float32Array} logits  (V), of the token after the last one drawn
 */

/**
 * @typedef {object} Summary
 * @property {"length" | "stop text" | "end of document" | "stopped"} reason
 * @property {number} tokens  drawn, the end of a document among them
 * @property {number} seconds  by the clock, from the first token on
 * @property {number} tokensPerSecond
 * @property {number} millisecondsPerToken
 * @property {number} ownShare  share of each token's computing that is not the model's own step (0 to 1)
 */

/**
 * @typedef {object} Writing
 * @property {() => void} stop  ends it at the next token; what was written stays
 * @property {Promise<Summary>} done
 */

/**
 * @typedef {object} Attention  how a transformer's last token looks back
 * @property {"attention"} kind
 * @property {number} heads
 * @property {Float32Array[]} attention  for each layer (H × spans.length), rows of heads; each row sums to 1
 * @property {Span[]} spans  the tokens looked at in order of the text, the last token last; the end token that starts
 *                           a document has no width
 */

/**
 * @typedef {object} Hidden  the state of an LSTM after the text's last token
 * @property {"hidden"} kind
 * @property {number} layers
 * @property {number} width
 * @property {Float32Array} hidden  (L × D), from −1 to 1
 * @property {Float32Array} cell  (L × D)
 */

/** @typedef {{first: number, layers: Alternative[][]}} Lens  the likeliest tokens after `first` layers, one more, … and all */
/** @typedef {{tokens: number, layers: number[][]}} Distances  of each layer's heads, in tokens, averaged over so many tokens */
/** @typedef {{layer: number, unit: number, values: Float32Array}} Unit  its value after each token, from −1 to 1 */
/** @typedef {{spans: Span[], units: Unit[]}} Units  the most telling first */

/** @typedef {{token: number, start: number, end: number}} Span */
/** @typedef {Attention | Hidden} Look */

/**
 * @typedef {object} Score  how well the model expects a text; the same figures as `janelm score`
 * @property {number} bitsPerByte
 * @property {number} bits
 * @property {number} bytes  of the text as UTF-8
 * @property {number} tokens
 */

/**
 * What goes wrong, for the page to choose what it offers:
 * - "no-webassembly": the browser has no WebAssembly, or lacks its SIMD
 * - "out-of-memory"
 * - "offline": nothing answers
 * - "missing": the host answers that there is no such file
 * - "corrupted": a file is not the one that was exported, or the model's numbers are damaged
 * - "usage": settings or a text that make no sense to this model
 * - "failed": anything else
 * @typedef {"no-webassembly" | "out-of-memory" | "offline" | "missing" | "corrupted" | "usage" | "failed"} ErrorKind
 */

export {};
