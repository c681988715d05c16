"""Vectors of the words and names of a text, by what a model makes of them, and which are near which.

The token vectors of a small model say little of words, which are several tokens each: of the ten nearest neighbours
of Austen's main characters, a third are no people. So a word is what the model makes of it where it stands:
the mean, over places in the text, of what the model has read its last token to (the features that its head reads), and
beside it of the same before its first token, which is what it expected there. Both are taken from their means and
scaled to the same size, so that each has half a say. docs/reading.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..config import TrainingConfig
from ..machine.hardware import autocast, choose_precision
from ..runs.loaded import LoadedRun
from .contexts import Entry, Passage, find_occurrences, read_passages
from .maps import directions, neighbour_map
from .parts import PartedText

MOST_TOKENS, LEAST_TOKENS, WORK = 64_000, 8_000, 3e11  # tokens that are read; of large models fewer: tokens * weights
LEAST = 3  # places that an entry was read in
KEPT = 64  # numbers of a vector
MAPPED = 700  # entries that the map of neighbours is made of
KINDS = ("person", "name", "word")  # in the order of the entries
MOST_PIECES = 4_000  # tokens that words unknown to the text are made of
AT_ONCE, NEAR = 16, 10

Features = Callable[[Tensor], Tensor]  # tokens (B, T) -> (B, T, D)


@dataclass(frozen=True)
class Embedding:
    """Shapes: N entries, K numbers of a vector, P pieces, Q entries that are on the map."""

    entries: list[Entry]
    """People, other names, words; each kind by how often."""
    contexts: np.ndarray
    """In how many places each was read, (N,)."""
    vectors: np.ndarray
    """(N, K) float32, the first three of which are the directions of most variance."""
    pieces: np.ndarray
    """Tokens by which a word that is no entry can be placed, (P,) int64."""
    before: np.ndarray
    """What the first token of a word adds to its vector, (P, K) float32."""
    after: np.ndarray
    """What the last one does, (P, K) float32."""
    map: np.ndarray
    """Where the first Q entries stand, (Q, 2) float32."""

    def nearest(self, vector: np.ndarray, most: int = NEAR) -> list[tuple[int, float]]:
        """The entries nearest to a vector (K,), with the cosine of the angle between."""
        cosines = unit(self.vectors) @ (vector / max(1e-9, float(np.linalg.norm(vector))))
        return [(int(i), float(cosines[i])) for i in np.argsort(-cosines, kind="stable")[:most]]

    def neighbours(self, number: int, most: int = NEAR) -> list[tuple[int, float]]:
        """Those of an entry, itself left out."""
        found = self.nearest(self.vectors[number], most + 1)
        return [one for one in found if one[0] != number][:most]

    def find(self, wanted: str) -> int | None:
        """The entry that is called so, or else the person or word of most mentions in whose name it stands."""
        small = wanted.lower()
        names = [entry.name.lower() for entry in self.entries]
        if small in names:
            return names.index(small)
        inside = [i for i, name in enumerate(names) if small in name.split(" (")[0].split()]
        return max(inside, key=lambda i: self.entries[i].count, default=None)

    def guess(self, tokens: list[int]) -> np.ndarray | None:
        """A vector (K,) for a word that is no entry, from its tokens: what stands before the first of them wherever it
        begins something, and what the last comes to. None where one of the two was never read."""
        places = {int(token): place for place, token in enumerate(self.pieces)}
        if not tokens or tokens[0] not in places or tokens[-1] not in places:
            return None
        return self.before[places[tokens[0]]] + self.after[places[tokens[-1]]]


def embed(
    run: LoadedRun,
    parted: PartedText,
    wanted: tuple[str, ...] = (),
    features: Features | None = None,
    plane: bool = True,
) -> Embedding:
    """Vectors of the people and words of a text. `features` is what is taken of the model, by default what its head
    reads; without `plane` there is no map. The same text and model have the same vectors."""
    occurrences = find_occurrences(parted, wanted)
    budget = int(max(LEAST_TOKENS, min(MOST_TOKENS, WORK / run.model.parameter_count())))
    passages = read_passages(run, parted.text, occurrences, budget)
    entries, tokens = read_means(
        passages, features or _features(run), len(occurrences.entries), run.tokenizer.vocab_size
    )
    kinds = np.array([KINDS.index(entry.kind) for entry in occurrences.entries], np.int64)
    kept = np.argsort(kinds, kind="stable")
    kept = kept[entries.counts[kept] >= LEAST]
    pieces = np.argsort(-tokens.counts, kind="stable")[:MOST_PIECES]
    pieces = np.sort(pieces[tokens.counts[pieces] > 0])
    before, pieces_before = standardised(entries.before[kept], tokens.before[pieces])
    after, pieces_after = standardised(entries.after[kept], tokens.after[pieces])
    whole = np.concatenate((before, after), axis=1)
    to = directions(whole, KEPT)
    half = len(to) // 2
    vectors = whole @ to
    return Embedding(
        entries=[occurrences.entries[i] for i in kept],
        contexts=entries.counts[kept],
        vectors=vectors,
        pieces=pieces,
        before=pieces_before @ to[:half],
        after=pieces_after @ to[half:],
        map=neighbour_map(unit(vectors[:MAPPED])) if plane else np.zeros((0, 2), np.float32),
    )


@dataclass
class Means:
    """What a model makes of N things: before them, and once it has read them."""

    counts: np.ndarray
    """Of how many places each is the mean, (N,) int64."""
    before: np.ndarray
    """(N, D) float32."""
    after: np.ndarray
    """(N, D) float32."""

    @staticmethod
    def of(number: int, width: int) -> Means:
        return Means(np.zeros(number, np.int64), *(np.zeros((number, width), np.float32) for _ in range(2)))

    def add(self, ids: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
        order = np.argsort(ids, kind="stable")
        found, starts, counts = np.unique(ids[order], return_index=True, return_counts=True)
        if len(found):
            self.counts[found] += counts
            self.before[found] += np.add.reduceat(before[order], starts)
            self.after[found] += np.add.reduceat(after[order], starts)

    def means(self) -> Means:
        number = np.maximum(1, self.counts)[:, None]
        return Means(self.counts, self.before / number, self.after / number)


def read_means(passages: list[Passage], features: Features, entries: int, vocab_size: int) -> tuple[Means, Means]:
    """What a model makes of each entry, and of each token, in these passages."""
    of_entries, of_tokens = Means.of(entries, 0), Means.of(vocab_size, 0)
    for begin in range(0, len(passages), AT_ONCE):
        some = passages[begin : begin + AT_ONCE]
        longest = max(len(one.tokens) for one in some)
        # What stands behind a passage has no part in what is made of it.
        rows = np.stack([np.pad(one.tokens, (0, longest - len(one.tokens)), mode="edge") for one in some])
        states = features(torch.from_numpy(rows)).float().numpy()
        if not of_entries.before.size:
            of_entries, of_tokens = Means.of(entries, states.shape[2]), Means.of(vocab_size, states.shape[2])
        for one, state in zip(some, states, strict=True):
            of_entries.add(one.of, state[one.first - 1], state[one.last])
            end = len(one.tokens)
            of_tokens.add(one.tokens[one.lead :], state[one.lead - 1 : end - 1], state[one.lead : end])
    return of_entries.means(), of_tokens.means()


def standardised(vectors: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (N, D) moved so that their mean is 0 and scaled so that their mean square length is 1; others (P, D) are
    moved and scaled as these are."""
    if not len(vectors):
        return vectors, others
    mean = vectors.mean(0)
    scale = max(1e-9, float(np.sqrt(((vectors - mean) ** 2).sum(1).mean())))
    return (vectors - mean) / scale, (others - mean) / scale


