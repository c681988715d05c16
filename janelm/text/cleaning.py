"""What every text goes through, piece by piece, and never twice with another result: clean(clean(x)) = clean(x)."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

DROPPED = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")
HALVES = re.compile("[\ud800-\udfff]")  # of UTF-16, which stand for nothing by themselves
NORMAL_FORM: Final = "NFC"


class Cleaner:
    """One newline character for every kind of line end, no control characters but newline and tab, one normal form.

    The pieces may be cut anywhere: what comes out is that of the whole text.
    """

    def __init__(self, normal_form: bool = True) -> None:
        self._newlines = io.IncrementalNewlineDecoder(None, translate=True)
        self._normal_form, self._held = normal_form, ""
        self._returns = self._dropped = self._halves = self._composed = 0

    def feed(self, piece: str, last: bool = False) -> str:
        """The next piece, clean, but for the letter at its end that what follows may change."""
        self._returns += piece.count("\r")
        text = self._newlines.decode(piece, last)
        kept, dropped = DROPPED.subn("", text)
        self._dropped += dropped
        try:
            kept.encode()
        except UnicodeEncodeError:
            kept, halves = HALVES.subn("\ufffd", kept)
            self._halves += halves
        return self._normalised(kept, last) if self._normal_form else kept

    def _normalised(self, piece: str, last: bool) -> str:
        text = self._held + piece
        end = len(text) if last else _last_start(text)
        text, self._held = text[:end], text[end:]
        if unicodedata.is_normalized(NORMAL_FORM, text):
            return text
        composed = unicodedata.normalize(NORMAL_FORM, text)
        self._composed += max(1, len(text) - len(composed))
        return composed

    def report(self) -> list[str]:
        """What was done to all that was fed."""
        said = (
            (self._returns, "turned {:,} line ends into plain newlines"),
            (self._dropped, "removed {:,} control characters"),
            (self._halves, "replaced {:,} halves of characters by U+FFFD"),
            (self._composed, f"put {{:,}} characters into the normal form {NORMAL_FORM}"),
        )
        return [sentence.format(count) for count, sentence in said if count]


def _last_start(text: str) -> int:
    """The last place at which a letter begins that nothing before it changes, nor it them."""
    place = len(text) - 1
    while place > 0 and (unicodedata.category(text[place])[0] == "M" or 0x1160 <= ord(text[place]) <= 0x11FF):
        place -= 1
    return max(0, place)


def cleaned(pieces: Iterable[str], cleaner: Cleaner) -> Iterator[str]:
    """The pieces, clean."""
    for piece in pieces:
        if text := cleaner.feed(piece):
            yield text
    if text := cleaner.feed("", last=True):
        yield text


def clean(text: str, normal_form: bool = True) -> tuple[str, list[str]]:
    """The text, clean, and what was done to it."""
    cleaner = Cleaner(normal_form)
    return cleaner.feed(text, last=True), cleaner.report()
