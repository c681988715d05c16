"""Any word or phrase in a text: where it stands, in which lines, beside which words.

The page searches in the same way (web/read/words.js); tests hold the two together.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import regex

from .keyness import dispersion
from .parts import PartedText
from .words import WORD, normal

AROUND = 60  # characters of a line on each side
NEAR = 5  # words on each side that stand beside a word
SLICES, LEAST = 50, 3


@dataclass
class Found:
    """A phrase that was looked for."""

    parted: PartedText
    phrase: str
    places: list[int]
    """Where each begins in the text."""
    ends: list[int] = field(repr=False)

    def along(self, slices: int = SLICES) -> list[int]:
        """How many stand in each of so many equal slices of the text."""
        size = max(1, len(self.parted.text))
        return np.bincount([place * slices // size for place in self.places], minlength=slices).tolist()

    def by_book(self) -> list[tuple[str, int]]:
        """How many stand in each book."""
        places = np.array(self.places, np.int64)
        return [(book.title, int(((places >= book.begin) & (places < book.end)).sum())) for book in self.parted.books]

    @property
    def dispersion(self) -> float:
        """Gries' DP over equal slices: 0 is even, 1 is all in one of them."""
        counts = np.array(self.along())
        return dispersion(counts, np.ones(len(counts)))

    def lines(self, most: int) -> list[str]:
        """Lines in which it stands, spread evenly over all of them, what is looked for in one column."""
        every = np.linspace(0, len(self.places) - 1, min(most, len(self.places))).astype(int)
        text, found = self.parted.text, []
        for i in dict.fromkeys(every.tolist()):
            begin, end = self.places[i], self.ends[i]
            before = " ".join(text[max(0, begin - AROUND) : begin].split(" ")).replace("\n", " ")
            after = text[end : end + AROUND].replace("\n", " ")
            found.append(f"{before:>{AROUND}}[{text[begin:end]}]{after}".replace("\n", " "))
        return found

    def collocates(self) -> list[tuple[str, int]]:
        """The words within five on each side that stand there more often than chance has it, by log-likelihood
        (Dunning 1993), with how often they do."""
        beside: Counter[str] = Counter()
        for begin, end in zip(self.places, self.ends, strict=True):
            before = [normal(w.group()) for w in WORD.finditer(self.parted.text, max(0, begin - 80), begin)]
            after = [normal(w.group()) for w in WORD.finditer(self.parted.text, end, end + 80)]
            beside.update(before[-NEAR:] + after[:NEAR])
        total, near = self._all.total(), beside.total()
        scored = {
            word: _log_likelihood(count, near, self._all[word], total)
            for word, count in beside.items()
            if count >= LEAST and count / near > self._all[word] / total
        }
        return [(word, beside[word]) for word in sorted(scored, key=lambda word: (-scored[word], word))]

    @cached_property
    def _all(self) -> Counter[str]:
        return Counter(normal(match.group()) for match in WORD.finditer(self.parted.text))

    def to_json(self, lines: int) -> dict[str, Any]:
        return {
            "phrase": self.phrase,
            "count": len(self.places),
            "along": self.along(),
            "books": dict(self.by_book()),
            "dispersion": round(self.dispersion, 4),
            "beside": self.collocates()[:40],
            "lines": self.lines(lines),
        }


def search(parted: PartedText, phrase: str, whole: bool = True) -> Found:
    """Where a phrase stands, in any case, its words parted by any white space; `whole` words only, or inside others."""
    pattern = r"\s+".join(map(regex.escape, phrase.split()))
    if whole:
        pattern = rf"(?<![\p{{L}}\p{{M}}]){pattern}(?![\p{{L}}\p{{M}}])"
    matches = list(regex.finditer(pattern, parted.text, regex.IGNORECASE)) if phrase.split() else []
    return Found(parted, phrase, [match.start() for match in matches], [match.end() for match in matches])


def _log_likelihood(count: int, near: int, everywhere: int, total: int) -> float:
    """How little chance explains that a word stands so often near, from its counts there and everywhere."""
    rest, others = max(0, everywhere - count), max(1, total - near)
    share = (count + rest) / (near + others)
    return 2 * sum(seen * math.log(seen / (size * share)) for seen, size in ((count, near), (rest, others)) if seen)
