"""Held-out loss, measured the same way every time and for every architecture.

Bits per byte is the number to compare: it counts UTF-8 bytes of the raw text, so it means the same for characters,
byte pairs and any architecture. Two ways to read a running text:

- cold windows: consecutive windows of `context_length` tokens, each from a fresh start;
- carried: the state goes on from chunk to chunk. For the LSTM this is its hidden and cell state; for the transformer
  its cache of the last `context_length` tokens, which slides a quarter of the context at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..architectures import LanguageModel
from ..architectures.crossentropy import IGNORED, pieces
from ..text.data import Dataset, RunningText, Scored
from ..text.tokenizers import UNKNOWN_CHARACTER_BITS

FINAL_TOKENS = 1 << 20  # of each held-out split at the end: all of a text of up to twenty million tokens


@dataclass
class Losses:
    """What a model makes of some text, as sums; the properties are the figures people quote."""

    nats: float = 0.0
    tokens: int = 0
    correct: int = 0
    bytes: int = 0
    unknown: int = 0

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats per token."""
        return self.nats / self.tokens

    @property
    def perplexity(self) -> float:
        """exp(loss): among how many equally likely tokens the model is as unsure."""
        return math.exp(self.loss) if self.loss < 700 else math.inf  # where exp would overflow

    @property
    def accuracy(self) -> float:
        """Share of tokens that the model held likeliest."""
        return self.correct / self.tokens

    @property
    def bits_per_byte(self) -> float:
        """Bits to encode one byte of the raw text. An unknown character also costs the bits that name it."""
        return (self.nats / math.log(2) + self.unknown * UNKNOWN_CHARACTER_BITS) / self.bytes

    def __add__(self, other: Losses) -> Losses:
        return Losses(**{part.name: getattr(self, part.name) + getattr(other, part.name) for part in fields(self)})

    def add(self, head: nn.Linear, x: Tensor, targets: Tensor) -> None:
        """Count what the head makes of x (B, T, D) against targets (B, T)."""
        for part, wanted in pieces(x.flatten(0, 1), targets.flatten(), head.out_features):
            self.count(head(part).float(), wanted)

    def count(self, logits: Tensor, targets: Tensor) -> None:
        """Count logits (N, V) float32 against targets (N)."""
        self.nats += F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum").item()
        self.tokens += int((targets != IGNORED).sum())
        self.correct += int((logits.argmax(-1) == targets).sum())

    def figures(self) -> dict[str, float]:
        names = ("bits_per_byte", "loss", "perplexity", "accuracy", "bytes", "tokens")
        return {name: getattr(self, name) for name in names}


@torch.no_grad()
def cold_losses(model: LanguageModel, batches: Iterable[Scored]) -> Losses:
    """Score batches, each row from a fresh start."""
    losses = Losses()
    training = model.training
    model.eval()
    for batch in batches:
        x, _ = model.features(batch.inputs)
        losses.add(model.head, x, batch.targets)
        losses.bytes += batch.bytes
        losses.unknown += batch.unknown
    model.train(training)
    return losses


@torch.no_grad()
def carried_losses(
    model: LanguageModel, data: RunningText, split: str, streams: int = 32, limit: int | None = None
) -> Losses:
    """Score a split with carried state.

    The split is cut into `streams` equal parts that are read side by side. Each is first warmed up on the two context
    lengths of text before it, which are not scored; so every token is scored once, with what stands before it. With a
    limit, about that many tokens, from the beginnings of the parts.
    """
    first, last = data.range(split)
    chunk = max(1, model.config.context_length // 4)
    streams = max(1, min(streams, (last - first) // chunk))
    part = -(-(last - first) // streams)
    begins = first + part * np.arange(streams)  # of what is scored
    part = min(part, -(-limit // streams)) if limit else part
    warm_up = min(2 * model.config.context_length, first - 1) // chunk * chunk
    losses = Losses()
    for begin in begins.tolist():
        size, unknown = data.weigh(begin, min(begin + part, last))
        losses.bytes += size
        losses.unknown += unknown
    training = model.training
    model.eval()
    state = model.initial_state(streams)
    for offset in range(-warm_up, part, chunk):
        size = min(chunk, part - offset)
        place = begins[:, None] + np.arange(offset, offset + size)  # (streams, size), of the targets
        unscored = torch.from_numpy((place >= last) | (place >= begins[:, None] + part) | (offset < 0))
        place = np.minimum(place, last - 1)
        x, state = model.features(data.take(place - 1), state)
        losses.add(model.head, x, data.take(place).masked_fill(unscored.to(x.device), IGNORED))
    model.train(training)
    return losses


def final_losses(model: LanguageModel, data: Dataset) -> dict[str, dict[str, float]]:
    """The figures of a finished run: validation, test, and both together ("heldout"), cold and, for running text,
    carried; of a long text, a part that is spread evenly. This is the one place that reads the test split."""
    losses = {split: cold_losses(model, data.evaluation(split, FINAL_TOKENS)) for split in data.held_out}
    losses["heldout"] = sum(losses.values(), Losses())
    if isinstance(data, RunningText):
        carried = {split: carried_losses(model, data, split, limit=FINAL_TOKENS) for split in data.held_out}
        losses |= {f"{split}_carried": part for split, part in carried.items()}
        losses["heldout_carried"] = sum(carried.values(), Losses())
    return {name: part.figures() for name, part in losses.items()}


def titles(losses: Mapping[str, object]) -> dict[str, str]:
    """What each entry of `final_losses` is called where people read it."""
    afresh = "cold windows" if "heldout_carried" in losses else "whole documents"
    names = {"validation": "validation", "test": "test", "heldout": "both"}
    return {name: f"{names[name]}, {afresh}" for name in names} | {
        f"{name}_carried": f"{names[name]}, carried or sliding" for name in names
    }


def summary(losses: dict[str, dict[str, float]]) -> str:
    """The figures of `final_losses` as a small table for the terminal."""
    columns = f"{'bits per byte':>14}{'nats per token':>16}{'perplexity':>12}{'accuracy':>10}{'bytes':>10}"
    lines = [f"{'held-out text':30}{columns}"]
    for name, title in titles(losses).items():
        if name in losses:
            row = losses[name]
            lines.append(
                f"{title:30}{row['bits_per_byte']:14.4f}{row['loss']:16.4f}{row['perplexity']:12.2f}"
                f"{row['accuracy']:10.1%}{row['bytes']:10,}"
            )
    return "\n".join(lines)
