"""`janelm train`, which is also `python traineval.py`."""

from __future__ import annotations

import math
import os
import shlex
import sys
import time
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..config import MODEL_CONFIGS, CharacterTokenizerConfig, DataConfig, TiktokenTokenizerConfig, check
from ..training.presets import BUDGETS, PRESETS, choose_preset, model_preset, training_preset
from .shared import DEFAULT_CONFIG, DEFAULT_MODEL, config_name, in_models, parse, parse_some, say

TEACHERS_PRESET = "medium"  # of the teachers that a preset begins with
COMMON = {
    "The text:": ("data", "documents"),
    "The model:": ("architecture", "tokenization", "preset"),
    "How long, one of:": ("minutes", "steps", "epochs"),
    "The run:": ("model_file", "resume", "device"),
}
_BEGAN = time.perf_counter()  # a budget of minutes counts the start of the program too


@dataclass
class Choice:
    """What the defaults of all else depend on."""

    architecture: Literal[tuple(MODEL_CONFIGS)] = "transformer"
    """Which of the two to train."""
    tokenization: Literal["character", "tiktoken"] = "character"
    """Tokens are characters, or byte pairs encoded by tiktoken."""
    preset: Literal[tuple(PRESETS)] | None = None
    """Size of the model and of its training; by default the one that suits the budget."""


@dataclass
class Files:
    """Where a run goes."""

    model_file: str = DEFAULT_MODEL
    """Trained weights (.pth), in ./models; the run's folder of the same name has everything else."""
    config_file: str = DEFAULT_CONFIG
    """Shape, settings and tokenizer of the trained model (.pkl), in ./models; with mine.pth it is mine-config.pkl."""
    resume: bool = False
    """Go on with this run where it was last saved; its stored settings hold, but a new budget may be given."""

    def problems(self) -> list[str]:
        endings = {"model_file": ".pth", "config_file": ".pkl"}
        return [
            f"{name} is {getattr(self, name)}, but must end in {ending}"
            for name, ending in endings.items()
            if Path(getattr(self, name)).suffix != ending
        ]

    @property
    def model_path(self) -> Path:
        return in_models(self.model_file)

    @property
    def config_path(self) -> Path:
        return in_models(config_name(self.model_file, self.config_file))


def train_command(arguments: list[str], program: str) -> int:
    """Train a transformer or an LSTM on a text, and measure it."""
    budget = parse_some(make_dataclass("Budget", [(name, float | None, None) for name in BUDGETS]), arguments, program)
    given = {name: value for name, value in vars(budget).items() if value is not None}
    if math.isfinite(given.get("steps", math.nan)):
        given["steps"] = int(given["steps"])
    choice = parse_some(Choice, arguments, program)
    preset, why = (choice.preset, "as asked") if choice.preset else choose_preset(given)
    choice = replace(choice, preset=preset)
    options = parse(
        _train_options(choice, bool(given)),
        arguments,
        program,
        "Train a language model from scratch on your own text. The defaults shown are those of the chosen "
        "architecture, tokenization and preset.",
        COMMON,
    )
    files = options.files
    check(files)
    from ..training.distributed import in_first_process
    from ..training.pipeline import resume, train

    command = shlex.join([*(["python"] if program.endswith(".py") else []), *program.split(), *arguments])
    if files.resume:
        finished = resume(files.model_path.with_suffix(""), budget=given, say=say, started=_BEGAN, command=command)
    else:
        if in_first_process():
            say(f"preset: {preset} ({why})")
        options, started = _with_teachers(options, command)
        finished = train(
            options.model,
            options.training,
            files.model_path.with_suffix(""),
            data=options.data,
            tokenizer=options.tokenizer,
            say=say,
            started=started,
            command=command,
            beside=(files.model_path, files.config_path),
        )
    code = 0 if finished is None else _finish(finished, files)
    if os.environ.get("WORLD_SIZE", "1") != "1":  # what FSDP leaves running has been seen to abort Python's own end
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _with_teachers(options: Any, command: str) -> tuple[Any, float]:
    """The options of the model itself, once the teachers that its preset begins with are trained, and when that was.

    They take shares of its minutes. There are none where teachers are named, where steps or epochs are the budget, or
    where several processes train together.
    """
    from ..training.pipeline import train

    training, shares, started = options.training, PRESETS[options.choice.preset].lessons, _BEGAN
    if not shares or training.teachers or training.minutes is None or os.environ.get("WORLD_SIZE", "1") != "1":
        return options, started
    folder, teachers = options.files.model_path.with_suffix(""), []
    same = {name: getattr(training, name) for name in ("batch_tokens", "bpe_dropout", "seed", "device")}
    same |= {name: getattr(training, name) for name in ("precision", "compile")}
    for kind, share in shares.items():
        preset = replace(model_preset(kind, TEACHERS_PRESET), context_length=options.model.context_length)
        teacher = folder.with_name(f"{folder.name}-{kind}")
        minutes = share * training.minutes
        say(f"first the {kind} that is to be one of its teachers, {minutes:.1f} minutes: {teacher}")
        finished = train(
            options.model if kind == options.model.kind else preset,
            replace(training_preset(kind, TEACHERS_PRESET), minutes=minutes, **same),
            teacher,
            data=options.data,
            tokenizer=options.tokenizer,
            say=say,
            started=started,
            command=command,
        )
        if finished.interrupted:
            say(
                f"{folder} itself has not begun. Finish this teacher with --resume --model_file {teacher.name}.pth; "
                "whatever is finished can be named after --teachers"
            )
            raise KeyboardInterrupt
        teachers.append(str(teacher))
        started = time.perf_counter()
    rest = training.minutes * (1 - sum(shares.values()))
    options.training = replace(training, teachers=tuple(teachers), minutes=rest)
    say(f"now the model itself, {rest:.1f} minutes:")
    return options, started


def _train_options(choice: Choice, budget_given: bool) -> type:
    """A dataclass of all options, with the defaults that follow from `choice`."""
    tokenizer = {"character": CharacterTokenizerConfig, "tiktoken": TiktokenTokenizerConfig}[choice.tokenization]
    preset = {} if choice.tokenization == "character" else PRESETS[choice.preset].tokenizer
    training = training_preset(choice.architecture, choice.preset)
    if budget_given:
        training = replace(training, **dict.fromkeys(BUDGETS))
    parts = {
        "choice": choice,
        "files": Files(),
        "data": DataConfig(),
        "tokenizer": tokenizer(**preset),
        "model": model_preset(choice.architecture, choice.preset),
        "training": training,
    }
    return make_dataclass(
        "TrainOptions",
        [(name, type(part), field(default_factory=lambda part=part: part)) for name, part in parts.items()],
    )


def _finish(finished: Any, files: Files) -> int:
    """Write what people look at, and print the figures."""
    from ..machine.files import write_atomically
    from ..measuring.cards import model_card
    from ..measuring.evaluation import summary
    from ..measuring.plots import plot_losses
    from ..runs.pair import write_pair

    run = finished.run
    plot_losses([run], run.folder / "loss.png")
    write_atomically(run.folder / "README.md", model_card(run))
    write_pair(run, files.model_path, files.config_path)
    print(summary(finished.results["losses"]))
    print(f"\n{(run.folder / 'sample.txt').read_text(encoding='utf-8')[:600].strip()}\n")
    say(
        f"the run is in {run.folder}; write with it: python inference.py --model_file {files.model_file} "
        f"--config_file {config_name(files.model_file, files.config_file)} --num_tokens 500"
    )
    return 130 if finished.interrupted else 0
