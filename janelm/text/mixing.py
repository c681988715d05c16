"""Batches of a text and, among them, a share of another's: so that a model which goes on does not forget."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .data import Batch, Dataset, Scored


class Mixed(Dataset):
    """What is measured is the text alone; of the batches, evenly spread, a `share` is of the other one."""

    def __init__(self, text: Dataset, other: Dataset, share: float) -> None:
        self._text, self._other, self._share = text, other, share
        self.tokenizer, self.device, self.report = text.tokenizer, text.device, text.report
        self.context_length, self.train_tokens = text.context_length, text.train_tokens
        self.split_bytes, self.held_out = text.split_bytes, text.held_out
        self.batches_per_epoch = max(1, round(text.batches_per_epoch / (1 - share)))
        self.tokens_per_step = round((1 - share) * text.tokens_per_step + share * other.tokens_per_step)
        alike = (text.context_length, text.tokens_per_step) == (other.context_length, other.tokens_per_step)
        self.many_shapes = text.many_shapes or other.many_shapes or not alike

    def batch(self, step: int) -> Batch:
        before = math.floor(step * self._share)
        if math.floor((step + 1) * self._share) > before:
            return self._other.batch(before)
        return self._text.batch(step - before)

    def training_tokens(self) -> np.ndarray:
        return self._text.training_tokens()

    def evaluation(self, split: str, limit: int | None = None) -> Iterator[Scored]:
        return self._text.evaluation(split, limit)