def _features(run: LoadedRun) -> Features:
    """In bf16 where that is faster: a vector of the page has eight bits a number, and bf16 as many."""
    device = run.model.device
    dtype, _ = choose_precision(TrainingConfig(), device)

    @torch.inference_mode()
    def features(tokens: Tensor) -> Tensor:
        with autocast(device, dtype):
            return run.model.features(tokens.to(device))[0].cpu()

    return features


def unit(vectors: np.ndarray) -> np.ndarray:
    """Each (N, K) of length 1."""
    return vectors / np.maximum(1e-9, np.linalg.norm(vectors, axis=1, keepdims=True))


def tokens_of(run: LoadedRun, word: str) -> list[int]:
    """The tokens of a word inside a text, the blank before it left out where that is a token of its own."""
    tokens = run.tokenizer.encode(f" {word}").tolist()
    return tokens[1:] if tokens and not run.tokenizer.vocabulary[tokens[0]].strip() else tokens


def neighbours_of(run: LoadedRun, found: Embedding, word: str) -> dict[str, Any] | None:
    """What stands nearest to a word or name, as plain data; None where nothing is known of it. `guessed` says that it
    was placed by its tokens, as the text has it too seldom."""
    number = found.find(word)
    if number is not None:
        near, name = found.neighbours(number), found.entries[number].name
    else:
        vector, name = found.guess(tokens_of(run, word)), word
        if vector is None:
            return None
        near = found.nearest(vector)
    told = [(found.entries[i].name, round(cosine, 3)) for i, cosine in near]
    return {"name": name, "guessed": number is None, "near": told}


def to_json(found: Embedding) -> list[dict[str, Any]]:
    """Every entry with its neighbours and, of those that are on it, its place on the map."""
    names, places = [entry.name for entry in found.entries], found.map.round(2).tolist()
    return [
        {
            "name": entry.name,
            "kind": entry.kind,
            "count": entry.count,
            "contexts": int(found.contexts[i]),
            "near": [(names[other], round(cosine, 3)) for other, cosine in found.neighbours(i)],
            "map": places[i] if i < len(places) else None,
        }
        for i, entry in enumerate(found.entries)
    ]
