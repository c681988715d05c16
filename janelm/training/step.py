"""One optimizer step: from a batch to its loss, the gradients, and new weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..architectures import LanguageModel, State
from ..architectures.crossentropy import IGNORED
from ..architectures.sharding import shard
from ..config import TrainingConfig
from ..errors import JaneLMError
from ..machine.hardware import autocast, choose_compile, choose_precision, choose_threads
from ..machine.trust import trusted
from ..runs.folder import Run
from ..runs.loaded import load_weights, weights_of
from ..text.data import Batch, Dataset
from .distillation import Teachers, training_loss
from .distributed import Team
from .optimizers import (
    LowRank,
    WeightAverage,
    build_optimizers,
    choose_optimizer,
    clip_gradients,
    learning_rate_scale,
    scale_learning_rates,
)

FRESH_STARTS = 0.01  # the share of windows that a carried state does not reach (Melis et al. 2020)


class Stepper:
    """A model with its optimizers, the number format and the compiler that suit the machine, and what is carried from
    step to step."""

    def __init__(
        self,
        model: LanguageModel,
        data: Dataset,
        config: TrainingConfig,
        team: Team,
        teachers: Teachers | None,
        say: Callable[[str], None],
    ) -> None:
        self.model, self.data, self.config, self.team, self.teachers, self.say = (
            model,
            data,
            config,
            team,
            teachers,
            say,
        )
        self.sharded = config.shard and team.size > 1
        if self.sharded:
            shard(model, model.parts(), team.size)
        self.optimizers = build_optimizers(model, config)
        self.average = WeightAverage(model, config.ema) if config.ema else None
        self.carried: State | None = None  # with the setting carry_state, what the last batch ended with
        if model.device.type == "cpu":
            say("threads: {} ({})".format(*choose_threads()))
        self.dtype, why = choose_precision(config, model.device)
        say(f"precision: {str(self.dtype).removeprefix('torch.')} ({why})")
        muon, why = choose_optimizer(config)
        say(f"optimizer: {'Muon for hidden matrices, AdamW for the rest' if muon else 'AdamW'} ({why})")
        self._many_shapes = data.many_shapes
        self._to_compile, why = choose_compile(config, model.device, model.compile_pays, self._many_shapes)
        say(f"compile: {'on' if self._to_compile else 'off'} ({why})")
        self._to_compile = self._to_compile and not config.adapter  # whose frozen weights have no gradients to check
        self._loss = training_loss

    def keep_best(self, run: Run) -> None:
        """Write the model's weights, or its adapter, as the best ones so far."""
        first = self.optimizers[0]
        if isinstance(first, LowRank):
            run.write_adapter({name: part.cpu().numpy() for name, part in first.narrow(self.model).items()})
        else:
            run.write_best(self.model)

    def take(self, batch: Batch, step: int, progress: float) -> tuple[float, float]:
        """Change the weights by what a batch says; returns its loss in nats per token and the norm of its gradient.

        `step` is how many have been taken, and `progress` the share of the budget that is used up. The first call also
        compiles, if that is to be. Raises JaneLMError where the gradient is not finite.
        """
        if self._to_compile:
            self._compile(batch, step)
        scale_learning_rates(self.optimizers, learning_rate_scale(step, progress, self.config))
        loss, self.carried = self._loss_of(batch, step, self._loss)
        loss = self.team.backward(loss, self.model.parameters(), self.sharded)
        norm = clip_gradients(self.model, self.config.gradient_clip)
        if not math.isfinite(norm):
            raise JaneLMError(
                f"the gradient is {norm} at step {step:,}: lower --learning_rate or --matrix_learning_rate"
            )
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if self.average:
            self.average.update(step)
        return loss.item(), norm

    def _loss_of(self, batch: Batch, step: int, function: Callable) -> tuple[Tensor, State | None]:
        """What this process's rows add to the loss of the batch, and the state after them."""
        count = (batch[1] != IGNORED).sum()
        inputs, targets = self.team.share(*batch)
        with autocast(self.model.device, self.dtype):
            state = self.start_state(len(batch[0]), step)
            return function(self.model, inputs, targets, state, count, self.teachers, self.config.taught)

    def start_state(self, rows: int, step: int) -> State | None:
        """The state that this process's rows of a batch start from: none, unless states are carried."""
        if not self.config.carry_state:
            return None
        fresh = np.random.default_rng((self.config.seed, step, rows)).random(rows) < FRESH_STARTS
        fresh = (fresh | (step % self.data.batches_per_epoch == 0))[self.team.rows(rows)]
        if self.carried is None:
            return self.model.initial_state(len(fresh))
        return self.model.hand_on(self.carried, torch.from_numpy(fresh).to(self.model.device))

    def _compile(self, batch: Batch, step: int) -> None:
        """Take a compiled loss from here on, if it gives what the plain one gives."""
        self._to_compile = False
        self._loss = trusted(
            training_loss,
            partial(self._trial, batch, step),
            self.model,
            dtype=self.dtype,
            rows=len(batch[0]),
            many_shapes=self._many_shapes,
            say=self.say,
        )

    def _trial(
        self, batch: Batch, step: int, function: Callable, rows: int | None = None, dtype: torch.dtype | None = None
    ) -> Tensor:
        """The loss of a batch by `function`, without a step; what the last arguments are, `RunStep` says."""
        if rows is None:
            return self._loss_of(batch, step, function)[0]
        inputs, targets = (part[:rows] for part in batch)
        with autocast(self.model.device, dtype or self.dtype):
            return function(self.model, inputs, targets, None, None, self.teachers, self.config.taught)[0]

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on with the very same steps."""
        return {
            "weights": weights_of(self.model),
            "average": self.average and self.average.whole_weights(),
            "carried": self.carried if self.team.size == 1 else None,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "random": torch.get_rng_state(),
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """So it is with any number of processes, but for dropout, which differs between them and on a GPU, and for
        states that are carried, which then start afresh."""
        load_weights(self.model, saved["weights"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        if self.average:
            self.average.restore(saved.get("average") or saved["weights"])
        self.carried = saved.get("carried") if self.team.size == 1 else None
        if self.team.first:
            torch.set_rng_state(saved["random"])
