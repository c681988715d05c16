"""From text to a finished run: read, split, train, measure, and leave everything on disk."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..architectures import LanguageModel, build_model
from ..config import (
    CharacterTokenizerConfig,
    DataConfig,
    ModelConfig,
    TokenizerConfig,
    TrainingConfig,
    check,
)
from ..errors import JaneLMError, counted, named
from ..machine.files import free_names, remove_strays, set_aside
from ..machine.hardware import choose_device, choose_precision, processor
from ..machine.locks import FolderLock
from ..runs.dataset import dataset_of, sources_of
from ..runs.figures import Facts
from ..runs.folder import Run
from ..runs.loaded import LoadedRun, RunConfig, load_weights
from ..text.corpora import load_sources
from ..text.data import Dataset, load_dataset
from ..text.documents import settled
from ..text.encoded import text_digest
from ..text.looking import paragraph, say_what_was_done
from ..text.sources import GIVEN, Source, given_source
from ..text.tidying import tidied
from ..version import __version__
from .ancestor import Ancestor, BothTexts, ancestor_of, find_ancestor
from .callbacks import Callback
from .distillation import Teachers, describe_teacher, find_teachers
from .distributed import Team, join_team, leave_team
from .finish import measure, sample_text
from .loop import Trainer
from .presets import BUDGETS, for_vocabulary

ANOTHER_NAME = "wait until it has ended, or give this one a --model_file of its own"
PROGRESS_TOKENS = 60  # of the text that is written at each evaluation


@dataclass
class Finished:
    """A finished run, the figures of its best weights, and the signal that ended it: SIGINT after Ctrl-C, 0 if none."""

    run: Run
    results: dict
    signal: int = 0

    @property
    def interrupted(self) -> bool:
        return self.signal != 0


@dataclass
class _Start:
    """What a training starts from, a new one or one that goes on."""

    run: Run
    config: RunConfig
    dataset: Dataset
    network: LanguageModel
    facts: Facts
    teachers: list[Run]
    texts: BothTexts | None  # of a run that goes on from another


@dataclass
class _Around:
    """Who trains together, who hears of it, and what was typed when."""

    team: Team
    say: Callable[[str], None]
    started: float | None  # None for when the first step is near
    command: str | None
    callbacks: Sequence[Callback]


def train(
    model: ModelConfig,
    training: TrainingConfig,
    folder: Path | str,
    *,
    data: DataConfig | None = None,
    tokenizer: TokenizerConfig | None = None,
    text: str | None = None,
    beside: tuple[Path, ...] = (),
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr),
    started: float | None = None,
    command: str | None = None,
    begun: Callable[[], None] = lambda: None,
    callbacks: Sequence[Callback] = (),
) -> Finished | None:
    """Train a model, from scratch or from an ancestor on, and leave a run in `folder`.

    The text is `text` if given, else what `data` names, else Austen's novels, which is said. What already stands at
    `folder` and at the paths `beside` is renamed to the next free number. `command` is what the user typed, for the
    model card; `begun` is called when the run's folder is there; `callbacks` look on (`Callback`). Where torchrun
    started several processes, they train together, and all but the first get None. Raises UsageError with every wrong
    setting, or where another process is writing this run, and JaneLMError where the text or the folder cannot be used
    or the training fails; if it had learned nothing, what was renamed then has its name again.

    With `training.ancestor`, `model` is that run's own shape, and `tokenizer` is not asked: its tokens are extended.
    """
    data, tokenizer = _named(data, text, say), tokenizer or CharacterTokenizerConfig()
    check(model, training, data, tokenizer, also=_contradictions(model, training, data))
    device = choose_device(training.device, model.kind, say)
    team = join_team(device)
    around = _Around(team, say if team.first else _silence, started, command, callbacks)
    run = Run(Path(folder))
    lock = FolderLock(run.folder, ANOTHER_NAME)
    with lock if team.first else nullcontext():
        start = _start(run, RunConfig(model, data, training), tokenizer, text, device, around)
        moved = _take_place(start, [run.folder, *beside], lock, around) if team.first else {}
        if team.first:
            begun()
        for line in (*start.dataset.report, describe(start.config, start.dataset, start.network.parameter_count())):
            around.say(line)
        try:
            return _train_and_finish(start, around, resume=False)
        except JaneLMError as error:
            raise JaneLMError(f"{error}; {_what_is_left(run, moved)}" if team.first else str(error)) from error


def resume(
    folder: Path,
    *,
    budget: dict[str, float] | None = None,
    changes: dict[str, Any] | None = None,
    data: tuple[str, ...] = (),
    text: str | None = None,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr),
    started: float | None = None,
    command: str | None = None,
    callbacks: Sequence[Callback] = (),
) -> Finished | None:
    """Go on with a run that was interrupted, or that gets a larger `budget` (minutes, steps or epochs) now.

    `changes` are settings of training that hold from now on, such as patience or device, and `data` says where the
    text lies now if it has moved. Raises UsageError where another process is writing the run, and JaneLMError where
    the run cannot be read or its text has changed.
    """
    run = Run(folder)
    config = run.config()
    if budget:
        changes = dict.fromkeys(BUDGETS) | budget | (changes or {})
    config = replace(config, training=replace(config.training, **(changes or {})))
    training = config.training
    check(config.model, training, config.data, also=_contradictions(config.model, training, config.data))
    device = choose_device(training.device, config.model.kind, say)
    team = join_team(device)
    around = _Around(team, say if team.first else _silence, started, command, callbacks)
    with FolderLock(run.folder, "wait until it has ended") if team.first else nullcontext():
        return _train_and_finish(_start_again(run, config, data, text, device, around), around, resume=True)


def _start(
    run: Run, config: RunConfig, tokenizer: TokenizerConfig, text: str | None, device: torch.device, around: _Around
) -> _Start:
    """Read the text, and make the model that is to learn it. Nothing is written yet."""
    torch.manual_seed(config.training.seed)
    sources = _sources(config.data, text)
    config = replace(config, data=settled(config.data, sources))
    check(config.data, also=_contradictions(config.model, config.training, config.data))
    _report(sources, around.say)
    ancestor = find_ancestor(run, config, device)
    tokens = ancestor.tokens if ancestor else tokenizer
    with around.team.first_before_others():
        dataset = load_dataset(sources, config.data, tokens, config.model.context_length, config.training, device)
    shape = for_vocabulary(config.model, dataset.tokenizer.vocab_size, ancestor.run.config.model if ancestor else None)
    config = replace(config, model=replace(shape, context_length=dataset.context_length))
    network = untrained(config, dataset)
    facts = _facts(sources, dataset, network.parameter_count())
    texts = _go_on_from(ancestor, config, dataset, network, sources, facts, around.say)
    teachers = find_teachers(run, config, dataset.tokenizer, facts)
    return _Start(run, config, dataset, network, facts, teachers, texts)


def _start_again(
    run: Run, config: RunConfig, data: tuple[str, ...], text: str | None, device: torch.device, around: _Around
) -> _Start:
    """The run as it was left, and its text, which may lie somewhere else now."""
    sources = sources_of(config, data) if text is None else _sources(config.data, text)
    if data:
        config = replace(config, data=replace(config.data, data=data))
    facts = run.facts()
    with around.team.first_before_others():
        dataset = dataset_of(run, config, sources, device)
        if around.team.first:
            remove_strays(run.folder)
            run.write_settings(config, dataset.tokenizer, facts)
    teachers = find_teachers(run, config, dataset.tokenizer, facts)
    texts = BothTexts(facts["ancestor"], config, dataset) if "ancestor" in facts else None
    network = untrained(config, dataset)
    if config.training.adapter:
        run.best_weights()  # or it says that the ancestor is not there any more, or another one
        load_weights(network, ancestor_of(str(config.training.ancestor)).weights)
    return _Start(run, config, dataset, network, facts, teachers, texts)


def _take_place(start: _Start, paths: list[Path], lock: FolderLock, around: _Around) -> dict[Path, Path]:
    """Rename what stands where the run is to be, and begin the run's folder; old names to new ones."""
    moved = set_aside(*paths)
    for old, new in moved.items():
        around.say(f"the earlier {old} is now {new}")
    lock.take()
    start.run.write_settings(start.config, start.dataset.tokenizer, start.facts)
    return moved


