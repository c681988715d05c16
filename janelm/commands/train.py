"""`janelm train`, which is also `python traineval.py`."""

from __future__ import annotations

import math
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, make_dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..config import (
    MODEL_CONFIGS,
    CharacterTokenizerConfig,
    DataConfig,
    TiktokenTokenizerConfig,
    WordTokenizerConfig,
    check,
)
from ..errors import UsageError
from ..machine.streams import Steady
from ..training.presets import (
    BUDGETS,
    DEFAULT_MINUTES,
    PRESETS,
    choose_preset,
    going_on_preset,
    model_preset,
    training_preset,
)
from .shared import DEFAULT_CONFIG, DEFAULT_MODEL, config_name, in_models, parse, parse_some, say

if TYPE_CHECKING:
    from ..training.lessons import Plan

    Architecture = str
    PresetName = str
else:
    Architecture, PresetName = Literal[tuple(MODEL_CONFIGS)], Literal[tuple(PRESETS)]

GONE = 141  # the exit code where all is well but whoever read the output has gone, as a shell says it of SIGPIPE
COMMON = {
    "The text:": ("data", "documents"),
    "The model:": ("architecture", "tokenization", "preset", "from"),
    "How long, one of:": ("minutes", "steps", "epochs"),
    "The run:": ("model_file", "resume", "device"),
}
OWN = re.compile(r".+\.py:\w+")
_BEGAN = time.perf_counter()  # a budget of minutes counts the start of the program too


@dataclass
class Choice:
    """What the defaults of all else depend on."""

    architecture: Architecture = "transformer"
    """Which one to train; or my_file.py:MyModel, a class of your own."""
    tokenization: Literal["character", "tiktoken", "word"] = "character"
    """Tokens: characters, byte pairs, or words (rare ones by characters)."""
    preset: PresetName | None = None
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
    track: tuple[Literal["tensorboard", "mlflow", "wandb", "trackio"], ...] = ()
    """Also tell these how the training goes; each is an extra, and none can stop it."""

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
    def folder(self) -> Path:
        return self.model_path.with_suffix("")

    @property
    def config_path(self) -> Path:
        return in_models(config_name(self.model_file, self.config_file))


def train_command(arguments: list[str], program: str) -> int:
    """Train a transformer or an LSTM on a text, and measure it."""
    options, given, why = _read(arguments, program)
    files = options.files
    check(files)
    from ..training.distributed import in_first_process
    from ..training.lessons import Plan, unfinished

    command = shlex.join([*(["python"] if program.endswith(".py") else []), *program.split(), *arguments])
    with _steady_streams() as lost:
        if files.resume and not unfinished(files.folder):
            finished = _resume(options, given, arguments, command)
        else:
            plan = Plan.read(files.folder) if files.resume else Plan.of(files.folder, arguments)
            options, _, why = _read(plan.arguments, program)
            if in_first_process():
                say(why)
            finished = _train(options, plan, command)
        code = 0 if finished is None else _finish(finished, files)
    if lost():
        code = code or GONE
    if os.environ.get("WORLD_SIZE", "1") != "1":  # what FSDP leaves running has been seen to abort Python's own end
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


