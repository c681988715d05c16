"""Which words a part of a text has more of than the rest, how evenly words are spread, and which phrases come again."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .parts import PartedText
from .words import Words

PRIOR = 0.1  # what the prior weighs, as a share of all words
LEAST = 5  # times a word must stand in a part to be one of its words
PHRASE_WORDS = (8, 7, 6, 5, 4, 3)
SLICES = 100
TABLE_WORDS, TABLE_LEAST, TABLE_SLICES = 3000, 10, 50


@dataclass(frozen=True)
class KeyWord:
    word: str
    count: int
    """In the part."""
    score: float


def log_odds(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """How far each word is more frequent in a part than in the rest, in standard deviations (V,) float64.

    Log odds with an informative Dirichlet prior, the words of the whole (Monroe, Colaresi and Quinn 2008), from counts
    (V,) in the part and in the whole. Rare words come out near 0, as they should.
    """
    rest = whole - part
    prior = PRIOR * whole + 1e-9
    a, b, total = part + prior, rest + prior, prior.sum()
    delta = np.log(a / (part.sum() + total - a)) - np.log(b / (rest.sum() + total - b))
    return delta / np.sqrt(1 / a + 1 / b)


def tf_idf(counts: np.ndarray) -> np.ndarray:
    """Per thousand words of each part, times the log of how many parts there are to those with the word.

    Counts (P, V) in, scores (P, V) float64 out: 0 for a word that every part has.
    """
    df = (counts > 0).sum(0)
    shares = 1000 * counts / np.maximum(1, counts.sum(1, keepdims=True))
    return shares * np.log(len(counts) / np.maximum(1, df))


def key_words(words: Words, counts: np.ndarray, score: np.ndarray, most: int = 40) -> list[KeyWord]:
    """The words of highest score (V,) that stand in the part often enough."""
    order = np.argsort(-np.where(counts >= LEAST, score, -np.inf), kind="stable")[:most]
    kept = (i for i in order if counts[i] >= LEAST and score[i] > 0)
    return [KeyWord(words.vocabulary[i], int(counts[i]), round(float(score[i]), 2)) for i in kept]


def dispersion(counts: np.ndarray, sizes: np.ndarray) -> float:
    """Gries' DP of a word, from its counts in the parts and the parts' sizes, both (P,): 0 is even, 1 is in one place.

    Normalised as Lijffijt and Gries (2012) do, so that 1 can be reached.
    """
    shares = sizes / sizes.sum()
    found = 0.5 * np.abs(counts / max(1, counts.sum()) - shares).sum()
    return float(found / (1 - shares.min())) if len(sizes) > 1 else 0.0


def slice_counts(words: Words, word: str, slices: int = SLICES) -> np.ndarray:
    """How often a word stands in each of so many equal slices of the text, by words, (slices,) int64."""
    number = words.id_of.get(word)
    places = np.flatnonzero(words.ids == number) if number is not None else np.zeros(0, np.int64)
    return np.bincount(places * slices // max(1, len(words.ids)), minlength=slices)


def repeated_phrases(words: Words, least: int = 4, most: int = 60) -> list[tuple[str, int]]:
    """Runs of three to eight words that come again, with how often; none that only ever stands in a longer one listed.

    The long ones come first, as they are rarer by far. Runs are compared by a 64-bit hash of their words.
    """
    ids, found = words.ids.astype(np.uint64), list[tuple[int, int, int]]()
    covered = np.zeros(len(ids), np.int64)  # words of the longest listed phrase that begins at or before a place
    random = np.random.default_rng(1).integers(1, 1 << 63, len(words.vocabulary), np.uint64, endpoint=True)
    for n in PHRASE_WORDS:
        if len(ids) < n:
            continue
        hashes = np.zeros(len(ids) - n + 1, np.uint64)
        for offset in range(n):
            hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + random[words.ids[offset : len(ids) - n + 1 + offset]]
        _, first, inverse, counts = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
        free = np.bincount(inverse, weights=covered[: len(hashes)] < n, minlength=len(counts))
        for number in np.flatnonzero((counts >= least) & (free >= least)):
            found.append((n, int(first[number]), int(counts[number])))
        again = np.flatnonzero((counts >= least)[inverse])
        for offset in range(n):
            places = again + offset
            covered[places] = np.maximum(covered[places], n - offset)
    found.sort(key=lambda one: -((one[0] - 2) ** 2) * one[2])
    return [(" ".join(words.vocabulary[i] for i in words.ids[at : at + n]), count) for n, at, count in found[:most]]


def word_table(parted: PartedText) -> dict[str, dict[str, list[int]]]:
    """The commonest words that stand in a text ten times or more, with how often in each book and in each of fifty
    slices: what a page can show of single words without the text."""
    words = parted.words
    counts = words.counts()
    order = [int(i) for i in np.argsort(-counts, kind="stable")[:TABLE_WORDS] if counts[i] >= TABLE_LEAST]
    books = np.stack([words.counts(book.begin, book.end) for book in parted.books])
    size = max(1, len(parted.text))
    edges = [size * number // TABLE_SLICES for number in range(TABLE_SLICES + 1)]
    slices = np.stack([words.counts(a, b) for a, b in pairwise(edges)])
    return {words.vocabulary[i]: {"books": books[:, i].tolist(), "along": slices[:, i].tolist()} for i in order}