def _what_is_left(run: Run, moved: dict[Path, Path]) -> str:
    """What a training that failed leaves: its best weights; or, where it had learned nothing, a folder under another
    name, so that nobody takes its noise for a model, and the earlier run under its own."""
    if run.learned():
        return f"the best weights so far are in {run.folder}"
    failed = free_names(run.folder.with_name(f"{run.folder.name}-failed"))[0]
    os.replace(run.folder, failed)
    for old, new in moved.items():
        os.replace(new, old)
    again = f", and the earlier {next(iter(moved))} has its name again" if moved else ""
    return f"it had learned nothing yet, so what there is of it is in {failed}{again}"


def _named(data: DataConfig | None, text: str | None, say: Callable[[str], None]) -> DataConfig:
    """Where the text comes from."""
    if text is None and data is None:
        say("neither text nor data is given: the text is Austen's novels")
    data = data or DataConfig()
    return data if text is None else replace(data, data=(GIVEN,))


def _sources(data: DataConfig, text: str | None) -> list[Source]:
    """The text that was passed, or what the settings name."""
    if text is None:
        return load_sources(data.data, data)
    return [tidied(given_source(text, data.rules > 1), data)]


def untrained(config: RunConfig, data: Dataset) -> LanguageModel:
    """A model for these tokens, on the device of the data, with its start weights."""
    return build_model(config.model, data.tokenizer.vocab_size, data.tokenizer.pad_token).to(data.device)


