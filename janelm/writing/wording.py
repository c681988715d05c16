"""Words that are favoured or banned, of one token or of several; steps 2 and 3 of sampling.py.

A word begins where no letter stands before it, and is written as it was given or, if that is in small letters, with a
capital or in capitals too. What is banned is the token that would complete it, unless that token says more of a longer
word. What a favoured word gains is shared out among its tokens by their length in bytes, so that a word of many tokens
gains as much as one of a single token. All of it is in bytes, of which letters are a to z, A to Z and those from 0x80
on but for the signs from U+2010 to U+203F, such as typographic quotation marks.

Its twin is web/engine/wording.js.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np

Shares = dict[int, float]  # of a word, by the token that writes it


class Wording:
    """The rule for one vocabulary: token i has the bytes `vocabulary[i]`."""

    def __init__(self, favour: tuple[str, ...], ban: tuple[str, ...], strength: float, vocabulary: list[bytes]) -> None:
        self._vocabulary, self._strength = vocabulary, strength
        self._favour, self._ban = _forms(favour), _forms(ban)
        self._tail = b""
        self._most = max(map(len, (*self._favour, *self._ban, b""))) + 3
        self._completing, self._going_on = cache(self._find_completing), cache(self._find_going_on)

    def note(self, token: int) -> None:
        self._tail = (self._tail + self._vocabulary[token])[-self._most :]

    def banned(self) -> list[int]:
        """The tokens that would complete a banned word here."""
        found = set[int]()
        for word in self._ban:
            found |= self._completing(word, True)
            for rest in self._rests(word):
                found |= self._completing(rest, False)
        return sorted(found)

    def apply(self, logits: np.ndarray) -> None:
        """Change the logits (V,) float64 of what would begin or go on with a favoured word."""
        found = [self._going_on(word, word, True) for word in self._favour]
        found += [self._going_on(rest, word, False) for word in self._favour for rest in self._rests(word)]
        for token, share in _largest(found).items():
            logits[token] += self._strength * share

    def _rests(self, word: bytes) -> list[bytes]:
        """What is still to be written of a word, for each way in which the text's end may be its beginning."""
        ends = (length for length in range(len(word)) if self._tail.endswith(word[:length]))
        return [word[length:] for length in ends if _may_begin(self._tail[: len(self._tail) - length])]

    def _find_completing(self, rest: bytes, inside: bool) -> set[int]:
        return {
            token
            for token, data in enumerate(self._vocabulary)
            for begin in (_begins(data) if inside else (0,))
            if data.startswith(rest, begin) and _may_end(data[begin + len(rest) :])
        }

    def _find_going_on(self, rest: bytes, word: bytes, inside: bool) -> Shares:
        return _largest(
            {token: min(len(part), len(rest)) / len(word)}
            for token, data in enumerate(self._vocabulary)
            for part in ([data[begin:] for begin in _begins(data)] if inside else [data])
            if part and (rest.startswith(part) or (part.startswith(rest) and _may_end(part[len(rest) :])))
        )


def _forms(words: tuple[str, ...]) -> list[bytes]:
    forms: list[str] = []
    for word in words:
        forms += [word, word[:1].upper() + word[1:], word.upper()] if word == word.lower() else [word]
    return list(dict.fromkeys(form.encode() for form in forms))


def _largest(every: Iterable[Shares]) -> Shares:
    found: Shares = {}
    for shares in every:
        for token, share in shares.items():
            found[token] = max(found.get(token, 0.0), share)
    return found


def _begins(data: bytes) -> list[int]:
    """Where a word may begin within a token, but for its start."""
    return [place for place in range(1, len(data)) if _may_begin(data[:place])]


def _may_begin(before: bytes) -> bool:
    """Whether a word may begin after these bytes."""
    return not before or not _is_letter(before[-1]) or (before[-3:-1] == b"\xe2\x80" and before[-1] >= 0x90)


def _may_end(after: bytes) -> bool:
    """Whether a word may end before these bytes."""
    return not after or not _is_letter(after[0]) or after[:2] == b"\xe2\x80"


def _is_letter(byte: int) -> bool:
    return byte >= 0x80 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A
