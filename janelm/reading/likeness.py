"""Who writes like whom: how well each model expects each book, in bits per byte, and Burrows' Delta between books."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import JaneLMError
from ..measuring.yardsticks import splits_of
from ..runs.dataset import Texts
from ..runs.folder import Run
from ..runs.loaded import LoadedRun
from ..text.tokenizers import UNKNOWN_CHARACTER_BITS
from .contexts import token_ends
from .parts import Part, PartedText
from .surprise import second_half_bits

FREQUENT = 150  # words that Delta compares, as Burrows did
LEAST_BOOKS = 3  # of two, each differs from the mean by as much as the other
MOST_BOOKS, WINDOWS = 40, 10  # books that are compared, and places in which a model is asked about each
PROBE = 60  # characters by which a place is looked up in the training text


def burrows_delta(counts: np.ndarray) -> np.ndarray:
    """How far apart texts are in style (P, P) float64, from counts of words (P, V): Burrows' Delta (2002).

    Of the 150 most frequent words, each text's share is put in standard deviations from the mean over the texts; Delta
    is the mean difference of these. Small words tell: nobody chooses how often to write "the".
    """
    frequent = np.argsort(-counts.sum(0), kind="stable")[:FREQUENT]
    shares = counts[:, frequent] / np.maximum(1, counts.sum(1, keepdims=True))
    deviation = shares.std(0, ddof=1)
    scores = (shares - shares.mean(0))[:, deviation > 0] / deviation[deviation > 0]
    return np.abs(scores[:, None] - scores).mean(-1)


def likeness(runs: list[Run], parted: PartedText, texts: Texts) -> dict[str, Any]:
    """As plain data: the titles of the books; Delta between them, None where they are fewer than three; and for each
    run and book the bits per byte and the share of places that training never saw, None where that is not known."""
    books = parted.books[:MOST_BOOKS]
    counts = np.stack([parted.words.counts(book.begin, book.end) for book in books])
    delta = burrows_delta(counts).round(3).tolist() if len(books) >= LEAST_BOOKS else None
    training = {config: _training_text(run, texts) for run in runs for config in [run.config().data]}
    models = {run.name: bits_of_books(run.load(), training[run.config().data], parted.text, books) for run in runs}
    return {"books": [book.title for book in books], "delta": delta, "models": models}


def _training_text(run: Run, texts: Texts) -> str | None:
    """What a run learned from; None where that is not there any more."""
    try:
        return splits_of(texts.sources(run), run.config().data)["train"]
    except JaneLMError:
        return None


def bits_of_books(
    run: LoadedRun, training: str | None, text: str, books: list[Part]
) -> list[tuple[float, float | None] | None]:
    """Bits per byte of each book, at places evenly spread over it, each token with half a context before it; and the
    share of these places that do not stand in the training text. None for a book shorter than a window."""
    width = _characters(run, text)
    found: list[tuple[float, float | None] | None] = []
    for book in books:
        every = (_window(run, text, int(place), width) for place in _places(book, width))
        windows = [window for window in every if window is not None]
        if not windows:
            found.append(None)
            continue
        bits = sum(_bits(run, windows)) / sum(window.bytes for window in windows)
        new = [window.probe not in training for window in windows] if training is not None else []
        found.append((round(bits, 4), round(sum(new) / len(new), 3) if new else None))
    return found


def _characters(run: LoadedRun, text: str) -> int:
    """Of text for a window with some to spare, as a strange text may have fewer characters to a token."""
    some = text[: 1 << 16]
    return int(
        1.3 * (run.config.model.context_length + 1) * max(1.0, len(some) / max(1, len(run.tokenizer.encode(some))))
    )


def _places(book: Part, width: int) -> np.ndarray:
    return np.unique(np.linspace(book.begin, max(book.begin, book.end - width), WINDOWS).astype(np.int64))


@dataclass(frozen=True)
class Window:
    """A place of the text as a model reads it; its second half is scored."""

    tokens: np.ndarray
    """(T + 1,) int64."""
    bytes: int
    """Of the scored half."""
    probe: str
    """Some of it."""
    unknown: int
    """Characters in it that the vocabulary lacks."""


def _window(run: LoadedRun, text: str, place: int, width: int) -> Window | None:
    """The window that begins at a place; None where the text ends before it."""
    T, tokenizer = run.config.model.context_length, run.tokenizer
    half, piece = T // 2 + 1, text[place : place + width]
    tokens = tokenizer.encode(piece)[: T + 1]
    if len(tokens) <= T:
        return None
    unknown = int((tokens[half:] == tokenizer.unknown_token).sum())
    ends = token_ends(tokenizer, piece, tokens)
    size = int(ends[T] - ends[half - 1])
    scored = piece.encode("utf-8", "replace")[ends[half - 1] : ends[T]].decode(errors="ignore")
    middle = max(0, (len(scored) - PROBE) // 2)
    return Window(tokens, size, scored[middle : middle + PROBE], unknown)


def _bits(run: LoadedRun, windows: list[Window]) -> list[float]:
    """What the second half of each window costs."""
    costs = second_half_bits(run, torch.from_numpy(np.stack([window.tokens for window in windows]))).sum(1)
    return [float(cost) + window.unknown * UNKNOWN_CHARACTER_BITS for cost, window in zip(costs, windows, strict=True)]
