"""The training loop: one for all architectures.

A budget is a number of steps or a time; `progress` is the share of it that is used up, and the learning rate follows
it. At evenly spaced points of progress both losses are measured, the run is saved, and a sample is written.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..architectures import LanguageModel, State
from ..architectures.crossentropy import IGNORED
from ..architectures.sharding import settle, shard
from ..config import TrainingConfig
from ..errors import JaneLMError
from ..machine.hardware import autocast, choose_compile, choose_precision
from ..machine.trust import trusted
from ..measuring.evaluation import FINAL_TOKENS, Losses, cold_losses
from ..runs.folder import Run
from ..runs.loaded import load_weights, weights_of
from ..text.data import Batch, Dataset, RunningText, Scored
from .distillation import Teachers, training_loss
from .distributed import Team
from .interrupts import Interrupt
from .optimizers import (
    WeightAverage,
    build_optimizers,
    choose_optimizer,
    clip_gradients,
    learning_rate_scale,
    scale_learning_rates,
)
from .progress import ProgressBar

FINAL_PASSES = 3.0  # what the evaluation at the end costs, in cold passes over the held-out text
FRESH_STARTS = 0.01  # the share of windows that a carried state does not reach (Melis et al. 2020)


@dataclass
class TrainingState:
    """Where training stands, besides the weights: all plain data, and all that resuming needs."""

    step: int = 0
    seconds: float = 0.0  # wall-clock of the run so far, its start and evaluations included
    evaluations_done: int = 0
    best_loss: float = math.inf
    since_best: int = 0
    finished: str = ""  # why training ended, once it has
    losses: list[float] = field(default_factory=list)  # of the steps since the last evaluation
    norms: list[float] = field(default_factory=list)  # of the gradient, likewise
    stepping: float = 0.0  # seconds spent in those steps
    reserve: float = 0.0  # seconds of a budget of minutes that are kept back for its end
    rows: list[dict[str, float]] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)  # what the model wrote at each evaluation


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


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
    ) -> None:
        """`sample` writes a little text with the model; `say` prints a line for the user; `started` is when the
        command began, by `time.perf_counter`, so that a budget of minutes counts its start too; `team` are the
        processes that train together; `teachers` the models that this one also learns from."""
        self.team = team or Team()
        self.model, self.data, self.run, self.sample, self.say = model, data, run, sample, say
        self.config = config
        if config.epochs is not None:
            self.config = replace(config, epochs=None, steps=max(1, round(config.epochs * data.batches_per_epoch)))
        self.state = TrainingState()
        self.sharded = config.shard and self.team.size > 1
        if self.sharded:
            shard(model, model.parts(), self.team.size)
        self.optimizers = build_optimizers(model, config)
        self.average = WeightAverage(model, config.ema) if config.ema else None
        self.teachers = teachers
        self.carried: State | None = None  # with the setting carry_state, what the last batch ended with
        say(
            f"batches: {data.tokens_per_step:,} tokens, the same throughout (to begin with smaller ones gained nothing)"
        )
        self.dtype, why = choose_precision(config, model.device)
        say(f"precision: {str(self.dtype).removeprefix('torch.')} ({why})")
        muon, why = choose_optimizer(config)
        say(f"optimizer: {'Muon for hidden matrices, AdamW for the rest' if muon else 'AdamW'} ({why})")
        many_shapes = not isinstance(data, RunningText)
        self.compiled, why = choose_compile(self.config, model.device, model.compile_pays, many_shapes)
        say(f"compile: {'on' if self.compiled else 'off'} ({why})")
        self._loss = training_loss  # until `_first_step`
        self.interrupt = Interrupt(say)
        self._started = time.perf_counter() if started is None else started

    # --- one step -----------------------------------------------------------------------------------------------

    def step(self, batch: Batch) -> None:
        """One optimizer step on one batch."""
        began = time.perf_counter()
        progress = self.team.tell(self.progress)
        scale_learning_rates(self.optimizers, learning_rate_scale(self.state.step, progress, self.config))
        loss, self.carried = self._loss_of(batch)
        loss = self.team.backward(loss, self.model.parameters(), self.sharded)
        norm = clip_gradients(self.model, self.config.gradient_clip)
        if not math.isfinite(norm):
            raise JaneLMError(
                f"the gradient is {norm} at step {self.state.step:,}: lower --learning_rate or --matrix_learning_rate; "
                f"the last good weights are in {self.run.folder}"
            )
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if self.average:
            self.average.update(self.state.step)
        self.state.losses.append(loss.item())
        self.state.norms.append(norm)
        self.state.stepping += time.perf_counter() - began
        self.state.step += 1

    def _loss_of(self, batch: Batch, loss: Callable | None = None) -> tuple[Tensor, State | None]:
        """What this process's rows add to the loss of the batch, and the state after them."""
        count = (batch[1] != IGNORED).sum()
        inputs, targets = self.team.share(*batch)
        with autocast(self.model.device, self.dtype):
            state = self._start_state(len(batch[0]))
            loss = loss or self._loss
            return loss(self.model, inputs, targets, state, count, self.teachers, self.config.taught)

    def _start_state(self, rows: int) -> State | None:
        """The state that this process's rows of a batch start from: none, unless states are carried."""
        if not self.config.carry_state:
            return None
        step = self.state.step
        fresh = np.random.default_rng((self.config.seed, step, rows)).random(rows) < FRESH_STARTS
        fresh = (fresh | (step % self.data.batches_per_epoch == 0))[self.team.rows(rows)]
        if self.carried is None:
            return self.model.initial_state(len(fresh))
        return self.model.hand_on(self.carried, torch.from_numpy(fresh).to(self.model.device))

    def _first_step(self, batch: Batch) -> None:
        """The first step, for which torch.compile does its work; where it cannot, training goes on without it."""
        if self.compiled:
            many_shapes = not isinstance(self.data, RunningText)
            checked = {"dtype": self.dtype, "rows": len(batch[0]), "many_shapes": many_shapes, "say": self.say}
            self._loss = trusted(training_loss, partial(self._trial, batch), self.model, **checked)
            self.compiled = self._loss is not training_loss
        self.step(batch)

    def _trial(
        self, batch: Batch, function: Callable, rows: int | None = None, dtype: torch.dtype | None = None
    ) -> Tensor:
        """The loss of a batch by `function`, without a step; what the arguments are, `RunStep` says."""
        if rows is None:
            return self._loss_of(batch, function)[0]
        inputs, targets = (part[:rows] for part in batch)
        with autocast(self.model.device, dtype):
            return function(self.model, inputs, targets, None, None, self.teachers, self.config.taught)[0]

    def tokens_per_second(self) -> float:
        """Speed of training alone, without evaluations: the median over the intervals between them."""
        speeds = sorted(row["tokens_per_second"] for row in self.state.rows if row["tokens_per_second"] > 0)
        return speeds[len(speeds) // 2] if speeds else 0.0

    def best_row(self) -> dict[str, float]:
        """The evaluation whose weights were kept."""
        steers = "train_loss" if self.config.overfit_one_batch else "validation_loss"
        return min(self.state.rows, key=lambda row: row[steers])

    @property
    def measures(self) -> bool:
        """Whether this process evaluates and saves: the first, or all, where each has but a share of the model."""
        return self.team.first or self.sharded

    # --- the budget ---------------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    @property
    def progress(self) -> float:
        """The share of the budget that is used up, from 0 to 1."""
        if self.config.steps is not None:
            return min(1.0, self.state.step / self.config.steps)
        return min(1.0, self.seconds / (60 * self.config.minutes - self.state.reserve))

    def train(self) -> TrainingState:
        """Train until the budget is spent, validation stops improving, or Ctrl-C; the best weights are then loaded.

        After a first Ctrl-C `interrupt.asked` is set; a second one raises KeyboardInterrupt.
        """
        self.model.train()
        if not self.state.rows:
            self._evaluate()
        first = True
        one_batch = self.data.batch(0) if self.config.overfit_one_batch else None
        with self.interrupt.caught(), ProgressBar(self.state.step) as bar:
            while not self.state.finished:
                batch = one_batch or self.data.batch(self.state.step)
                (self._first_step if first else self.step)(batch)
                first = False
                if self.state.step % 10 == 0:
                    self._report(bar)
                done = self.team.tell(self.progress)
                asked = self.team.any(self.interrupt.asked)  # what all agree on, whoever hears of it meanwhile
                if asked:
                    self.interrupt.asked = True
                if done >= 1:
                    self.state.finished = "the budget is spent"
                if self.state.finished or done >= self.state.evaluations_done / self.config.evaluations:
                    self._evaluate(bar)
                    if asked and not self.state.finished:
                        self.state.finished = "it was interrupted"
                elif asked:
                    self._stop_early(bar)
        if self.team.first and not self.sharded:
            load_weights(self.model, self.run.best_weights())
        return self.state

    def _stop_early(self, bar: ProgressBar) -> None:
        """End between two evaluations: save what an uninterrupted run would have here, then make one that it would not.

        That one may put better weights in the place of the best, which are therefore saved too.
        """
        if self.measures:
            self._save(best=self.run.best_weights() if self.team.first else None)
        self.state.finished = "it was interrupted"
        self._evaluate(bar, save=False)

    # --- evaluation and saving ----------------------------------------------------------------------------------

    def _evaluate(self, bar: ProgressBar | None = None, save: bool = True) -> None:
        """Measure both losses on the same tokens as ever, keep the best weights, then save the run."""
        if self.measures:
            self._evaluate_alone(bar, save)
        state = self.state
        state.evaluations_done, state.finished = self.team.tell((state.evaluations_done, state.finished))

    def _evaluate_alone(self, bar: ProgressBar | None, save: bool) -> None:
        state = self.state
        with self.average.in_place() if self.average else nullcontext():
            better = self._measure()
        if save:
            self._save()
        self.run.write_metrics(state.rows)
        self.run.write_samples(state.rows, state.samples)
        if bar is not None and not bar.disable:
            row = state.rows[-1]
            losses = f"{row['train_bits_per_byte']:.3f}  validation {row['validation_bits_per_byte']:.3f} bits per byte"
            wrote = " ".join(state.samples[-1].split())[:160]
            bar.tell([f"step {state.step:,}  train {losses}{'  (best)' if better else ''}", f"    {wrote}"])

    def _measure(self) -> bool:
        """Add a row of figures and a sample, and keep the weights if they are the best so far; returns whether."""
        state, config = self.state, self.config
        began = time.perf_counter()
        with autocast(self.model.device, self.dtype):
            train = self._train_losses()
            validation = cold_losses(self.model, self.data.evaluation("validation", config.evaluation_tokens))
        settle(self.model)
        took = time.perf_counter() - began
        state.seconds = self.seconds
        loss = train.loss if config.overfit_one_batch else validation.loss  # what "best" goes by
        loss = self.team.tell(loss) if self.sharded else loss
        better = loss < state.best_loss
        state.best_loss, state.since_best = (loss, 0) if better else (state.best_loss, state.since_best + 1)
        state.evaluations_done = self._evaluations_due() + 1
        if config.minutes is not None:  # only now, since more time to train means less progress
            self._plan_the_end(took, train.tokens + validation.tokens)
        if state.since_best >= config.patience and not state.finished:
            state.finished = f"validation has not improved in {config.patience} evaluations"
        state.rows.append(self._row(train, validation))
        state.samples.append(self.sample())
        if better:
            self.run.write_best(self.model)
        return better

    def _evaluations_due(self) -> int:
        """How many of the evaluations, besides the one before the first step, this much progress calls for."""
        return math.floor(self.progress * self.config.evaluations + 1e-9)

    def _train_losses(self) -> Losses:
        if not self.config.overfit_one_batch:
            return cold_losses(self.model, self.data.evaluation("train", self.config.evaluation_tokens))
        inputs, targets = self.data.batch(0)
        tokens = int((targets != IGNORED).sum())
        size = max(1, round(tokens * self.data.split_bytes["train"] / self.data.train_tokens))
        return cold_losses(self.model, [Scored(inputs, targets, size, 0)])

    def _plan_the_end(self, seconds: float, tokens: int) -> None:
        """Keep back what the last evaluation and the files after it will take, judged by the quickest evaluation so
        far: the first one also warms up."""
        sizes, density = self.data.split_bytes, self.data.train_tokens / self.data.split_bytes["train"]
        held_out = sum(min(FINAL_TOKENS, density * sizes[split]) for split in self.data.held_out)
        planned = min(10 * self.config.minutes, 12 + FINAL_PASSES * seconds * held_out / tokens)
        self.state.reserve = min(planned, self.state.reserve or planned)

    def _row(self, train: Losses, validation: Losses) -> dict[str, float]:
        state = self.state
        running, norm = mean(state.losses), mean(state.norms)
        speed = len(state.losses) * self.data.tokens_per_step / state.stepping if state.stepping else 0.0
        state.losses, state.norms, state.stepping = [], [], 0.0
        tokens = state.step * self.data.tokens_per_step
        return {
            "step": state.step,
            "tokens": tokens,
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
            "learning_rate_scale": learning_rate_scale(state.step, self.progress, self.config),
        }

    def _save(self, best: dict[str, np.ndarray] | None = None) -> None:
        """Write all that resuming needs; `best` are the weights that are to be the best ones then."""
        self.state.seconds = self.seconds
        self.run.write_resume_state(
            {
                "weights": weights_of(self.model),
                "average": self.average and self.average.whole_weights(),
                "carried": self.carried if self.team.size == 1 else None,
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
                "random": torch.get_rng_state(),
                "training": vars(self.state),
                "best": best and {name: torch.from_numpy(weight) for name, weight in best.items()},
            }
        )

    def resume(self) -> None:
        """Go on from what the run last saved: the same batches, losses and weights as if never interrupted.

        So it is with any number of processes, but for dropout, which differs between them and on a GPU, and for states
        that are carried, which then start afresh.
        """
        saved = self.run.resume_state()
        if saved.get("best") and self.measures:
            load_weights(self.model, saved["best"])
            self.run.write_best(self.model)
        load_weights(self.model, saved["weights"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        if self.average:
            self.average.restore(saved.get("average") or saved["weights"])
        self.carried = saved.get("carried") if self.team.size == 1 else None
        if self.team.first:
            torch.set_rng_state(saved["random"])
        self.state = TrainingState(**saved["training"])
        self._started = time.perf_counter() - self.state.seconds
        if self.progress < 1 and self.state.since_best < self.config.patience:
            self.state.finished = ""  # the budget is larger now
        self.state.evaluations_done = self._evaluations_due() + 1  # of this budget, which may not be the old one

    # --- what the user sees -------------------------------------------------------------------------------------

    def _report(self, bar: ProgressBar) -> None:
        if bar.disable:
            return
        loss = mean(self.state.losses[-10:])
        shown = f"{loss:.3f}"
        if self.teachers is None:  # whose share says nothing of bytes
            bits = loss / math.log(2) * self.data.train_tokens / self.data.split_bytes["train"]
            shown += f", {bits:.3f} bits per byte"
        bar.report(self.state.step, self.progress, self.seconds, self.data.tokens_per_step, shown)
