"""Words as tokens: the most frequent ones, and characters for the rest, so that any text can be said."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from ..config import WordTokenizerConfig
from .tokens import Tokenizer, cut_pieces, has_long_stretch, without_surrogates

BYTES = [bytes([value]) for value in range(256)]


class WordTokenizer(Tokenizer):
    """Words with the space before them. A word that has no token is told by its characters, and a character that has
    none by its bytes: any text encodes, and decodes to what it was.

    `ranks` are the 256 bytes, then characters, then words, each the most frequent first. Its twin is
    web/engine/tokenizer.js.

    >>> tokenizer = WordTokenizer(SPLIT_PATTERN, [*BYTES, b"The", b" cat"])
    >>> tokenizer.encode("The cat sat").tolist()
    [256, 257, 32, 115, 97, 116]
    """

    config: WordTokenizerConfig

    def __init__(self, pattern: str, ranks: list[bytes], documents: bool = False) -> None:
        """Raises ValueError where the bytes do not come first, or a token stands twice."""
        self.config, self.ranks = WordTokenizerConfig(len(ranks), pattern), list(ranks)
        self._numbers = {token: number for number, token in enumerate(ranks)}
        if self.ranks[:256] != BYTES or len(self._numbers) < len(ranks):
            raise ValueError("its tokens are not the bytes, and then others")
        self.vocabulary = self.ranks
        super().__init__(documents)
        self._seen: dict[str, list[int]] = {}

    def encode(self, text: str) -> np.ndarray:
        pieces = pieces_of(text, self.config.pattern)
        return np.fromiter(chain.from_iterable(map(self._encode_piece, pieces)), np.int64)

    def _encode_piece(self, piece: str) -> list[int]:
        found = self._seen.get(piece)
        if found is None:
            whole = self._numbers.get(piece.encode())
            found = list(chain.from_iterable(map(self._encode_character, piece))) if whole is None else [whole]
            if len(self._seen) > 100_000:
                self._seen.clear()
            self._seen[piece] = found
        return found

    def _encode_character(self, character: str) -> Iterable[int]:
        spelt = character.encode()
        known = self._numbers.get(spelt)
        return spelt if known is None else (known,)

    def to_json(self) -> dict:
        return {
            "kind": self.config.kind,
            "pattern": self.config.pattern,
            "ranks": [base64.b64encode(token).decode() for token in self.ranks],
            "documents": self.documents,
        }


def pieces_of(text: str, pattern: str) -> Iterable[str]:
    """The words of a text, and what stands between them; all of it."""
    import regex

    text = without_surrogates(text)
    return cut_pieces(text, pattern) if has_long_stretch(text) else regex.findall(pattern, text)


def train_words(texts: Iterable[str], vocab_size: int, pattern: str, known: Iterable[bytes] = BYTES) -> list[bytes]:
    """`known`, then the characters and the words of `texts` that they lack, the most frequent first and of two as
    frequent the first in the order of their bytes, up to `vocab_size` in all. What stands there once is left out."""
    pieces = Counter(chain.from_iterable(pieces_of(text, pattern) for text in texts))
    characters = Counter[str]()
    for piece, times in pieces.items():
        for character in piece:
            characters[character] += times
    words = Counter({piece: times for piece, times in pieces.items() if len(piece) > 1})
    found = dict.fromkeys([*known, *_frequent(characters), *_frequent(words)])
    return list(found)[:vocab_size]


def _frequent(counts: Counter[str]) -> Iterator[bytes]:
    """Those that were counted twice or more."""
    pairs = [(-times, name.encode()) for name, times in counts.items() if times > 1]
    return (name for _, name in sorted(pairs))