@contextmanager
def _steady_streams() -> Iterator[Callable[[], bool]]:
    """Within it, output that nobody reads any more ends nothing; gives what tells whether any was lost."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = steady = [Steady(stream) for stream in streams]
    try:
        yield lambda: any(stream.lost for stream in steady)
    finally:
        sys.stdout, sys.stderr = streams


def _own_architecture(arguments: list[str]) -> tuple[list[str], str | None]:
    """The arguments without an `--architecture my_file.py:MyModel`, and the kind that it is now known by."""
    for place, word in enumerate(arguments):
        flag, joined, value = word.partition("=")
        value = value if joined else "".join(arguments[place + 1 : place + 2])
        if flag == "--architecture" and OWN.fullmatch(value):
            from ..architectures import load_architecture

            return arguments[:place] + arguments[place + (1 if joined else 2) :], load_architecture(value).kind
    return arguments, None


def _read(arguments: list[str], program: str) -> tuple[Any, dict[str, float], str]:
    """The options, the budget among them that was named, and a line on the size and what goes with it."""
    arguments, own = _own_architecture(arguments)
    budget = parse_some(make_dataclass("Budget", [(name, float | None, None) for name in BUDGETS]), arguments, program)
    given = {name: value for name, value in vars(budget).items() if value is not None}
    if math.isfinite(given.get("steps", math.nan)):
        given["steps"] = int(given["steps"])
    choice = parse_some(Choice, arguments, program)
    ancestor = parse_some(make_dataclass("Ancestor", [("ancestor", str | None, None)]), arguments, program).ancestor
    if ancestor is not None:
        kind, why = _options_of_ancestor(ancestor, choice, arguments, bool(given))
    else:
        kind, why = _train_options(choice, own, given)
    options = parse(
        kind,
        arguments,
        program,
        "Train a language model on your own text. The defaults shown are those of the chosen "
        "architecture, tokenization and preset.",
        COMMON,
    )
    return options, given, why


def _resume(options: Any, given: dict[str, float], arguments: list[str], command: str) -> Any:
    from ..runs.folder import Run
    from ..training.pipeline import resume
    from .resuming import changes

    folder = options.files.folder
    changed = changes(arguments, options, Run(folder))
    data = options.data.data if any(word.startswith("--data") for word in arguments) else ()
    watching = _trackers(options.files)
    return resume(
        folder,
        budget=given,
        changes=changed,
        data=data,
        say=say,
        started=_BEGAN,
        command=command,
        callbacks=watching,
    )


def _trackers(files: Files) -> list[Any]:
    from ..training.distributed import in_first_process
    from ..training.trackers import Tracker

    return [Tracker(name, say) for name in files.track] if in_first_process() else []


def _train(options: Any, plan: Plan, command: str) -> Any:
    """Train what the options say, and before it the teachers that its preset begins with, if it does.

    There are none where teachers are named, where steps or epochs are the budget, or where several processes train
    together.
    """
    from ..training.lessons import Pupil, teach
    from ..training.pipeline import train

    files, training, started = options.files, options.training, _BEGAN
    watching = _trackers(files)
    lessons = PRESETS[options.choice.preset].lessons if options.choice.preset else {}
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    if lessons and not training.teachers and training.minutes is not None and alone:
        pupil = Pupil(files.folder, options.model, training, options.data, options.tokenizer)
        training = teach(pupil, lessons, plan, say=say, started=started, command=command)
        if training is None:
            say(f"{files.folder} itself has not begun; go on with --resume --model_file {files.model_file}")
            raise KeyboardInterrupt
        started = time.perf_counter()
    return train(
        options.model,
        training,
        files.folder,
        data=options.data,
        tokenizer=options.tokenizer,
        say=say,
        started=started,
        command=command,
        beside=(files.model_path, files.config_path),
        begun=plan.close,
        callbacks=watching,
    )


def _train_options(choice: Choice, own: str | None, budget: dict[str, float]) -> tuple[type, str]:
    """A dataclass of all options, with the defaults that follow from `choice` and the budget, and a line on the size;
    `own` is the kind of an architecture of the user's own. Raises UsageError where that has settings that are called as
    others are."""
    kind = own or choice.architecture
    kinds = (CharacterTokenizerConfig, TiktokenTokenizerConfig, WordTokenizerConfig)
    tokenizer = {one.kind: one for one in kinds}[choice.tokenization]
    name, why = (choice.preset, "as asked") if choice.preset else choose_preset(budget, choice.tokenization)
    preset = PRESETS[name].tokenizer if choice.tokenization == "tiktoken" else {}
    model, training = model_preset(kind, name), training_preset(kind, name)
    if not choice.preset:
        training = replace(training, minutes=DEFAULT_MINUTES)
    others = {field.name for part in (choice, Files(), DataConfig(), tokenizer(), training) for field in fields(part)}
    if taken := sorted(others & {field.name for field in fields(model)}):
        raise UsageError(f"{kind} calls a setting {taken[0]}, as another option is called: give it another name")
    options = _all_options(replace(choice, preset=name), tokenizer(**preset), model, training, bool(budget))
    return options, f"preset: {name} ({why})"


def _options_of_ancestor(name: str, choice: Choice, arguments: list[str], budget_given: bool) -> tuple[type, str]:
    """The options of a training that goes on from a run, and a line that says so. Raises UsageError where some say what
    the run says."""
    if typed := [word for word in arguments if word.startswith(("--architecture", "--tokenization", "--preset"))]:
        raise UsageError(f"--from {name} has its own shape and tokens: leave out {typed[0].partition('=')[0]}")
    from ..training.ancestor import ancestor_of

    run = ancestor_of(name)
    model = run.config.model
    choice = replace(choice, architecture=model.kind)
    no_options = CharacterTokenizerConfig()  # of tokens: they are the run's
    kind = _all_options(choice, no_options, model, going_on_preset(model.kind), budget_given)
    return kind, f"from {name}: a {model.kind}, with its shape and its tokens"


def _all_options(choice: Choice, tokenizer: Any, model: Any, training: Any, budget_given: bool) -> type:
    if budget_given:
        training = replace(training, minutes=None, steps=None, epochs=None)
    parts = {
        "choice": choice,
        "files": Files(),
        "data": DataConfig(),
        "tokenizer": tokenizer,
        "model": model,
        "training": training,
    }
    return make_dataclass(
        "TrainOptions",
        [(name, type(part), field(default_factory=partial(_itself, part))) for name, part in parts.items()],
    )


def _itself(part: Any) -> Any:
    return part


def _finish(finished: Any, files: Files) -> int:
    """Write what people look at, and print the figures."""
    from ..machine.files import write_atomically
    from ..measuring.cards import model_card
    from ..measuring.evaluation import summary
    from ..measuring.plots import plot_losses
    from ..runs.pair import write_pair
    from ..training.ancestor import say_both

    run = finished.run
    plot_losses([run], run.folder / "loss.png")
    write_atomically(run.folder / "README.md", model_card(run))
    write_pair(run, files.model_path, files.config_path)
    print(summary(finished.results["losses"]))
    if "ancestor" in finished.results:
        say_both(finished.results["ancestor"], print)
    print(f"\n{(run.folder / 'sample.txt').read_text(encoding='utf-8')[:600].strip()}\n")
    say(
        f"the run is in {run.folder}; write with it: python inference.py --model_file {files.model_file} "
        f"--config_file {config_name(files.model_file, files.config_file)} --num_tokens 500"
    )
    return 128 + finished.signal if finished.interrupted else 0
