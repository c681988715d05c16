"""A tokenizer as the tokenizer.json that Hugging Face's library reads, and back.

Byte pairs: the pieces that the pattern cuts, their bytes as printable signs, and the merges, which are in the order of
the tokens that they make. Characters: words of one character each. Special tokens, which have no text, get names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..config import TiktokenTokenizerConfig
from ..errors import JaneLMError
from .tokenizers import REPLACEMENT, CharacterTokenizer, TiktokenTokenizer, Tokenizer, byte_level_alphabet
from .words import WordTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer as TheirTokenizer

GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
END_OF_TEXT = "<|endoftext|>"
DOCUMENT_TOKENS = ["<|pad|>", "<|end|>"]
UNKNOWN = "<|unknown|>"


def token_names(tokenizer: Tokenizer) -> list[str]:
    """Each token as tokenizer.json has it: bytes as printable signs, characters as they are, special ones by name."""
    if isinstance(tokenizer, WordTokenizer):
        raise JaneLMError("transformers has no tokenizer of words and characters: train with --tokenization tiktoken")
    own = DOCUMENT_TOKENS if tokenizer.documents else []
    if isinstance(tokenizer, CharacterTokenizer):
        unknown = UNKNOWN if REPLACEMENT in tokenizer.characters else REPLACEMENT
        return [*tokenizer.characters, unknown, *own]
    assert isinstance(tokenizer, TiktokenTokenizer)
    signs = {value: sign for sign, value in byte_level_alphabet().items()}
    return [
        *("".join(signs[value] for value in token) for token in tokenizer.ranks),
        *(END_OF_TEXT if not i else f"<|special {i}|>" for i in range(tokenizer.specials)),
        *own,
    ]


def merges_of(tokenizer: TiktokenTokenizer, names: list[str]) -> list[tuple[str, str]]:
    """The pair that each token was merged from, in the order in which pairs merge."""
    return [(names[first], names[second]) for first, second in tokenizer.pairs.tolist() if first >= 0]


def to_tokenizers(tokenizer: Tokenizer) -> TheirTokenizer:
    """The same tokenizer of Hugging Face's library. Where texts are documents, it puts the end token before them."""
    from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, processors
    from tokenizers import Tokenizer as TheirTokenizer

    names = token_names(tokenizer)
    vocabulary = {name: token for token, name in enumerate(names)}
    if isinstance(tokenizer, CharacterTokenizer):
        unknown = names[len(tokenizer.characters)]
        theirs = TheirTokenizer(models.WordLevel(vocabulary, unk_token=unknown))
        theirs.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
        theirs.decoder = decoders.Fuse()
        special = names[len(tokenizer.characters) + 1 :]
    else:
        assert isinstance(tokenizer, TiktokenTokenizer)
        # tiktoken takes a piece that is a token as it is, whatever its merges lead to.
        theirs = TheirTokenizer(models.BPE(vocabulary, merges_of(tokenizer, names), ignore_merges=True))
        cut = pre_tokenizers.Split(Regex(tokenizer.config.pattern), behavior="isolated")
        as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        theirs.pre_tokenizer = pre_tokenizers.Sequence([cut, as_bytes])
        theirs.decoder = decoders.ByteLevel()
        special = names[len(tokenizer.ranks) :]
    theirs.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    if tokenizer.end_token is not None:
        end = names[tokenizer.end_token]
        theirs.post_processor = processors.TemplateProcessing(
            single=f"{end} $A", pair=f"{end} $A {end} $B", special_tokens=[(end, tokenizer.end_token)]
        )
    return theirs


