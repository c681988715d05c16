// llama.cpp writing several texts at once, in one batch: node llama.mjs GGUF TEXT TOKENS STREAMS [STREAMS ...]
// Prints for each number of streams the seconds of all, and those to the first token of each.

import { getLlama } from "node-llama-cpp";

const [file, text, count, ...streams] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", progressLogs: false });
const model = await llama.loadModel({ modelPath: file, useMmap: false });
const tokens = model.tokenize(text, false);
const manner = { temperature: 1, topK: 0, topP: 1, minP: 0, yieldEogToken: true };

async function write(sequence, wanted, began) {
  let [first, written] = [0, 0];
  for await (const _ of sequence.evaluate(tokens, manner)) {
    first ||= (performance.now() - began) / 1000;
    if (++written >= wanted) break;
  }
  return [first, written];
}

async function all(number, wanted) {
  const size = { contextSize: model.trainContextSize, batchSize: Math.max(512, number), sequences: number, threads: 2 };
  const context = await model.createContext(size);
  const sequences = Array.from({ length: number }, () => context.getSequence());
  const began = performance.now();
  const found = await Promise.all(sequences.map((sequence) => write(sequence, wanted, began)));
  const seconds = (performance.now() - began) / 1000;
  await context.dispose();
  return { streams: number, seconds, tokens: found.reduce((sum, [, written]) => sum + written, 0), firsts: found.map(([first]) => first) };
}

await all(2, 4); // warms up
for (const number of streams) console.log(JSON.stringify(await all(Number(number), Number(count))));
await llama.dispose();
