"""What every engine is: numpy in and out.

    state = engine.initial_state(batch_size)
    logits, state = engine.step(tokens, state)

Shapes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ..config import ModelConfig
from ..errors import UsageError
from ..machine.cores import cores

CHUNK = 256  # tokens that are read at once: it bounds the memory that a long prompt takes
State = Any  # each engine's own; whoever steps an engine only passes it on


def default_threads() -> int:
    """Two, or one where this process has no more cores."""
    return min(2, cores())


class Engine(ABC):
    """A model that reads tokens in chunks of any size and says what it expects next."""

    config: ModelConfig
    vocab_size: int

    @abstractmethod
    def initial_state(self, batch_size: int, memory: int | None = None) -> State:
        """The state before the first token of `batch_size` texts.

        `memory` is how many tokens before a token an attention looks back on: at least 1 and, as by default, at most
        one less than the context length. An LSTM has no use for it. Raises UsageError on a number under 1.
        """

    def step(self, tokens: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """tokens (B, T) int64, T at least 1 -> logits (B, V) float32 of the last position, and the state after it.

        The state that is passed in is used up. Raises UsageError where tokens have another shape.
        """
        if tokens.ndim != 2 or tokens.shape[1] < 1:
            raise UsageError(f"tokens have the shape {tokens.shape}, but must be (batch, time) with at least one token")
        chunk = min(CHUNK, self._longest_chunk(state) or CHUNK)
        for start in range(0, tokens.shape[1], chunk):
            logits, state = self._step(tokens[:, start : start + chunk], state)
        return logits, state

    @abstractmethod
    def _longest_chunk(self, state: State) -> int | None:
        """How many tokens `_step` takes at once; None where there is no limit."""

    @abstractmethod
    def _step(self, tokens: np.ndarray, state: State) -> tuple[np.ndarray, State]: ...

    def _memory(self, memory: int | None) -> int:
        longest = self.config.context_length - 1
        if memory is not None and memory < 1:
            raise UsageError(f"memory is {memory}, but must be at least 1 token")
        return longest if memory is None else min(memory, longest)
