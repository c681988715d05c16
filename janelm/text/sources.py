"""A text and what was done to it: in memory or, where it is long, read anew, and cleaned, piece by piece."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import BinaryIO

from ..errors import JaneLMError, UsageError
from .cleaning import Cleaner, clean, cleaned
from .encodings import decoded, recognise

BLOCK = 1 << 18  # characters of text that are worked on at once
GIVEN = "text"  # the name of a text that was passed from Python
LONG = 1 << 27  # bytes from which a file is never read as a whole


@dataclass
class Source:
    """One text: where it is from, the text, what was done to it, and what kind of file it was."""

    name: str
    text: str
    report: list[str] = field(default_factory=list)
    documents: list[str] | None = None
    """Its posts or messages, where it is made of such; they are then the text as well."""
    reader: str = "plain"
    authors: dict[str, int] = field(default_factory=dict)
    """Who wrote how many of its messages, where the format knows."""

    @property
    def length(self) -> int:
        """In characters."""
        return len(self.text)

    @property
    def names(self) -> list[str]:
        return list(self.authors)

    def pieces(self) -> Iterator[str]:
        """The text, in pieces that are cut anywhere."""
        for begin in range(0, len(self.text), BLOCK):
            yield self.text[begin : begin + BLOCK]


class LongSource(Source):
    """A long file of plain text. Raises JaneLMError, at once, where it is no text."""

    def __init__(
        self, name: str, size: int, open_file: Callable[[], BinaryIO], encoding: str | None, normal_form: bool
    ) -> None:
        self.name, self.documents, self.reader, self.authors = name, None, "plain", {}
        self._open, self._normal_form = open_file, normal_form
        self._decoding = recognise(self._blocks(), name, encoding)
        cleaner = Cleaner(normal_form)
        self._length = sum(map(len, self._cleaned(cleaner)))
        self.report = [f"is read piece by piece ({size / 1e6:,.0f} MB)", *self._decoding.report(), *cleaner.report()]

    def _blocks(self) -> Iterator[bytes]:
        try:
            with self._open() as file:
                while block := file.read(BLOCK):
                    yield block
        except OSError as error:
            raise JaneLMError(f"cannot read {self.name} ({error.strerror or error}): is it whole?") from error

    def _cleaned(self, cleaner: Cleaner) -> Iterator[str]:
        return cleaned(decoded(self._blocks(), self._decoding, self.name), cleaner)

    def pieces(self) -> Iterator[str]:
        return self._cleaned(Cleaner(self._normal_form))

    @property
    def length(self) -> int:
        return self._length

    @cached_property
    def text(self) -> str:  # type: ignore[override]  # of a source that is in memory it can be set as well
        return "".join(self.pieces())


BETWEEN = "\n\n"  # stands between two sources


def joined(sources: list[Source]) -> Iterator[str]:
    """The sources as one text, a blank line between two of them, in pieces that are cut anywhere."""
    for number, source in enumerate(sources):
        if number:
            yield BETWEEN
        yield from source.pieces()


BETWEEN_PARAGRAPHS = re.compile(r"(?<=\n\n)(?=\S)")
BETWEEN_WORDS = re.compile(r"(?<=\S\n)(?=\w)")  # behind a line end, before a word, with no white space beside it


def blocks(pieces: Iterable[str], between: re.Pattern[str] = BETWEEN_WORDS) -> Iterator[str]:
    """The text that the pieces make up, cut into blocks of at least BLOCK characters where a line ends, or elsewhere.

    Byte pairs are found within words, and neither JaneLM's pattern nor any of tiktoken's own joins what stands before
    such a cut with what stands behind it: the blocks have the tokens of the whole text. Only where no line ends for
    fifteen blocks the cut is anywhere.
    """
    rest = ""
    for piece in pieces:
        rest += piece
        while len(rest) >= BLOCK and (found := between.search(rest, BLOCK) or len(rest) >= 16 * BLOCK):
            end = len(rest) if found is True else found.start()
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def given_source(text: str, normal_form: bool = True) -> Source:
    """A text that was passed from Python, cleaned as a file is. Raises UsageError where it is none or empty."""
    if not isinstance(text, str):
        raise UsageError(f"the text is of the type {type(text).__name__}, but must be a str: a file is named in data")
    writable = text.encode("utf-8", "replace").decode()
    lone = sum(a != b for a, b in zip(text, writable, strict=True))
    text, report = clean(writable, normal_form)
    report = [*([f"replaced {lone:,} lone surrogates, which no text has"] if lone else []), *report]
    if not text.strip():
        raise UsageError("the text is empty: pass one with something in it")
    return Source(GIVEN, text, report)
