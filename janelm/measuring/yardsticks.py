"""What a loss in bits per byte means: the same held-out text by means that anybody has."""

from __future__ import annotations

import gzip
import lzma
import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from ..config import DataConfig
from ..text.documents import split_documents
from ..text.encoded import SPLITS, RunningSplits
from ..text.sources import Source
from ..text.tokenizers import Tokenizer

READ_BEFORE = 1 << 24  # bytes of training text, its last ones, that xz reads before the held-out text


def splits_of(sources: list[Source], config: DataConfig) -> dict[str, str]:
    """The text of each split, cut as training cuts it; documents one to a line."""
    if config.documents:
        return {name: "\n".join(part) for name, part in zip(SPLITS, split_documents(sources, config), strict=True)}
    splits = RunningSplits(sources, config.split)
    return {name: "".join(splits.blocks(name)) for name in SPLITS}


def yardsticks(training: str, held_out: str) -> list[tuple[str, float]]:
    """Bits per byte of the held-out text: by the frequencies of the training text's characters, by gzip, and by xz once
    it has read the training text."""
    raw, before = held_out.encode(), training.encode()[-READ_BEFORE:]
    if not raw:
        return []
    counts = Counter(training)
    total = counts.total() + len(counts) + 1  # each counted once more, and one for a character that is new
    letters = sum(-n * math.log2((counts[c] + 1) / total) for c, n in Counter(held_out).items())
    with ThreadPoolExecutor() as threads:
        both, alone = threads.map(_packed, (before + raw, before))
    return [
        ("frequencies of letters", letters / len(raw)),
        ("gzip", 8 * len(gzip.compress(raw, 9)) / len(raw)),
        ("xz, having read the training text", 8 * (both - alone) / len(raw)),
    ]


def _packed(content: bytes) -> int:
    return len(lzma.compress(content, preset=9))


def equally_likely(held_out: str, tokenizer: Tokenizer) -> list[tuple[str, float]]:
    """The same by a model that takes all tokens for equally likely."""
    if not held_out:
        return []
    V, T = tokenizer.vocab_size, len(tokenizer.encode(held_out))
    return [(f"{V:,} tokens, all equally likely", T * math.log2(V) / len(held_out.encode()))]
