"""How often engines part: python tests/benchmarks/partings.py [--texts 40] [--tokens 500]

Each shipped sample writes texts with the C++ engine. All engines read them and, after each token, draw the next one
with the same random word: by the race of janelm/writing/sampling.py, by comparing one number with running sums, as
was done before, and the same after rounding logits to multiples of 2**-10. For each pair of engines it prints how
many of all draws differed, and how many would on average, whatever the random words: exactly for running sums, and
for the race as 1 minus the sum over tokens i of 1 / sum over j of max(p_j / p_i, q_j / q_i). `least` is what no rule
can go below.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np

from janelm.config import SamplingConfig
from janelm.engines import Engine, choose_engine
from janelm.runs import sample_run
from janelm.writing.sampling import Random, race, weights

SAMPLING = SamplingConfig()
GROUPS = (
    ("fp32", ("native", "onnx", "torch")),
    ("int8-weights", ("native", "onnx")),
)


def by_running_sums(p: np.ndarray, word: int) -> int:
    running = np.cumsum(p)
    return int(np.searchsorted(running, word / 2**32 * running[-1], side="right"))


def rounded(logits: np.ndarray) -> np.ndarray:
    return weights(np.round(logits.astype(float) * 1024) / 1024, SAMPLING)


RULES = {
    "race": lambda logits, word: race(weights(logits.astype(float), SAMPLING), word),
    "running sums": lambda logits, word: by_running_sums(weights(logits.astype(float), SAMPLING), word),
    "rounded, running sums": lambda logits, word: by_running_sums(rounded(logits), word),
}


def expected(p: np.ndarray, q: np.ndarray) -> dict[str, float]:
    """The probabilities that a draw differs with weights p and q (V,)."""
    p, q = p / p.sum(), q / q.sum()
    ends, other_ends = np.cumsum(p), np.cumsum(q)
    shared = np.minimum(ends, other_ends) - np.maximum(ends - p, other_ends - q)
    likely = np.flatnonzero(np.minimum(p, q) > 1e-9)
    a, b = p[likely] / p[likely].sum(), q[likely] / q[likely].sum()
    same = (1 / np.maximum(a / a[:, None], b / b[:, None]).sum(axis=1)).sum()
    found = {"race": 1 - same, "running sums": 1 - np.maximum(shared, 0).sum()}
    return found | {"least": np.abs(p - q).sum() / 2}


def count(engines: dict[str, Engine], start: list[int], texts: int, tokens: int) -> tuple[Counter, Counter, int]:
    names, differing, on_average, measured = list(engines), Counter(), Counter(), 0
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    states = {name: engine.initial_state(texts) for name, engine in engines.items()}
    randoms, read = [Random(seed) for seed in range(texts)], np.array([start] * texts, np.int64)
    for step in range(tokens):
        logits = {}
        for name, engine in engines.items():
            logits[name], states[name] = engine.step(read, states[name])
        read = np.zeros((texts, 1), np.int64)
        for text, random in enumerate(randoms):
            word = random.word()
            for rule, draw in RULES.items():
                drawn = {name: draw(logits[name][text], word) for name in names}
                differing.update((*pair, rule) for pair in pairs if drawn[pair[0]] != drawn[pair[1]])
                if rule == "race":
                    read[text] = drawn[names[0]]
            if step % 20 == text % 20:
                measured += 1
                p = {name: weights(logits[name][text].astype(float), SAMPLING) for name in names}
                for a, b in pairs:
                    on_average.update({(a, b, rule): share for rule, share in expected(p[a], p[b]).items()})
    return differing, on_average, measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--tokens", type=int, default=500)
    options = parser.parse_args()
    draws = options.texts * options.tokens
    for architecture in ("transformer", "lstm"):
        run = sample_run(architecture).load(device="cpu")
        start = run.tokenizer.started(run.tokenizer.encode(" ").tolist())
        for precision, names in GROUPS:
            engines = {name: choose_engine(run, name, precision) for name in names}
            differing, on_average, measured = count(engines, start, options.texts, options.tokens)
            for a, b in sorted({(a, b) for a, b, _ in on_average}):
                told = [f"{rule} {differing[a, b, rule]}" for rule in RULES]
                told += [
                    f"{rule} on average {on_average[a, b, rule] / measured * draws:.2f}"
                    for rule in ("race", "running sums", "least")
                ]
                print(f"{architecture} {precision} {a}/{b}, of {draws:,} draws: {', '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
