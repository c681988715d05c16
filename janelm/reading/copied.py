"""A compact index of the runs of words in a training text, by which the page lights up what a model copies.

A Bloom filter (Bloom 1970) of every so many-th run of seven words: a run that is in it is found always, one that is not
by chance once in about 15,000 times. Every run of a written text is looked up, so a copied passage is found from
7 + stride - 1 words on. It lets whoever has it recover the text, by asking which word follows which: it is no secret.

Its twin is web/copied/room.js; tests hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .words import WORD

RUN = 7  # words
BITS, HASHES = 20, 14  # of the filter for each run, and of them that one sets
MOST = 2_600_000  # bytes of the filter
SEEDS = (0x811C9DC5, 0x9747B28C)


@dataclass(frozen=True)
class CopiedIndex:
    filter: bytes
    size: int
    """Of the filter, in bits."""
    stride: int
    """From one run that is in it to the next, in words."""

    def described(self) -> dict[str, Any]:
        """All that the page needs beside the filter."""
        return {"size": self.size, "stride": self.stride, "run": RUN, "hashes": HASHES, "word": WORD.pattern}

    def holds(self, words: list[str]) -> np.ndarray:
        """Whether each run of seven of these words is in it, (N - 6,) bool."""
        places = _places(_hashes(words), self.size)
        bits = np.frombuffer(self.filter, np.uint8)
        return ((bits[places >> 3] >> (places & 7)) & 1).all(0)


def copied_index(text: str, most: int = MOST) -> CopiedIndex:
    """The index of a text, of so many bytes at most; an empty one where it has fewer than seven words."""
    words = split_words(text)
    stride = max(1, -(-len(words) * BITS // (8 * most)))
    hashes = _hashes(words)[:, ::stride]
    size = max(64, BITS * hashes.shape[1])
    bits = np.zeros(size, bool)
    for places in _places(hashes, size):
        bits[places] = True
    return CopiedIndex(np.packbits(bits, bitorder="little").tobytes(), size, stride)


def split_words(text: str) -> list[str]:
    """The words of a text in small letters, with plain apostrophes."""
    return [match.group().lower().replace("’", "'") for match in WORD.finditer(text)]


def _hashes(words: list[str]) -> np.ndarray:
    """Two numbers for each run of seven words, (2, N - 6) uint32: FNV-1a over its words' own."""
    number: dict[str, int] = {}
    ids = np.array([number.setdefault(word, len(number)) for word in words], np.int64)
    found = []
    for seed in SEEDS:
        own = np.array([_hash(word, seed) for word in number], np.uint32)[ids] if len(ids) else np.zeros(0, np.uint32)
        runs = max(0, len(own) - RUN + 1)
        whole = np.full(runs, seed, np.uint32)
        for offset in range(RUN):
            whole = (whole ^ own[offset : offset + runs]) * np.uint32(0x01000193)
            whole ^= whole >> np.uint32(15)
        found.append(whole)
    return np.stack(found)


def _hash(word: str, seed: int) -> int:
    """FNV-1a over the word's UTF-16 units, which are what JavaScript counts."""
    raw = word.encode("utf-16-le", "surrogatepass")
    for place in range(0, len(raw), 2):
        seed = ((seed ^ (raw[place] | raw[place + 1] << 8)) * 0x01000193) & 0xFFFFFFFF
    return seed


def _places(hashes: np.ndarray, size: int) -> np.ndarray:
    """The bits of each run, (HASHES, N) int64 (Kirsch and Mitzenmacher 2006)."""
    first, second = hashes.astype(np.int64)
    return (first + np.arange(HASHES)[:, None] * (second | 1)) % size
