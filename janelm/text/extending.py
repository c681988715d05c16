"""A tokenizer that a model has learnt by, extended by what a new text has and it lacks."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from ..config import TiktokenTokenizerConfig
from ..errors import UsageError
from .tokenizers import CharacterTokenizer, TiktokenTokenizer, Tokenizer, cut_pieces
from .words import WordTokenizer, train_words


@dataclass(frozen=True)
class Extension:
    """Which tokenizer, and how many byte pairs are to be learnt besides."""

    tokenizer: Tokenizer
    more: int = 0

    def learn(self, texts: Iterable[str], documents: bool = False) -> Tokenizer:
        """The tokenizer with each character of `texts`, the training split, that it has not had; or with the most
        frequent byte pairs, or words, of them that it has not had, fewer than asked for where none stands there twice.

        Raises UsageError where characters should be extended by byte pairs.
        """
        old = self.tokenizer
        if isinstance(old, CharacterTokenizer):
            if self.more:
                raise UsageError("extend_vocab learns byte pairs, and these tokens are characters: leave it out")
            return CharacterTokenizer(set(old.characters).union(*texts), documents)
        if isinstance(old, WordTokenizer):
            size = len(old.ranks) + self.more
            words = train_words(texts, size, old.config.pattern, old.ranks) if self.more else old.ranks
            return WordTokenizer(old.config.pattern, words, documents)
        assert isinstance(old, TiktokenTokenizer)
        ranks = [*old.ranks, *more_byte_pairs(old, texts, self.more)] if self.more else old.ranks
        encoding = old.config.encoding if len(ranks) == len(old.ranks) else None
        config = TiktokenTokenizerConfig(len(ranks), encoding, old.config.pattern)
        return TiktokenTokenizer(config, ranks, documents, old.specials)


def more_byte_pairs(tokenizer: TiktokenTokenizer, texts: Iterable[str], count: int) -> list[bytes]:
    """The next `count` merges of byte-pair encoding (Sennrich et al. 2016), learnt from `texts` after those that the
    tokenizer has; of two that are as frequent, the first in the order of their bytes."""
    ranks = {token: rank for rank, token in enumerate(tokenizer.ranks)}
    pieces = Counter(piece for text in texts for piece in cut_pieces(text, tokenizer.config.pattern))
    words = [([tokenizer.vocabulary[token] for token in tokenizer.encode(piece)], n) for piece, n in pieces.items()]
    frequency, places = Counter[bytes](), defaultdict(set)
    for number, (parts, times) in enumerate(words):
        for pair in _pairs(parts):
            frequency[pair] += times
            places[pair].add(number)
    found: list[bytes] = []
    while len(found) < count and frequency:
        best = min(frequency, key=lambda pair: (-frequency[pair], pair))
        if frequency[best] < 2:
            break
        found.append(best)
        ranks[best] = len(ranks)
        for number in places.pop(best):
            parts, times = words[number]
            for pair in _pairs(parts):
                frequency[pair] -= times
            _merge(parts, ranks)
            for pair in _pairs(parts):
                frequency[pair] += times
                places[pair].add(number)
        frequency = +frequency
    return found


def _pairs(parts: list[bytes]) -> list[bytes]:
    return [first + second for first, second in pairwise(parts)]


def _merge(parts: list[bytes], ranks: dict[bytes, int]) -> None:
    """Join neighbours, those of the lowest rank first, as tiktoken does."""
    while len(parts) > 1:
        found = [ranks.get(pair, math.inf) for pair in _pairs(parts)]
        first = found.index(min(found))
        if found[first] == math.inf:
            return
        parts[first : first + 2] = [parts[first] + parts[first + 1]]


def origins(old: Tokenizer, new: Tokenizer) -> list[list[int]]:
    """For each token of `new` the tokens of `old`, which it extends, that it can start from the mean of: itself; of a
    new byte pair or word, its parts; of a character or sign that is new, all."""
    everything = list(range(old.vocab_size))
    special = {new.unknown_token: old.unknown_token, new.pad_token: old.pad_token, new.end_token: old.end_token}
    special |= dict(zip(new.unwritten, old.unwritten, strict=True))
    known = {token: number for number, token in enumerate(old.vocabulary)}
    found: list[list[int]] = []
    for token, spelt in enumerate(new.vocabulary):
        if token in special:
            same = special[token]
            found.append(everything if same is None else [same])
        elif isinstance(old, WordTokenizer):
            found.append(old.encode(spelt.decode("utf-8")).tolist() if token >= len(old.ranks) else [token])
        elif not isinstance(old, TiktokenTokenizer):
            found.append([known[spelt]] if spelt in known else everything)
        elif token < len(old.ranks):
            found.append([token])
        else:
            assert isinstance(new, TiktokenTokenizer)
            found.append([part for half in new.pairs[token].tolist() for part in found[half]])
    return found


def describe_extension(old: Tokenizer, new: Tokenizer) -> str:
    """What the new tokens are, in a sentence; nothing where there are none."""
    if isinstance(old, TiktokenTokenizer):
        assert isinstance(new, TiktokenTokenizer)
        more = len(new.ranks) - len(old.ranks)
        return f"{more:,} new byte pairs, which start from the mean of their parts" if more else ""
    if isinstance(old, WordTokenizer):
        assert isinstance(new, WordTokenizer)
        more = len(new.ranks) - len(old.ranks)
        return f"{more:,} new words and characters, which start from the mean of their parts" if more else ""
    assert isinstance(old, CharacterTokenizer) and isinstance(new, CharacterTokenizer)
    fresh = sorted(set(new.characters) - set(old.characters))
    shown = " ".join(character if character.isprintable() else repr(character)[1:-1] for character in fresh[:40])
    rest = f" and {len(fresh) - 40:,} more" if len(fresh) > 40 else ""
    return f"{len(fresh):,} new characters, which start from the mean of all: {shown}{rest}" if fresh else ""
