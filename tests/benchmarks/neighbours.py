"""Whether near is alike: python tests/benchmarks/neighbours.py [--tokens 64000] [--models transformer lstm]

For each of the 53 main characters of Austen's novels, the ten nearest of all people and common words, by cosine: how
many of them are people, and how many are of the same book. By the vectors of tokens (the mean over a name's tokens),
by what each layer makes of a name where it stands (the mean over places in the text), by what it expects before it,
and by both; and by both in as few numbers of a byte as the page has. `pieces` is how often a word of several tokens
that is placed by its first and last one has its own vector among the ten nearest.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from reading.test_names import MAIN

from janelm.architectures import LanguageModel
from janelm.reading.contexts import Occurrences, find_occurrences, read_passages
from janelm.reading.embeddings import KEPT, LEAST, Features, Means, read_means, standardised, tokens_of, unit
from janelm.reading.maps import directions
from janelm.reading.parts import PartedText, part_text
from janelm.runs import sample_run
from janelm.text.corpora import load_sources


def all_layers(model: LanguageModel) -> tuple[Features, int]:
    """What every layer makes of tokens, side by side: (B, T, L * D); and L, the embedding and what the head reads
    counted."""
    if model.config.kind == "lstm":
        return _lstm_layers(model), 3

    @torch.inference_mode()
    def features(tokens: Tensor) -> Tensor:
        found: list[Tensor] = []
        hooks = [part.register_forward_hook(lambda _, __, out: found.append(out)) for part in model.parts()]
        last, _ = model.features(tokens)
        for hook in hooks:
            hook.remove()
        return torch.cat([model.embedding(tokens), *found[:-1], last], -1)

    return features, 1 + len(model.parts())


def _lstm_layers(model: LanguageModel) -> Features:
    D = model.config.width
    first = torch.nn.LSTM(D, D, batch_first=True)
    first.load_state_dict({name: value for name, value in model.lstm.state_dict().items() if name.endswith("l0")})

    @torch.inference_mode()
    def features(tokens: Tensor) -> Tensor:
        x = model.embedding(tokens)
        return torch.cat([x, first(x)[0], model.features(tokens)[0]], -1)

    return features


def judge(vectors: np.ndarray, found: Occurrences, kept: np.ndarray) -> tuple[float, float]:
    """Of the ten nearest of each main character, the share who are people, and the share from the same book."""
    entries = [found.entries[i] for i in kept]
    people = np.array([entry.kind == "person" for entry in entries])
    books = np.array([entry.book for entry in entries])
    main = [
        next((i for i, entry in enumerate(entries) if people[i] and entry.book == book and name in entry.name), None)
        for book, title in enumerate(MAIN)
        for name in MAIN[title].split(", ")
    ]
    those = np.array([i for i in main if i is not None])
    cosines = unit(vectors[those]) @ unit(vectors).T
    cosines[np.arange(len(those)), those] = -2
    near = np.argsort(-cosines, 1)[:, :10]
    return float(people[near].mean()), float((people[near] & (books[near] == books[those][:, None])).mean())


def token_vectors(run, found: Occurrences, kept: np.ndarray, words: slice) -> np.ndarray:
    """The mean of the vectors of the tokens of some words of each name, from their mean."""
    weights = run.model.embedding.weight.detach().numpy()
    names = [" ".join(found.entries[i].name.split(" (")[0].split()[words]) for i in kept]
    vectors = np.stack([weights[tokens_of(run, name)].mean(0) for name in names])
    return vectors - vectors.mean(0)


def piece_share(run, found: Occurrences, kept: np.ndarray, means: tuple[Means, Means], layer: slice) -> float:
    """Of the words of several tokens, the share whose own vector is among the ten nearest to what its tokens say."""
    entries, tokens = means
    sides = [
        standardised(getattr(entries, s)[kept][:, layer], getattr(tokens, s)[:, layer]) for s in ("before", "after")
    ]
    own = unit(np.concatenate([mine for mine, _ in sides], 1))
    hits = []
    for place, number in enumerate(kept):
        word = tokens_of(run, found.entries[number].name)
        if found.entries[number].kind != "person" and len(word) > 1:
            guess = np.concatenate((sides[0][1][word[0]], sides[1][1][word[-1]]))
            hits.append(place in np.argsort(-(own @ guess))[:10])
    return float(np.mean(hits))


def measure(kind: str, parted: PartedText, budget: int) -> dict[str, tuple[float, ...]]:
    run = sample_run(kind).load()
    found = find_occurrences(parted)
    passages = read_passages(run, parted.text, found, budget)
    features, layers = all_layers(run.model)
    entries, tokens = read_means(passages, features, len(found.entries), run.tokenizer.vocab_size)
    kept = np.flatnonzero(entries.counts >= LEAST)
    D = entries.after.shape[1] // layers
    people = np.mean([found.entries[i].kind == "person" for i in kept])
    told: dict[str, tuple[float, ...]] = {f"chance, of {len(kept)}": (float(people),)}
    told["token vectors of the last word"] = judge(token_vectors(run, found, kept, slice(-1, None)), found, kept)
    told["token vectors of all words, titles too"] = judge(token_vectors(run, found, kept, slice(None)), found, kept)
    for number in range(1, layers):
        layer = slice(number * D, (number + 1) * D)
        (before, _), (after, _) = (
            standardised(side[kept][:, layer], side[:0, layer]) for side in (entries.before, entries.after)
        )
        both = np.concatenate((before, after), 1)
        name = "last" if number == layers - 1 else str(number)
        for label, vectors in (("read", after), ("expected", before), ("both", both)):
            told[f"layer {name}, {label}"] = judge(vectors, found, kept)
    for size in (KEPT // 2, KEPT, 2 * KEPT):
        small = both @ directions(both, size)
        told[f"layer last, both, {size} bytes"] = judge(np.round(small / np.abs(small).max() * 127), found, kept)
    told["pieces"] = (piece_share(run, found, kept, (entries, tokens), layer),)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=64_000)
    parser.add_argument("--models", nargs="+", default=["transformer", "lstm"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    parted = part_text(load_sources(("austen",)))
    figures = {}
    for kind in options.models:
        figures[kind] = measure(kind, parted, options.tokens)
        for label, shares in figures[kind].items():
            print(f"{kind}, {label}: " + ", ".join(f"{share:.0%}" for share in shares), flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
