// A GGUF, opened by llama.cpp: node llama.mjs MODEL TEXT COUNT
// Prints the text's tokens, each token's probability after them, and the likeliest COUNT tokens that go on with it.

import { getLlama } from "node-llama-cpp";

const [file, text, count] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", progressLogs: false });
const model = await llama.loadModel({ modelPath: file, useMmap: false });
const exact = { experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32", flashAttention: false };
const context = await model.createContext({ contextSize: model.trainContextSize, threads: 1, ...exact });
const tokens = model.tokenize(text, false);

const sequence = context.getSequence();
const last = [tokens.at(-1), { generateNext: { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } } }];
const found = await sequence.controlledEvaluate([...tokens.slice(0, -1), last]);
const probabilities = [...found.at(-1).next.probabilities].sort(([a], [b]) => a - b);

await sequence.clearHistory();
const written = [];
for await (const token of sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
  if (written.length >= Number(count)) break;
  written.push(token);
}
console.log(JSON.stringify({ tokens, probabilities, written, text: model.detokenize([...tokens, ...written]) }));
await llama.dispose();
