"""What every tokenizer is, and what becomes of text on the way: pieces, and back."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np

from ..config import TokenizerConfig
from .spelling import Spelling

LONGEST_PIECE = 4096  # characters within which bytes are paired; it stands in web/engine/tokenizer.js as well
LONG_GAP = re.compile(rf"\s{{{LONGEST_PIECE}}}")
REPLACEMENT = "�"  # what stands for a character that the vocabulary lacks
UNKNOWN_CHARACTER_BITS = math.log2(0x110000)  # naming any one Unicode character; see `Losses.bits_per_byte`


class Tokenizer:
    """Encodes text as token ids and decodes ids as text.

    `vocabulary[i]` is token i as UTF-8 bytes. Special tokens are the last ids: `pad_token` fills up short documents,
    `end_token` stands before and after each document; both are None where a model trains on running text.
    """

    config: TokenizerConfig
    vocabulary: list[bytes]
    unknown_token: int | None = None
    pad_token: int | None
    end_token: int | None
    specials: int = 0

    def __init__(self, documents: bool) -> None:
        size = len(self.vocabulary)
        self.documents = documents
        self.pad_token, self.end_token = (size, size + 1) if documents else (None, None)
        if documents:
            self.vocabulary = [*self.vocabulary, b"", b""]

    @property
    def vocab_size(self) -> int:
        return len(self.vocabulary)

    @cached_property
    def spelling(self) -> Spelling:
        """Which tokens may stand next in a text that is written."""
        return Spelling(self.vocabulary)

    @cached_property
    def never_written(self) -> list[int]:
        """Tokens that generation chooses nowhere: special ones, and those that no text can hold."""
        special = (self.unknown_token, self.pad_token)
        return sorted({*self.spelling.never, *self.unwritten, *(token for token in special if token is not None)})

    @property
    def unwritten(self) -> range:
        """Special tokens of a vocabulary made elsewhere, such as <|endoftext|>: the last but those of documents."""
        end = self.vocab_size - 2 * self.documents
        return range(end - self.specials, end)

    def started(self, tokens: list[int]) -> list[int]:
        """What a model reads of a text's tokens: a document begins with the end token, other text, if it is empty, with
        a line break, neither of which is part of the text."""
        if self.end_token is not None:
            return [self.end_token, *tokens]
        return tokens or self.encode("\n").tolist()

    def encode(self, text: str) -> np.ndarray:
        """Token ids, int64 of shape (T,). Never fails: see each tokenizer for what becomes of strange characters."""
        raise NotImplementedError

    def encode_blocks(self, blocks: Iterable[str]) -> Iterator[tuple[str, np.ndarray]]:
        """Each block of a long text with its tokens."""
        for block in blocks:
            yield block, self.encode(block)

    def unknown_characters(self, text: str) -> list[str]:
        """The characters of `text` that the vocabulary cannot say, each once, in order of appearance."""
        return []

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of `tokens`; bytes that are not UTF-8 become U+FFFD, special tokens nothing."""
        return b"".join(self.vocabulary[token] for token in tokens).decode("utf-8", errors="replace")

    def to_json(self) -> dict:
        """All that is needed to rebuild the tokenizer, as plain data."""
        raise NotImplementedError


class StreamDecoder:
    """Decodes token by token and never gives out part of a character.

    >>> decoder = StreamDecoder(tokenizer)
    >>> decoder.feed(first_half_of_é), decoder.feed(second_half_of_é), decoder.finish()
    ('', 'é', '')
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._vocabulary = tokenizer.vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, token: int) -> str:
        return self._decoder.decode(self._vocabulary[token])

    def finish(self) -> str:
        """What an unfinished character at the end comes to."""
        return self._decoder.decode(b"", final=True)


def has_long_stretch(text: str) -> bool:
    """Whether somewhere LONGEST_PIECE characters stand in a row that are white space all, or none of them."""
    if len(text) < LONGEST_PIECE:
        return False
    return max(map(len, text.split()), default=0) >= LONGEST_PIECE or bool(LONG_GAP.search(text))


def cut_pieces(text: str, pattern: str) -> Iterator[str]:
    """The pieces that the pattern cuts a text into, none longer than LONGEST_PIECE.

    A longer one takes the square of its length in training and, of blanks, ends tiktoken itself. So a text without a
    break is cut every LONGEST_PIECE characters, on the page as well.
    """
    import regex

    for found in regex.finditer(pattern, text):
        piece = found.group()
        for begin in range(0, len(piece), LONGEST_PIECE):
            yield piece[begin : begin + LONGEST_PIECE]


def without_surrogates(text: str) -> str:
    """A lone surrogate has no bytes."""
    return text.encode("utf-8", "replace").decode()
