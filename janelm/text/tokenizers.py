"""Text to tokens and back: characters, byte pairs by tiktoken, or words. One interface, and JSON that holds all of it.

Its twins are web/engine/tokenizer.js and web/engine/byte_pairs.js; tests/golden/tokenizers.json holds them together.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain, islice, pairwise

import numpy as np

from ..config import CharacterTokenizerConfig, TiktokenTokenizerConfig, TokenizerConfig, WordTokenizerConfig
from ..errors import JaneLMError, UsageError
from ..machine.cores import cores
from .tokens import (
    LONGEST_PIECE,
    REPLACEMENT,
    UNKNOWN_CHARACTER_BITS,
    StreamDecoder,
    Tokenizer,
    cut_pieces,
    has_long_stretch,
    without_surrogates,
)
from .words import WordTokenizer, train_words

__all__ = [
    "REPLACEMENT",
    "UNKNOWN_CHARACTER_BITS",
    "CharacterTokenizer",
    "StreamDecoder",
    "TiktokenTokenizer",
    "Tokenizer",
    "WordTokenizer",
    "byte_level_alphabet",
    "cut_pieces",
    "tokenizer_from_json",
    "train_byte_pairs",
    "train_tokenizer",
    "undo_merges",
]

LEARNT_STRETCH = 1 << 16  # characters of stretches without a break that byte pairs are learnt from


class CharacterTokenizer(Tokenizer):
    """The sorted characters of the training text, then one token for every other character.

    >>> tokenizer = CharacterTokenizer("cab")
    >>> tokenizer.encode("abba!").tolist(), tokenizer.decode([2, 0, 1, 3])
    ([0, 1, 1, 0, 3], 'cab�')
    """

    def __init__(self, characters: Iterable[str], documents: bool = False) -> None:
        self.config = CharacterTokenizerConfig()
        self.characters = "".join(sorted(set(characters)))
        self.unknown_token = len(self.characters)
        self.vocabulary = [_utf8(character) for character in self.characters] + [REPLACEMENT.encode()]
        super().__init__(documents)
        codes = np.frombuffer(self.characters.encode("utf-32-le", "surrogatepass"), np.uint32)
        self._lookup = np.full(max(codes, default=0) + 2, self.unknown_token, np.int64)
        self._lookup[codes] = np.arange(len(codes))

    def encode(self, text: str) -> np.ndarray:
        """One id for each character; a character that the training text lacks becomes `unknown_token`."""
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        return self._lookup[np.minimum(codes, len(self._lookup) - 1)]

    def unknown_characters(self, text: str) -> list[str]:
        known = set(self.characters)
        return [character for character in dict.fromkeys(text) if character not in known]

    def to_json(self) -> dict:
        return {"kind": self.config.kind, "characters": self.characters, "documents": self.documents}


class TiktokenTokenizer(Tokenizer):
    """Byte pairs, encoded by tiktoken. Any text encodes: what has no token of its own falls back to bytes.

    `ranks` are the tokens in the order in which pairs merge; `specials` more, which have no text, stand behind them.
    """

    config: TiktokenTokenizerConfig

    def __init__(
        self, config: TiktokenTokenizerConfig, ranks: list[bytes], documents: bool = False, specials: int = 0
    ) -> None:
        import tiktoken

        self.config, self.ranks, self.specials = config, list(ranks), specials
        self.vocabulary = [*ranks, *([b""] * specials)]
        super().__init__(documents)
        self._encoding = tiktoken.Encoding(
            config.encoding or "janelm",
            pat_str=config.pattern,
            mergeable_ranks={token: rank for rank, token in enumerate(ranks)},
            special_tokens={},
        )

    @cached_property
    def pairs(self) -> np.ndarray:
        """The two tokens that each token was merged from: (V, 2) int64, -1 where it is a byte or special."""
        ranks = {token: rank for rank, token in enumerate(self.ranks)}
        pairs = np.full((self.vocab_size, 2), -1, np.int64)
        for token, rank in ranks.items():
            parts = [token[i : i + 1] for i in range(len(token))]
            while len(parts) > 2:
                merged = [ranks.get(a + b, rank) for a, b in pairwise(parts)]
                if min(merged) >= rank:  # of a stock vocabulary, whose merges do not lead to this token
                    break
                first = merged.index(min(merged))
                parts[first : first + 2] = [parts[first] + parts[first + 1]]
            if len(parts) == 2:
                pairs[rank] = [ranks[part] for part in parts]
        return pairs

    def encode(self, text: str) -> np.ndarray:
        text = without_surrogates(text)
        if not has_long_stretch(text):
            return np.asarray(self._encoding.encode_ordinary(text), np.int64)
        pieces = map(self._encoding.encode_ordinary, cut_pieces(text, self.config.pattern))
        return np.fromiter(chain.from_iterable(pieces), np.int64)

    def encode_blocks(self, blocks: Iterable[str]) -> Iterator[tuple[str, np.ndarray]]:
        threads, waiting = cores(), iter(blocks)
        while several := list(islice(waiting, 4 * threads)):
            clean = [without_surrogates(block) for block in several]
            if any(map(has_long_stretch, clean)):
                yield from zip(several, map(self.encode, clean), strict=True)
                continue
            encoded = self._encoding.encode_ordinary_batch(clean, num_threads=threads)
            yield from zip(several, (np.asarray(tokens, np.int64) for tokens in encoded), strict=True)

    def to_json(self) -> dict:
        return {
            "kind": self.config.kind,
            "encoding": self.config.encoding,
            "pattern": self.config.pattern,
            "ranks": [base64.b64encode(token).decode() for token in self.ranks],
            "documents": self.documents,
            **({"specials": self.specials} if self.specials else {}),
        }


def undo_merges(tokens: np.ndarray, pairs: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """The same bytes in more tokens: each token (T,) of two parts comes undone with probability `share`, and so do the
    parts.

    As in BPE-dropout (Provilkov et al. 2020), a model thus meets each word in many spellings; but it is finished
    tokens that come apart here, not merges that are left out on the way, so that it takes no text and little time.
    """
    fresh = np.ones(len(tokens), bool)
    while fresh.any():
        undone = fresh & (pairs[tokens, 0] >= 0) & (random.random(len(tokens)) < share)
        first = np.arange(len(tokens)) + np.cumsum(undone) - undone  # where each token, or its first part, goes
        fresh = np.repeat(undone, 1 + undone)
        parts = np.repeat(tokens, 1 + undone)
        parts[first[undone]], parts[first[undone] + 1] = pairs[tokens[undone]].T
        tokens = parts
    return tokens


def _learnable(texts: Iterable[str], pattern: str) -> Iterator[str]:
    """What byte pairs are learnt from: all of a text, but of stretches without a break only the first LEARNT_STRETCH
    characters, because each pair that is learnt goes through all of them again."""
    left = LEARNT_STRETCH
    for text in texts:
        if not has_long_stretch(text):
            yield text
            continue
        for piece in cut_pieces(text, pattern):
            left -= len(piece) if len(piece) == LONGEST_PIECE else 0
            if left > 0 or len(piece) < LONGEST_PIECE:
                yield piece


def train_tokenizer(config: TokenizerConfig, texts: Iterable[str], documents: bool = False) -> Tokenizer:
    """A tokenizer for `texts`, the training split: nothing of the held-out text enters it.

    Raises JaneLMError where a stock encoding is unknown or cannot be fetched, and UsageError for a pattern that cannot
    be used.
    """
    if isinstance(config, CharacterTokenizerConfig):
        characters: set[str] = set()
        for text in texts:
            characters.update(text)
        return CharacterTokenizer(characters, documents)
    if isinstance(config, WordTokenizerConfig):
        _check_pattern(config.pattern)
        return WordTokenizer(config.pattern, train_words(texts, config.vocab_size, config.pattern), documents)
    if config.encoding is not None:
        config, ranks = _stock_encoding(config)
    else:
        _check_pattern(config.pattern)
        ranks = train_byte_pairs(texts, config.vocab_size, config.pattern)
    return TiktokenTokenizer(config, ranks, documents)


def _check_pattern(pattern: str) -> None:
    """Raise UsageError unless the pattern can be read, by both libraries, and leaves nothing of a text out."""
    import tiktoken
    from tokenizers import Regex

    text = "It's 1 naïve 漢字,\t(🙂)  \n\n A_z-9\r\n"
    try:
        Regex(pattern)
        plain = tiktoken.Encoding(
            "plain", pat_str=pattern, mergeable_ranks={bytes([value]): value for value in range(256)}, special_tokens={}
        )
    except Exception as error:  # neither library has a class of its own for it
        raise UsageError(f"the pattern {pattern!r} is no regular expression ({str(error).splitlines()[0]})") from error
    if plain.decode(plain.encode_ordinary(text)) != text:
        raise UsageError(rf"the pattern {pattern!r} leaves out parts of a text: let it end with |\s+|\S to take in all")


def train_byte_pairs(texts: Iterable[str], vocab_size: int, pattern: str) -> list[bytes]:
    """Byte-pair encoding (Sennrich et al. 2016) over bytes: the 256 bytes, then the merges in order.

    A short text may have fewer pairs than asked for; the vocabulary is then smaller.
    """
    from tokenizers import Regex, models, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Trainable

    trainable = Trainable(models.BPE())
    trainable.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    trainable.train_from_iterator(_learnable(texts, pattern), trainer)
    to_byte = byte_level_alphabet()
    merges = json.loads(trainable.to_str())["model"]["merges"]
    merged = (bytes(to_byte[sign] for sign in left + right) for left, right in merges)
    return list(dict.fromkeys([*(bytes([value]) for value in range(256)), *merged]))


def byte_level_alphabet() -> dict[str, int]:
    """Which printable sign stands for which byte in the trainer: itself where printable, else U+0100 and on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [value for value in range(256) if value not in printable]
    return {chr(value): value for value in printable} | {chr(256 + i): value for i, value in enumerate(others)}


