"""The moments of a training at which code of others may look on, or change something."""

from __future__ import annotations

from typing import Any

Trainer = Any  # of loop.py, which imports this file


class Callback:
    """Override what is wanted; the rest does nothing.

    A `Trainer` has the `model`, the `run`, the `config` and the `state` of its training (step, seconds, rows of
    figures, samples), and its optimizers as `stepper.optimizers`. What an exception ends is the training itself. Where
    several processes train together, only the first calls.
    """

    def start(self, trainer: Trainer) -> None:
        """Before the first step; of a training that is gone on with, before what was saved is read."""

    def step(self, trainer: Trainer) -> None:
        """After each step: its loss is `trainer.state.losses[-1]`, its gradient's norm `trainer.state.norms[-1]`."""

    def evaluation(self, trainer: Trainer) -> None:
        """After each evaluation: `trainer.state.rows[-1]` has its figures, `trainer.state.samples[-1]` its text."""

    def end(self, trainer: Trainer, results: dict[str, Any]) -> None:
        """After all, with what stands in results.json."""
