"""What is measured while a model learns, and what is told of it: losses on the same tokens as ever, a row of figures,
and a little text."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext

from ..architectures.crossentropy import IGNORED
from ..architectures.sharding import settle
from ..machine.hardware import autocast
from ..measuring.evaluation import Losses, cold_losses
from ..runs.folder import Run
from ..text.data import Scored
from .clock import Clock
from .optimizers import learning_rate_scale
from .state import Row, TrainingState, mean
from .step import Stepper


class Records:
    """Measures a model that learns, and keeps metrics, samples and the best weights of its run up to date."""

    def __init__(self, stepper: Stepper, run: Run, sample: Callable[[], str]) -> None:
        """`sample` writes a little text with the model."""
        self.stepper, self.run, self.sample = stepper, run, sample
        self.data, self.config = stepper.data, stepper.config

    def measure(self, state: TrainingState, clock: Clock) -> tuple[bool, int, float]:
        """Add a row of figures and a sample to `state`, and keep the weights if they are the best so far.

        Returns whether they are, how many tokens were read to measure it, and how many seconds that took.
        """
        stepper, config, began = self.stepper, self.config, clock.seconds
        with stepper.average.in_place() if stepper.average else nullcontext():
            with autocast(stepper.model.device, stepper.dtype):
                train = self._train_losses()
                validation = cold_losses(stepper.model, self.data.evaluation("validation", config.evaluation_tokens))
            settle(stepper.model)
            state.seconds = clock.seconds
            loss = train.loss if config.overfit_one_batch else validation.loss  # what "best" goes by
            loss = stepper.team.tell(loss) if stepper.sharded else loss
            better = loss < state.best_loss
            state.best_loss, state.since_best = (loss, 0) if better else (state.best_loss, state.since_best + 1)
            state.rows.append(self._row(state, train, validation, clock.progress(state)))
            state.samples.append(self.sample())
            if better:
                stepper.keep_best(self.run)
        return better, train.tokens + validation.tokens, state.seconds - began

    def _train_losses(self) -> Losses:
        model = self.stepper.model
        if not self.config.overfit_one_batch:
            return cold_losses(model, self.data.evaluation("train", self.config.evaluation_tokens))
        inputs, targets = self.data.batch(0)
        tokens = int((targets != IGNORED).sum())
        size = max(1, round(tokens * self.data.split_bytes["train"] / self.data.train_tokens))
        return cold_losses(model, [Scored(inputs, targets, size, 0)])

    def _row(self, state: TrainingState, train: Losses, validation: Losses, progress: float) -> Row:
        running, norm = mean(state.losses), mean(state.norms)
        speed = len(state.losses) * self.data.tokens_per_step / state.stepping if state.stepping else 0.0
        state.losses, state.norms, state.stepping = [], [], 0.0
        return {
            "step": state.step,
            "tokens": state.step * self.data.tokens_per_step,
            "epoch": round(state.step / self.data.batches_per_epoch, 4),
            "seconds": round(state.seconds, 3),
            "train_loss": train.loss,
            "train_bits_per_byte": train.bits_per_byte,
            "validation_loss": validation.loss,
            "validation_bits_per_byte": validation.bits_per_byte,
            "validation_perplexity": validation.perplexity,
            "validation_accuracy": validation.accuracy,
            "tokens_per_second": round(speed, 1),
            "running_loss": running,
            "gradient_norm": norm,
            "learning_rate_scale": learning_rate_scale(state.step, progress, self.config),
        }

    def write(self, state: TrainingState) -> None:
        """Write all rows and samples to the run."""
        self.run.write_metrics(state.rows)
        self.run.write_samples(state.rows, state.samples)

    def running(self, state: TrainingState) -> str:
        """The loss of the last steps, in words."""
        loss = mean(state.losses[-10:])
        if self.stepper.teachers is not None:  # whose share says nothing of bytes
            return f"{loss:.3f}"
        bits = loss / math.log(2) * self.data.train_tokens / self.data.split_bytes["train"]
        return f"{loss:.3f}, {bits:.3f} bits per byte"

    def best(self, state: TrainingState) -> Row:
        """The evaluation whose weights were kept."""
        steers = "train_loss" if self.config.overfit_one_batch else "validation_loss"
        return min(state.rows, key=lambda row: row[steers])