def _go_on_from(
    ancestor: Ancestor | None,
    config: RunConfig,
    dataset: Dataset,
    network: LanguageModel,
    sources: list[Source],
    facts: Facts,
    say: Callable[[str], None],
) -> BothTexts | None:
    """Start the model as its ancestor, if it has one, and measure that on the new text and its own."""
    if ancestor is None:
        return None
    ancestor.start(network, dataset.tokenizer)
    facts["ancestor"] = about = ancestor.describe(dataset.tokenizer)
    say(f"goes on from {about['name']}: {about['added'] or 'it knows all of the tokens'}")
    texts = BothTexts(about, config, dataset)
    texts.before(ancestor, network, sources, config, choose_precision(config.training, network.device)[0])
    return texts


def _train_and_finish(start: _Start, around: _Around, *, resume: bool) -> Finished | None:
    run, config, dataset, network, texts = start.run, start.config, start.dataset, start.network, start.texts
    team, say = around.team, around.say
    loaded = LoadedRun.of(run.name, network, dataset.tokenizer, config)
    taught_by = [describe_teacher(teacher) for teacher in start.teachers]  # now: by the end they may be gone
    if not team.first:
        run = Run(run.folder, silent=True)
        torch.manual_seed(config.training.seed + 1_000_003 * team.rank)  # dropout of its own
    trainer = Trainer(
        network,
        texts.mixed if texts else dataset,
        config.training,
        run,
        sample=lambda: "" if trainer.stepper.sharded else sample_text(loaded, PROGRESS_TOKENS),
        say=say,
        started=time.perf_counter() if around.started is None else around.started,
        team=team,
        teachers=Teachers(start.teachers, network.device) if start.teachers else None,
        callbacks=around.callbacks,
    )
    for callback in trainer.callbacks:
        callback.start(trainer)
    if resume:
        trainer.resume()
    state = trainer.train()
    leave_team()
    if not team.first:
        return None
    say(f"training ended after {counted(state.step, 'step')}: {state.finished}")
    if trainer.stepper.sharded:  # the processes have parted: the first has the whole model from here on
        network = untrained(config, dataset)
        load_weights(network, run.best_weights())
        loaded = LoadedRun.of(run.name, network, dataset.tokenizer, config)
    results = measure(run, loaded, dataset, trainer, taught_by, around.command, texts)
    for callback in trainer.callbacks:
        callback.end(trainer, results)
    return Finished(run, results, trainer.interrupt.signal)


def _report(sources: list[Source], say: Callable[[str], None]) -> None:
    """Tell what was read and what was done to it."""
    say_what_was_done(sources, say)
    say(paragraph(sources))


def _silence(line: str) -> None:
    pass


def describe(config: RunConfig, data: Dataset, parameters: int) -> str:
    """One line on what is about to be trained."""
    return (
        f"{config.model.kind} of {parameters:,} parameters, {data.tokenizer.config.kind} tokenizer with "
        f"{data.tokenizer.vocab_size:,} tokens; {data.train_tokens:,} tokens ({data.split_bytes['train']:,} bytes) to "
        f"train on, {data.split_bytes['validation']:,} bytes to validate, {data.split_bytes['test']:,} to test"
    )


def _contradictions(model: ModelConfig, training: TrainingConfig, data: DataConfig) -> list[str]:
    """Settings that are fine one by one and not together."""
    found = []
    if training.carry_state and model.bounded_memory:
        found.append(f"carry_state is for an architecture with a state of its own, which {named(model.kind)} has not")
    if training.carry_state and data.documents:
        found.append(f"carry_state is for running text, but each of the {data.documents} starts afresh")
    if training.carry_state and training.overfit_one_batch:
        found.append("carry_state reads on, but overfit_one_batch reads one batch again and again")
    return found


def _facts(sources: list[Source], data: Dataset, parameters: int) -> Facts:
    """What a reader of the run may want to know besides its settings."""
    return {
        "text_sha256": text_digest(sources),
        "parameters": parameters,
        "sources": [source.name for source in sources],
        "readers": [source.reader for source in sources],
        "split": {name: {"bytes": size} for name, size in data.split_bytes.items()},
        "train_tokens": data.train_tokens,
        "janelm": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{processor()}, {torch.get_num_threads()} threads",
    }
