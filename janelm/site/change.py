"""What smaller weights cost: held-out bits per byte of a model against those of the same at full precision.

Weights that are rounded and widened again before they are used do the same in every engine: there torch reads whole
windows at once. int8, which also multiplies in int8, and graphs that were traced are read by ONNX Runtime, step by
step.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from ..architectures.crossentropy import IGNORED
from ..engines import Engine
from ..export.parts import is_matrix
from ..export.rounding import read_back
from ..measuring.evaluation import Losses, cold_losses
from ..runs.loaded import LoadedRun
from ..text.data import Dataset

TOKENS, WORK, SECONDS = 8_192, 1e11, 25.0  # how much is read; of large models less: tokens * weights, or by the clock
Text = tuple[np.ndarray, np.ndarray]  # inputs and targets, each (T,) int64


@dataclass(frozen=True)
class Change:
    """Bits per byte at full precision and at the chosen one, on the same bytes of validation text."""

    full: float
    chosen: float
    bytes: int

    def __str__(self) -> str:
        return (
            f"{self.chosen:.4f} bits per byte, {self.full:.4f} at full precision ({self.chosen - self.full:+.4f}), on "
            f"{self.bytes:,} bytes of validation text"
        )


def as_rounded(run: LoadedRun, precision: str) -> LoadedRun:
    """The model as whoever reads its matrices at this precision computes it."""
    rounded = {
        name: read_back(weight, precision) if is_matrix(weight.shape) else weight
        for name, weight in run.weights.items()
    }
    return LoadedRun(run.name, run.config, run.tokenizer, rounded)


def measure(full: LoadedRun, chosen: LoadedRun, data: Dataset) -> Change:
    """Read evenly spread windows (or documents) of the validation split, each from a cold start, with both models."""
    limit = min(TOKENS, int(WORK / full.model.parameter_count()))
    before, after = (cold_losses(run.model, data.evaluation("validation", limit)) for run in (full, chosen))
    return Change(before.bits_per_byte, after.bits_per_byte, before.bytes)


def measure_steps(full: Engine, chosen: Engine, data: Dataset) -> Change:
    """The same with engines, step by step.

    The chosen one reads one text at a time, as the page does: int8 rounds activations by the largest of a step, so that
    a step of more tokens is rounded otherwise. Full precision does not care.
    """
    limit = min(TOKENS, int(SECONDS / _seconds_per_token(chosen)))
    before, after = Losses(), Losses()
    for batch in data.evaluation("validation", limit):
        weight = Losses(bytes=batch.bytes, unknown=batch.unknown)
        scored = (batch.targets != IGNORED).cpu().numpy()
        pairs = zip(batch.inputs.cpu().numpy(), batch.targets.cpu().numpy(), scored, strict=True)
        texts = [(inputs[where], targets[where]) for inputs, targets, where in pairs]
        before += weight + _losses(full, texts)
        after += sum((_losses(chosen, [text]) for text in texts), weight)
    return Change(before.bits_per_byte, after.bits_per_byte, before.bytes)


def _losses(engine: Engine, texts: list[Text]) -> Losses:
    """The losses of texts that are read side by side, token by token."""
    B, T = len(texts), max(len(inputs) for inputs, _ in texts)
    tokens, targets = np.zeros((B, T), np.int64), np.full((B, T), IGNORED)
    for row, (inputs, expected) in enumerate(texts):
        tokens[row, : len(inputs)], targets[row, : len(inputs)] = inputs, expected
    losses, state = Losses(), engine.initial_state(B)
    for t in range(T):
        logits, state = engine.step(tokens[:, t : t + 1], state)
        losses.count(torch.from_numpy(logits), torch.from_numpy(targets[:, t]))
    return losses


def _seconds_per_token(engine: Engine, count: int = 30) -> float:
    state, token = engine.initial_state(1), np.zeros((1, 1), np.int64)
    began = time.perf_counter()
    for _ in range(count):
        _, state = engine.step(token, state)
    return (time.perf_counter() - began) / count
