"""What every engine is: numpy in and out.

    state = engine.initial_state(batch_size)
    logits, state = engine.step(tokens, state)

Shapes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
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

        The state that is passed in is used up. Of many tokens those are passed over that the last one cannot look back
        on through all layers, whole chunks of them, so that the result has the same bits. Raises UsageError where they
        have another shape.
        """
        *_, last = self.reading(tokens, state)
        return last

    def reading(self, tokens: np.ndarray, state: State) -> Iterator[tuple[np.ndarray, State]]:
        """What `step` does, chunk by chunk: the logits and the state after each."""
        if tokens.ndim != 2 or tokens.shape[1] < 1:
            raise UsageError(f"tokens have the shape {tokens.shape}, but must be (batch, time) with at least one token")
        chunk = min(CHUNK, self._longest_chunk(state) or CHUNK)
        unseen = tokens.shape[1] - (self._reach(state) or tokens.shape[1])
        first = unseen // chunk * chunk if unseen >= chunk else 0
        if first:
            self._pass_over(first, state)
        for start in range(first, tokens.shape[1], chunk):
            logits, state = self._step(tokens[:, start : start + chunk], state)
            yield logits, state

    def step_each(self, tokens: np.ndarray, states: list[State]) -> tuple[np.ndarray, list[State]]:
        """The next token of each of several texts, tokens (B,) int64, and the state of each, which is one of a single
        text -> logits (B, V) float32, and the states after them. A text says what it says by `step`."""
        steps = [self.step(token.reshape(1, 1), state) for token, state in zip(tokens, states, strict=True)]
        return np.concatenate([logits for logits, _ in steps]), [state for _, state in steps]

    def copied(self, state: State) -> State:
        """Another state that stands where this one does."""
        return copy.deepcopy(state)

    @abstractmethod
    def _longest_chunk(self, state: State) -> int | None:
        """How many tokens `_step` takes at once; None where there is no limit."""

    def _reach(self, state: State) -> int | None:
        """How many tokens have any part in what the model says after them, and can be told from a state that has
        `_pass_over`; None where there is no limit, or it is not known."""
        return None

    def _pass_over(self, count: int, state: State) -> None:
        """Bring the state to where it stands after `count` more tokens, without reading them.

        What it holds of them is not right, nor is what the next tokens make of that; `_reach` tokens later all is.
        """
        raise NotImplementedError

    @abstractmethod
    def _step(self, tokens: np.ndarray, state: State) -> tuple[np.ndarray, State]: ...

    def _memory(self, memory: int | None) -> int:
        longest = self.config.context_length - 1
        if memory is not None and memory < 1:
            raise UsageError(f"memory is {memory}, but must be at least 1 token")
        return longest if memory is None else min(memory, longest)