def from_tokenizers(values: Mapping[str, Any], rows: int) -> tuple[Tokenizer, list[int]]:
    """A tokenizer.json, for a model of so many tokens, as a tokenizer of ours: and where the model has each token.

    Raises JaneLMError for one that is neither byte pairs nor what `to_tokenizers` made of characters.
    """
    try:
        model, kind = values["model"], values["model"]["type"]
        vocabulary = {**model["vocab"], **{token["content"]: token["id"] for token in values["added_tokens"]}}
        if values.get("normalizer") is not None:
            raise JaneLMError("its tokenizer changes a text before it reads it, which JaneLM's do not")
        if kind == "WordLevel" and values["pre_tokenizer"]["type"] == "Split":
            return _characters(vocabulary, model["unk_token"])
        if kind != "BPE":
            raise JaneLMError(f"its tokenizer is of the kind {kind}, but must be byte pairs as GPT-2 has them")
        pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
        return byte_pairs(vocabulary, pairs, rows, _pattern(values["pre_tokenizer"]))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise JaneLMError(f"its tokenizer.json is damaged ({type(error).__name__}: {error}): fetch it anew") from error


def _characters(vocabulary: dict[str, int], unknown: str) -> tuple[Tokenizer, list[int]]:
    documents = DOCUMENT_TOKENS[1] in vocabulary
    known = [name for name in vocabulary if name not in (unknown, *DOCUMENT_TOKENS)]
    tokenizer = CharacterTokenizer(known, documents)
    if any(len(name) != 1 for name in known):
        raise JaneLMError("its tokenizer is one of whole words, but must be byte pairs as GPT-2 has them")
    return tokenizer, [vocabulary[name] for name in [*tokenizer.characters, unknown, *DOCUMENT_TOKENS[: 2 * documents]]]


def _pattern(pre_tokenizer: Mapping[str, Any] | None) -> str:
    """The pattern that cuts a text, of a sequence of a cut and bytes, or of bytes alone, which bring GPT-2's."""
    parts = [] if pre_tokenizer is None else pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    kinds = [part["type"] for part in parts]
    if not kinds or kinds[-1] != "ByteLevel" or kinds[:-1] not in ([], ["Split"]):
        raise JaneLMError("its tokenizer does not cut texts as GPT-2's does")
    own, found = parts[-1].get("use_regex", True), parts[0].get("pattern", {}).get("Regex") if len(parts) == 2 else None
    if parts[-1].get("add_prefix_space") or own == (found is not None) or (found is None and not own):
        raise JaneLMError("its tokenizer does not cut texts as GPT-2's does")
    return found if found is not None else GPT2_PATTERN


def byte_pairs(
    vocabulary: Mapping[str, int], merges: Iterable[list[str]], rows: int, pattern: str = GPT2_PATTERN
) -> tuple[TiktokenTokenizer, list[int]]:
    """The tokenizer of these byte pairs, for a model of so many `rows`, and the row of each of its tokens.

    Tokens are the bytes, then the merges in their order; what is neither (special tokens, and rows without a token, as
    models have that are padded) stands behind them and is never written. Raises JaneLMError where bytes are missing.
    """
    to_byte = byte_level_alphabet()
    single = sorted((sign for sign in to_byte if sign in vocabulary), key=vocabulary.__getitem__)
    if len(single) < 256:
        raise JaneLMError(f"its tokenizer lacks {256 - len(single)} of the 256 bytes that GPT-2's has")
    names = list(dict.fromkeys([*single, *("".join(pair) for pair in merges)]))
    order = [vocabulary[name] for name in names]
    if len(set(order)) < len(order) or not all(type(row) is int and 0 <= row < rows for row in order):
        raise JaneLMError(f"its tokenizer has tokens that the model, which knows {rows:,}, does not have")
    ranks = [bytes(to_byte[sign] for sign in name) for name in names]
    framing = [vocabulary[name] for name in DOCUMENT_TOKENS if name in vocabulary]
    documents = len(framing) == 2
    others = sorted(set(range(rows)).difference(order, framing if documents else ()))
    config = TiktokenTokenizerConfig(len(ranks), None, pattern)
    tokenizer = TiktokenTokenizer(config, ranks, documents, specials=len(others))
    return tokenizer, [*order, *others, *(framing if documents else ())]
