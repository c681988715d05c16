"""From text to a finished run: read, split, train, measure, and leave everything on disk."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from ..architectures import LanguageModel, build_model
from ..architectures.crossentropy import IGNORED
from ..config import (
    CharacterTokenizerConfig,
    DataConfig,
    ModelConfig,
    SamplingConfig,
    TokenizerConfig,
    TrainingConfig,
    check,
)
from ..machine.files import set_aside, write_atomically
from ..machine.hardware import autocast, choose_device, choose_precision, processor
from ..measuring.evaluation import final_losses
from ..measuring.overlap import MOST_TOKENS, TokenIndex, run_shares
from ..runs.dataset import dataset_of
from ..runs.folder import Run
from ..runs.loaded import LoadedRun, RunConfig, load_weights
from ..text.corpora import load_sources
from ..text.data import Dataset, load_dataset
from ..text.documents import settled
from ..text.encoded import text_digest
from ..text.looking import paragraph
from ..text.sources import GIVEN, Source, given_source
from ..text.tidying import tidied
from ..writing.generation import Limits, generate, generate_samples
from .distillation import Teachers, describe_teacher, find_teachers
from .distributed import Team, join_team, leave_team
from .loop import Trainer


@dataclass
class Finished:
    """A finished run, the figures of its best weights, and whether Ctrl-C ended it."""

    run: Run
    results: dict
    interrupted: bool = False


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
) -> Finished | None:
    """Train a model from scratch and leave a run in `folder`.

    The text is `text` if given, else what `data` names. What already stands at `folder` and at the paths `beside` is
    renamed to the next free number. `command` is what the user typed, for the model card. Where torchrun started
    several processes, they train together, and all but the first get None. Raises UsageError with every wrong setting,
    and JaneLMError where the text or the folder cannot be used.
    """
    folder, data = Path(folder), data or DataConfig()
    if text is not None:
        data = replace(data, data=(GIVEN,))
    tokenizer = tokenizer or CharacterTokenizerConfig()
    check(model, training, data, tokenizer, also=_contradictions(model, training, data))
    device = choose_device(training.device)
    team = join_team(device)
    say = say if team.first else _silence
    torch.manual_seed(training.seed)
    sources = _sources(data, text)
    for source in sources:
        for line in source.report:
            say(f"{source.name}: {line}")
    say(paragraph(sources))
    data = settled(data, sources)
    check(data, also=_contradictions(model, training, data))
    with team.first_before_others():
        dataset = load_dataset(sources, data, tokenizer, model.context_length, training, device)
    for line in dataset.report:
        say(line)
    config = RunConfig(replace(model, context_length=dataset.context_length), data, training)
    run = Run(folder)
    network = untrained(config, dataset)
    facts = _facts(sources, dataset) | {"parameters": network.parameter_count()}
    teachers = find_teachers(run, config, dataset.tokenizer, facts)
    if team.first:
        for old, new in set_aside(folder, *beside).items():
            say(f"the earlier {old} is now {new}")
        run.write_settings(config, dataset.tokenizer, facts)
    say(describe(config, dataset, network.parameter_count()))
    return _train_and_finish(run, config, dataset, network, teachers, team, say, started, command, resume=False)


def resume(
    folder: Path,
    *,
    budget: dict[str, float] | None = None,
    text: str | None = None,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr),
    started: float | None = None,
    command: str | None = None,
) -> Finished | None:
    """Go on with a run that was interrupted, or that gets a larger `budget` (minutes, steps or epochs) now.

    Raises JaneLMError where the run cannot be read or its text has changed.
    """
    run = Run(folder)
    config = run.config()
    if budget:
        config = replace(
            config, training=replace(config.training, **{"minutes": None, "steps": None, "epochs": None} | budget)
        )
    training = config.training
    check(config.model, training, config.data, also=_contradictions(config.model, training, config.data))
    device = choose_device(training.device)
    team = join_team(device)
    say = say if team.first else _silence
    sources = _sources(config.data, text)
    facts = run.read_json("config.json")["facts"]
    with team.first_before_others():
        dataset = dataset_of(run, config, sources, device)
        if team.first:
            run.write_settings(config, dataset.tokenizer, facts)
    teachers = find_teachers(run, config, dataset.tokenizer, facts)
    network = untrained(config, dataset)
    return _train_and_finish(run, config, dataset, network, teachers, team, say, started, command, resume=True)


def _sources(data: DataConfig, text: str | None) -> list[Source]:
    """The text that was passed, or what the settings name."""
    if text is None:
        return load_sources(data.data, data)
    return [tidied(given_source(text, data.rules > 1), data)]


def untrained(config: RunConfig, data: Dataset) -> LanguageModel:
    """A model for these tokens, on the device of the data, with its start weights."""
    return build_model(config.model, data.tokenizer.vocab_size, data.tokenizer.pad_token).to(data.device)


def _train_and_finish(
    run: Run,
    config: RunConfig,
    dataset: Dataset,
    network: LanguageModel,
    teachers: list[Run],
    team: Team,
    say: Callable[[str], None],
    started: float | None,
    command: str | None,
    *,
    resume: bool,
) -> Finished | None:
    started = time.perf_counter() if started is None else started
    loaded = LoadedRun.of(run.name, network, dataset.tokenizer, config)
    taught_by = [describe_teacher(teacher) for teacher in teachers]  # now: by the end they may be gone
    if not team.first:
        run = Run(run.folder, silent=True)
        torch.manual_seed(config.training.seed + 1_000_003 * team.rank)  # dropout of its own
    trainer = Trainer(
        network,
        dataset,
        config.training,
        run,
        sample=lambda: "" if trainer.sharded else sample_text(loaded, 60),
        say=say,
        started=started,
        team=team,
        teachers=Teachers(teachers, network.device) if teachers else None,
    )
    if resume:
        trainer.resume()
    state = trainer.train()
    leave_team()
    if not team.first:
        return None
    say(f"training ended after {state.step:,} steps: {state.finished}")
    if trainer.sharded:  # the processes have parted: the first has the whole model from here on
        network = untrained(config, dataset)
        load_weights(network, run.best_weights())
        loaded = LoadedRun.of(run.name, network, dataset.tokenizer, config)
    return Finished(run, _measure(run, loaded, dataset, trainer, taught_by, command), trainer.interrupt.asked)


def _measure(
    run: Run, loaded: LoadedRun, dataset: Dataset, trainer: Trainer, taught_by: list[dict], command: str | None
) -> dict:
    """The figures of the finished model, which go to results.json, and a text that it writes."""
    network, state = loaded.model, trainer.state
    dtype, _ = choose_precision(loaded.config.training, network.device)
    with autocast(network.device, dtype):
        losses = final_losses(network, dataset)
    results = {
        "parameters": network.parameter_count(),
        "steps": state.step,
        "tokens": state.rows[-1]["tokens"],
        "tokens_per_second": trainer.tokens_per_second(),
        "seconds": round(trainer.seconds, 1),
        "best": trainer.best_row(),
        "ended": state.finished,
        "command": command,
        "teachers": taught_by,
        "losses": losses,
        "overlap": {},
    }
    run.write_results(results)  # what follows takes a while
    network.eval()
    if dataset.train_tokens <= MOST_TOKENS:
        results["overlap"] = originality(loaded, dataset)
        run.write_results(results)
    write_atomically(run.folder / "sample.txt", sample_text(loaded, 500))
    return results


def _silence(line: str) -> None:
    pass


def sample_text(run: LoadedRun, num_tokens: int) -> str:
    """The text that the model writes from a fixed start, with a fixed seed: comparable from one to the next."""
    training = run.model.training
    run.model.eval()
    text = "".join(generate(run, "", num_tokens, SamplingConfig(seed=1)))
    run.model.train(training)
    return text


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
        found.append(f"carry_state is for an architecture with a state of its own, which a {model.kind} has not")
    if training.carry_state and data.documents:
        found.append(f"carry_state is for running text, but each of the {data.documents} starts afresh")
    if training.carry_state and training.overfit_one_batch:
        found.append("carry_state reads on, but overfit_one_batch reads one batch again and again")
    return found


def originality(run: LoadedRun, data: Dataset) -> dict[str, dict[str, float]]:
    """How much of what the model writes stands in the training text: the share of its runs of 8, 16 and 32 tokens, and
    the longest, at two temperatures; and the same of held-out text, which is what not copying looks like."""
    index = TokenIndex(data.training_tokens())
    held_out = next(data.evaluation("validation", 2000)).targets.cpu().numpy()
    texts = {"held-out text": [row[row != IGNORED] for row in held_out]}
    for temperature in (1.0, 0.7):
        written: list[list[int]] = [[] for _ in range(8)]
        for piece in generate_samples(run, "", Limits(250), SamplingConfig(temperature=temperature), num_samples=8):
            written[piece.sample].append(piece.token)
        texts[f"temperature {temperature}"] = [np.array(tokens, np.int64) for tokens in written]
    figures = {}
    for name, pieces in texts.items():
        lengths = [index.matches(piece)[0] for piece in pieces]
        figures[name] = {f"runs_of_{size}": share for size, share in run_shares(lengths).items()}
        figures[name]["longest"] = max(int(part.max(initial=0)) for part in lengths)
    return figures


def _facts(sources: list[Source], data: Dataset) -> dict:
    """What a reader of the run may want to know besides its settings."""
    return {
        "text_sha256": text_digest(sources),
        "sources": [source.name for source in sources],
        "readers": [source.reader for source in sources],
        "split": {name: {"bytes": size} for name, size in data.split_bytes.items()},
        "train_tokens": data.train_tokens,
        "janelm": version("janelm"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{processor()}, {torch.get_num_threads()} threads",
    }
