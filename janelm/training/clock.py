"""How much of a budget is used up: of its steps, or of its minutes."""

from __future__ import annotations

import math
import time

from ..config import TrainingConfig
from .state import TrainingState


class Clock:
    """The time of a run since its command began, and the share of its budget that is used up."""

    def __init__(self, config: TrainingConfig, started: float | None = None) -> None:
        """`started` is when the command began, by `time.perf_counter`."""
        self.config = config
        self._started = time.perf_counter() if started is None else started

    @property
    def _minutes(self) -> float:
        assert self.config.minutes is not None  # a budget is one of steps and minutes
        return self.config.minutes

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def go_on(self, seconds: float) -> None:
        """Count on from where an earlier command of the same run stopped."""
        self._started = time.perf_counter() - seconds

    def progress(self, state: TrainingState) -> float:
        """The share of the budget that is used up, from 0 to 1."""
        if self.config.steps is not None:
            return min(1.0, state.step / self.config.steps)
        return min(1.0, self.seconds / (60 * self._minutes - state.reserve))

    def evaluations_due(self, state: TrainingState) -> int:
        """How many of the evaluations, besides the one before the first step, this much progress calls for."""
        return math.floor(self.progress(state) * self.config.evaluations + 1e-9)

    def keep_back(self, state: TrainingState, seconds: float) -> None:
        """Keep back so many seconds of a budget of minutes for its end, but no more than a third of it."""
        state.reserve = min(20 * self._minutes, seconds)