def _stock_encoding(config: TiktokenTokenizerConfig) -> tuple[TiktokenTokenizerConfig, list[bytes]]:
    import tiktoken

    if config.encoding not in tiktoken.list_encoding_names():
        names = ", ".join(tiktoken.list_encoding_names())
        raise JaneLMError(f"tiktoken has no encoding named {config.encoding!r}: choose one of {names}")
    try:
        stock = tiktoken.get_encoding(config.encoding)
    except Exception as error:  # whatever the network stack of the day raises
        raise JaneLMError(
            f"the encoding {config.encoding} could not be fetched by tiktoken ({type(error).__name__}): connect to the "
            "network once, or leave --encoding out to train a vocabulary on your own text"
        ) from error
    ranks = sorted(stock._mergeable_ranks, key=stock._mergeable_ranks.__getitem__)
    return TiktokenTokenizerConfig(len(ranks), config.encoding, stock._pat_str), ranks


def tokenizer_from_json(values: dict) -> Tokenizer:
    """The inverse of `Tokenizer.to_json`. Raises JaneLMError on data that is not a tokenizer."""
    try:
        if values["kind"] == "character":
            return CharacterTokenizer(values["characters"], values["documents"])
        if values["kind"] in ("tiktoken", "word"):
            ranks = [base64.b64decode(token, validate=True) for token in values["ranks"]]
            if values["kind"] == "word":
                return WordTokenizer(values["pattern"], ranks, values["documents"])
            size = len(ranks)
            config = TiktokenTokenizerConfig(size, values["encoding"], values["pattern"])
            specials = values.get("specials", 0)
            if type(specials) is not int or not 0 <= specials <= 1 << 20:
                raise ValueError(f"it has {specials!r} special tokens")
            return TiktokenTokenizer(config, ranks, values["documents"], specials)
        problem = f"its kind is {values['kind']!r}"
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    raise JaneLMError(f"the tokenizer cannot be read ({problem}): train the model again or fetch it anew")


def _utf8(character: str) -> bytes:
    return character.encode("utf-8", "replace")
