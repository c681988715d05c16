"""Which tokens may stand next in a text that is written: those that spell what a cleaned text can hold.

A vocabulary of bytes can say more than any text holds: half a character, a carriage return, a NUL. A model gives such
tokens next to no probability, but a random number may fall on one. What is written is always UTF-8 without control
characters (but tab and newline), byte order marks and noncharacters. So that this is true of what tokens come to
together, the bytes of a character that is begun and not yet complete, at most three, say which tokens may follow: those
that go on with it and end or leave it well. The end of a document does not stand within a character.

web/engine/spelling.js says the same for the page; tests/golden/sampling.json has cases for both.
"""

from __future__ import annotations

import codecs
import re
from functools import cached_property

import numpy as np

UNHEARD_OF = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0-\ufdef\ufeff"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")  # no text has any, but Python's decoder waits for the third byte to say so
LEADING = re.compile(rb"^[\x80-\xbf]{0,3}")  # bytes that go on with a character
KEPT = 64  # beginnings of characters whose tokens are remembered: there are 20,000, which a server would meet in time
PLAIN = re.compile(rb"[\t\n\x20-\x7e]+")  # a short cut for most tokens: they fit wherever no character is begun


class Spelling:
    """The rule for one vocabulary: token i has the bytes `vocabulary[i]`, a special token has none."""

    def __init__(self, vocabulary: list[bytes]) -> None:
        self.vocabulary = vocabulary
        self._barred: dict[bytes, np.ndarray] = {}

    def after(self, begun: bytes, token: int) -> bytes:
        """The bytes of the character that is begun after `token`, where those of `begun` were before it.

        They are the last byte that announces more of them than follow it, and those that do.
        """
        last = (begun + self.vocabulary[token])[-3:]
        for length in range(1, len(last) + 1):
            byte = last[-length]
            if byte >= 0xC0:
                return last[-length:] if length < 2 + (byte >= 0xE0) + (byte >= 0xF0) else b""
            if byte < 0x80:
                break
        return b""

    def barred(self, begun: bytes) -> np.ndarray:
        """The tokens (int64) that may not stand where the bytes of `begun` do; none where that would be all of them."""
        if begun not in self._barred:
            some = self._inner if begun else range(len(self.vocabulary))
            may = np.zeros(len(self.vocabulary), bool)
            may[[token for token in some if _fits(begun, self.vocabulary[token])]] = True
            if len(self._barred) >= KEPT:
                self._barred.pop(next(known for known in self._barred if known))  # "" is asked for all the time
            self._barred[begun] = np.flatnonzero(~may if may.any() else may)
        return self._barred[begun]

    @cached_property
    def never(self) -> list[int]:
        """The tokens that may stand nowhere, whatever is begun."""
        inner = [len(LEADING.findall(data)[0]) for data in self.vocabulary]
        parts = enumerate(zip(self.vocabulary, inner, strict=True))
        return [token for token, (data, start) in parts if not _fits(b"", data[start:])]

    @cached_property
    def _inner(self) -> list[int]:
        """The tokens that start within a character."""
        return [token for token, data in enumerate(self.vocabulary) if data and 0x80 <= data[0] < 0xC0]


def _fits(begun: bytes, data: bytes) -> bool:
    if not begun and PLAIN.fullmatch(data):
        return True
    if not data:
        return not begun
    if SURROGATE.search(begun + data):
        return False
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(begun + data)
    except UnicodeDecodeError:
        return False
    return not UNHEARD_OF.search(text)
