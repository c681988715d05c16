"""How well a model expects each part of its own text: bits per byte along it, and sentence by sentence where it has not
seen them.

The last tenth of a running text was held out from training: there the figures are of a model that never saw the text.
On all before it they are of one that has read it, several times perhaps, and lower for that: the two are never mixed.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..runs.loaded import LoadedRun
from ..text.data import Dataset, RunningText
from .words import WORD

WINDOWS, AT_ONCE = 72, 16  # that the text is sampled by, evenly spread, and how many are read side by side
HELD_OUT = 8_000  # tokens of the held-out part whose sentences are judged
LISTED, LEAST_WORDS, LEAST_BYTES = 12, 6, 40  # sentences at each end of the list, and what a sentence must have


@dataclass(frozen=True)
class Window:
    """A place of the text, and what the model needed for the tokens there, each with a past."""

    at: float
    """How far into the text, from 0 to 1, by bytes."""
    bits: float
    """Per byte."""
    unseen: bool
    """Whether it was held out from training."""


@dataclass(frozen=True)
class Sentence:
    """A held-out sentence by its number in the text, and what it cost."""

    number: int
    bits: float
    """Per byte."""


def surprise_arc(run: LoadedRun, data: RunningText) -> list[Window]:
    """Windows evenly spread over the whole text, none of which lies in both parts."""
    T, (first, split), last = run.config.model.context_length, data.range("train"), data.range(data.held_out[-1])[1]
    starts = np.unique(np.linspace(first - 1, last - T - 1, WINDOWS).astype(np.int64).clip(0))
    starts = starts[(starts + T < split) | (starts >= split)]
    ends = _byte_ends(run, data, 0, last)
    bits = _bits(run, data, starts).sum(1)
    scored = starts + 1 + T // 2
    sizes = np.maximum(1, ends[np.minimum(starts + T, last - 1)] - ends[scored - 1])
    return [
        Window(float(ends[start] / ends[-1]), float(cost / size), bool(start >= split))
        for start, cost, size in zip(starts, bits, sizes, strict=True)
    ]


def sentence_surprises(run: LoadedRun, data: RunningText, text: str, bounds: list[int]) -> list[Sentence]:
    """What each of the first held-out sentences cost, the most expected first; short ones are left out."""
    T, first, last = run.config.model.context_length, data.range(data.held_out[0])[0], data.range(data.held_out[-1])[1]
    half = T - T // 2
    count = min(HELD_OUT, last - first) // half
    starts = first - 1 - T // 2 + half * np.arange(count)
    starts = starts[starts >= 0]
    running = np.concatenate(([0.0], np.cumsum(_bits(run, data, starts))))
    begin = int(starts[0]) + 1 + T // 2 if len(starts) else first  # the first token that is scored
    ends = _byte_ends(run, data, 0, begin + len(running) - 1)
    edges = ends[begin - 1 :]  # where each scored token begins, and the last one ends
    places = np.cumsum([0, *(len(text[a:b].encode()) for a, b in pairwise(bounds))])
    found = []
    for number in np.flatnonzero((places[:-1] >= edges[0]) & (places[1:] <= edges[-1])).tolist():
        size, sentence = places[number + 1] - places[number], text[bounds[number] : bounds[number + 1]]
        if size >= LEAST_BYTES and len(WORD.findall(sentence)) >= LEAST_WORDS:
            a, b = np.searchsorted(edges, places[number : number + 2])
            found.append(Sentence(number, float((running[b] - running[a]) / size)))
    return sorted(found, key=lambda one: one.bits)


def _bits(run: LoadedRun, data: RunningText, starts: np.ndarray) -> np.ndarray:
    """What the second half of each window cost, in bits (N, T - T // 2). A window's inputs are the T tokens from its
    start."""
    return second_half_bits(run, data.take(starts[:, None] + np.arange(run.config.model.context_length + 1)))


@torch.inference_mode()
def second_half_bits(run: LoadedRun, tokens: Tensor) -> np.ndarray:
    """What the second half of each window of tokens (N, T + 1) costs, in bits (N, T - T // 2): the first half is read
    before, so that every token has a past of half a context."""
    half, found = (tokens.shape[1] - 1) // 2, []
    for some in tokens.tensor_split(max(1, -(-len(tokens) // AT_ONCE))):
        x, _ = run.model.features(some[:, :-1])
        logs = run.model.head(x[:, half:]).float().log_softmax(-1)
        found.append(-logs.gather(2, some[:, half + 1 :, None])[..., 0].numpy() / math.log(2))
    return np.concatenate(found)


def _byte_ends(run: LoadedRun, data: RunningText, first: int, last: int) -> np.ndarray:
    """Where each token from `first` to before `last` ends, in bytes from the start of the first."""
    sizes = np.array([max(1, len(token)) for token in run.tokenizer.vocabulary], np.int64)
    return np.cumsum(sizes[data.take(np.arange(first, last)).numpy()])


def surprise_of(run: LoadedRun, data: Dataset, text: str, bounds: list[int]) -> dict[str, Any] | None:
    """The arc, and the held-out sentences that the model expects most and least; None for a model of documents. Without
    bounds of sentences there is the arc alone."""
    if not isinstance(data, RunningText):
        return None
    every = sentence_surprises(run, data, text, bounds) if bounds else []
    return {
        "arc": [[round(one.at, 4), round(one.bits, 3), one.unseen] for one in surprise_arc(run, data)],
        "expected": [asdict(one) for one in every[:LISTED]],
        "unexpected": [asdict(one) for one in every[::-1][:LISTED]],
        "sentences": len(every),
    }
