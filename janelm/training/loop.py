"""The training loop: one for all architectures.

A budget is a number of steps or a time; progress is the share of it that is used up, and the learning rate follows it.
At evenly spaced points of progress both losses are measured, the run is saved, and a sample is written.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..architectures import LanguageModel
from ..config import TrainingConfig
from ..errors import JaneLMError, counted
from ..measuring.evaluation import FINAL_TOKENS
from ..runs.folder import Run
from ..runs.loaded import load_weights
from ..text.data import Batch, Dataset
from .callbacks import Callback
from .clock import Clock
from .distillation import Teachers
from .distributed import Team
from .interrupts import Interrupt
from .progress import ProgressBar
from .records import Records
from .state import TrainingState
from .step import Stepper

FINAL_PASSES = 3.0  # what the evaluation at the end costs, in cold passes over the held-out text


class Trainer:
    """Trains `model` on `data` and keeps `run` on disk up to date."""

    def __init__(
        self,
        model: LanguageModel,
        data: Dataset,
        config: TrainingConfig,
        run: Run,
        *,
        sample: Callable[[], str] = str,
        say: Callable[[str], None] = print,
        started: float | None = None,
        team: Team | None = None,
        teachers: Teachers | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        """`sample` writes a little text with the model; `say` prints a line for the user; `started` is when the
        command began, by `time.perf_counter`, so that a budget of minutes counts its start too; `team` are the
        processes that train together; `teachers` the models that this one also learns from; `callbacks` look on."""
        if config.epochs is not None:
            config = replace(config, epochs=None, steps=max(1, round(config.epochs * data.batches_per_epoch)))
        say(f"batches: {data.tokens_per_step:,} tokens")
        self.team, self.model, self.data, self.config, self.run = team or Team(), model, data, config, run
        self.stepper = Stepper(model, data, config, self.team, teachers, say)
        self.records = Records(self.stepper, run, sample)
        self.clock, self.state = Clock(config, started), TrainingState()
        self.interrupt, self._say = Interrupt(say), say
        self.callbacks = list(callbacks) if self.team.first else []

    def train(self) -> TrainingState:
        """Train until the budget is spent, validation stops improving, or Ctrl-C; the best weights are then loaded.

        After a first Ctrl-C `interrupt.asked` is set; a second one raises KeyboardInterrupt.
        """
        self.model.train()
        one_batch = self.data.batch(0) if self.config.overfit_one_batch else None
        with self.interrupt.caught(), ProgressBar(self.state.step, self._say) as bar:
            if not self.state.rows:
                self._evaluate(bar)
            while not self.state.finished:
                self.step(one_batch or self.data.batch(self.state.step))
                if self.state.step % 10 == 0 and not bar.disable:
                    bar.report(
                        self.state.step, *self._where(), self.data.tokens_per_step, self.records.running(self.state)
                    )
                self._look_up(bar)
        if self.team.first and not self.stepper.sharded:
            load_weights(self.model, self.run.best_weights())
        return self.state

    def step(self, batch: Batch) -> None:
        """One optimizer step on one batch."""
        began = time.perf_counter()
        progress = self.team.tell(self.clock.progress(self.state))
        loss, norm = self.stepper.take(batch, self.state.step, progress)
        self.state.losses.append(loss)
        self.state.norms.append(norm)
        self.state.stepping += time.perf_counter() - began
        self.state.step += 1
        for callback in self.callbacks:
            callback.step(self)

    def _look_up(self, bar: ProgressBar) -> None:
        """After a step: evaluate if that is due, and end if the budget is spent or the user says so."""
        state = self.state
        done = self.team.tell(self.clock.progress(state))
        asked = self.team.any(self.interrupt.asked)  # what all agree on, whoever hears of it meanwhile
        if asked:
            self.interrupt.heard()
        if done >= 1:
            state.finished = "the budget is spent"
        if state.finished or done >= state.evaluations_done / self.config.evaluations:
            self._evaluate(bar)
            if asked and not state.finished:
                state.finished = "it was interrupted"
        elif asked:
            self._stop_early(bar)

    def _stop_early(self, bar: ProgressBar) -> None:
        """End between two evaluations: save what an uninterrupted run would have here, then make one that it would not.

        That one may put better weights in the place of the best, which are therefore saved too.
        """
        if self._measures:
            whole = self.team.first and not self.config.adapter  # of an adapter the better one is kept, from here too
            self._save(best=self.run.best_weights() if whole else None)
        self.state.finished = "it was interrupted"
        self._evaluate(bar, save=False)

    @property
    def _measures(self) -> bool:
        """Whether this process evaluates and saves: the first, or all, where each has but a share of the model."""
        return self.team.first or self.stepper.sharded

    def _evaluate(self, bar: ProgressBar, save: bool = True) -> None:
        """Measure both losses, keep the best weights, then save the run."""
        state = self.state
        if self._measures:
            better, tokens, seconds = self.records.measure(state, self.clock)
            state.evaluations_done = self.clock.evaluations_due(state) + 1
            # Only now, since more time to train means less progress; and not once it has ended, or resuming would find
            # time left.
            if self.config.minutes is not None and not state.finished:
                self._plan_the_end(seconds, tokens)
            if state.since_best >= self.config.patience and not state.finished:
                state.finished = f"validation has not improved in {counted(self.config.patience, 'evaluation')}"
            if save:
                self._save()
            self.records.write(state)
            bar.tell(state.rows[-1], state.samples[-1], better, *self._where())
            for callback in self.callbacks:
                callback.evaluation(self)
        state.evaluations_done, state.finished = self.team.tell((state.evaluations_done, state.finished))

    def _where(self) -> tuple[float, float]:
        """The share of the budget that is used up, and the seconds so far."""
        return self.clock.progress(self.state), self.clock.seconds

    def _plan_the_end(self, seconds: float, tokens: int) -> None:
        """Keep back what the last evaluation and the files after it will take, judged by the evaluations so far."""
        if len(self.state.rows) > 1:
            self.state.evaluating.append(seconds)
        usual = statistics.median(self.state.evaluating or [seconds])
        sizes, density = self.data.split_bytes, self.data.train_tokens / self.data.split_bytes["train"]
        held_out = sum(min(FINAL_TOKENS, density * sizes[split]) for split in self.data.held_out)
        self.clock.keep_back(self.state, 12 + FINAL_PASSES * usual * held_out / tokens)

    def _save(self, best: dict[str, np.ndarray] | None = None) -> None:
        """Write all that resuming needs; `best` are the weights that are to be the best ones then."""
        self.state.seconds = self.clock.seconds
        kept = {name: torch.from_numpy(weight) for name, weight in best.items()} if best else None
        self.run.write_resume_state(self.stepper.state_dict() | {"training": vars(self.state), "best": kept})

    def resume(self) -> None:
        """Go on from what the run last saved: the same batches, losses and weights as if never interrupted.

        Raises JaneLMError where that is damaged or of another model.
        """
        try:
            self._go_on(self.run.resume_state())
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            place = self.run.folder / "resume.pt"
            reason = str(error).partition("\n")[0][:100]
            raise JaneLMError(f"{place} is damaged ({reason}): start the training again without --resume") from error

    def _go_on(self, saved: dict[str, Any]) -> None:
        if saved.get("best") and self._measures:
            load_weights(self.model, saved["best"])
            self.run.write_best(self.model)
        self.stepper.load_state_dict(saved)
        self.state = TrainingState(**saved["training"])
        self.clock.go_on(self.state.seconds)
        if self.clock.progress(self.state) < 1 and self.state.since_best < self.config.patience:
            self.state.finished = ""  # the budget is larger now
        self.state.evaluations_done = self.clock.evaluations_due(self.state) + 1  # of this budget, perhaps another one
