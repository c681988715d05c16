"""The commands: `janelm train`, `janelm write`, `janelm compare`. Thin: parse, call the package, report."""

from __future__ import annotations

import os
import sys
import time

_STARTED = time.perf_counter()  # a budget of minutes counts the start of the program too

import shlex  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import dataclass, field, make_dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Annotated, Any, Literal  # noqa: E402

import tyro  # noqa: E402

from .config import CharacterTokenizerConfig, DataConfig, SamplingConfig, TiktokenTokenizerConfig, check  # noqa: E402
from .errors import JaneLMError  # noqa: E402
from .presets import BUDGETS, DEFAULT_PRESET, PRESETS, model_preset, training_preset  # noqa: E402

GENERATED = Path("generated")
DEFAULT_MODEL, DEFAULT_CONFIG = "model.pth", "model-config.pkl"


def main(arguments: list[str] | None = None, program: str = "janelm") -> int:
    """Run one command and return the exit code: 0, 1 (failed), 2 (usage) or 130 (Ctrl-C, after saving)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] not in COMMANDS:
        return _overview(program, arguments)
    command, rest = arguments[0], arguments[1:]
    program = program if program.endswith(".py") else f"{program} {command}"
    try:
        return COMMANDS[command](rest, program)
    except JaneLMError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{program}: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _overview(program: str, arguments: list[str]) -> int:
    """What there is to call; a usage error unless it was asked for."""
    if arguments == ["--version"]:
        from importlib.metadata import version

        print(f"janelm {version('janelm')}")
        return 0
    lines = [f"usage: {program} COMMAND [options]", ""]
    lines += [f"  {name:8} {command.__doc__.splitlines()[0]}" for name, command in COMMANDS.items()]
    lines += ["", f"{program} COMMAND --help shows every option with its default."]
    asked = bool(arguments) and arguments[0] in ("--help", "-h")
    if arguments and not asked:
        lines.insert(0, f"{program}: there is no command {arguments[0]!r}")
    print("\n".join(lines), file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


def _parse(kind: type, arguments: list[str], program: str, description: str, **more: Any) -> Any:
    """Parse flags, spelled with underscores or hyphens, into `kind`; a mistake ends with exit code 2."""
    return tyro.cli(
        kind,
        prog=program,
        args=arguments,
        description=description,
        use_underscores=True,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
        **more,
    )


# --- train ------------------------------------------------------------------------------------------------------


@dataclass
class Choice:
    """What the defaults of all else depend on."""

    architecture: Literal["transformer", "lstm"] = "transformer"
    """Which of the two to train."""
    tokenization: Literal["character", "tiktoken"] = "character"
    """Tokens are characters, or byte pairs encoded by tiktoken."""
    preset: Literal[tuple(PRESETS)] = DEFAULT_PRESET
    """Size of the model and of its training."""


@dataclass
class Files:
    """Where a run goes."""

    model_file: str = DEFAULT_MODEL
    """Trained weights (.pth), in ./models; the run's folder of the same name has everything else."""
    config_file: str = DEFAULT_CONFIG
    """Shape, settings and tokenizer of the trained model (.pkl), in ./models."""
    resume: bool = False
    """Go on with this run where it was last saved; its stored settings hold, but a new budget may be given."""

    @property
    def model_path(self) -> Path:
        return Path("models") / self.model_file

    @property
    def config_path(self) -> Path:
        return Path("models") / self.config_file


def train_command(arguments: list[str], program: str) -> int:
    """Train a transformer or an LSTM on a text, and measure it."""
    budget = tyro.cli(
        make_dataclass("Budget", [(name, float | None, None) for name in BUDGETS]),
        args=arguments,
        prog=program,
        return_unknown_args=True,
        add_help=False,
    )[0]
    given = {name: value for name, value in vars(budget).items() if value is not None}
    choice = tyro.cli(Choice, args=arguments, prog=program, return_unknown_args=True, add_help=False)[0]
    options = _parse(
        _train_options(choice, bool(given)),
        arguments,
        program,
        "Train a language model from scratch on your own text. The defaults shown are those of the chosen "
        "architecture, tokenization and preset.",
    )
    files = options.files
    from .pipeline import resume, train

    if files.resume:
        finished = resume(files.model_path.with_suffix(""), budget=given, say=_say, started=_STARTED)
    else:
        finished = train(
            options.model,
            options.training,
            files.model_path.with_suffix(""),
            data=options.data,
            tokenizer=options.tokenizer,
            say=_say,
            started=_STARTED,
            beside=(files.model_path, files.config_path),
        )
    return _finish(finished, files, shlex.join([program, *arguments]))


def _train_options(choice: Choice, budget_given: bool) -> type:
    """A dataclass of all options, with the defaults that follow from `choice`."""
    tokenizer = {"character": CharacterTokenizerConfig, "tiktoken": TiktokenTokenizerConfig}[choice.tokenization]
    preset = {} if choice.tokenization == "character" else PRESETS[choice.preset].tokenizer
    training = training_preset(choice.architecture, choice.preset)
    if budget_given:
        from dataclasses import replace

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


def _finish(finished: Any, files: Files, command: str) -> int:
    """Write what people look at, and print the figures."""
    from .cards import model_card
    from .evaluation import summary
    from .files import write_atomically
    from .plots import plot_losses

    run = finished.run
    plot_losses([run], run.folder / "loss.png")
    write_atomically(run.folder / "README.md", model_card(run, command))
    run.write_pair(files.model_path, files.config_path)
    print(summary(finished.results["losses"]))
    print(f"\n{(run.folder / 'sample.txt').read_text(encoding='utf-8')[:600].strip()}\n")
    _say(
        f"the run is in {run.folder}; write with it: python inference.py --model_file {files.model_file} "
        f"--config_file {files.config_file} --num_tokens 500"
    )
    return 130 if finished.interrupted else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# --- write ------------------------------------------------------------------------------------------------------


@dataclass
class WriteOptions:
    """Which model, and how much it writes."""

    model_file: str = DEFAULT_MODEL
    """Trained weights (.pth), in ./models."""
    config_file: str = DEFAULT_CONFIG
    """The .pkl file that training wrote beside them, in ./models."""
    output_file: str = "output.txt"
    """Where the prompt and the text go, in ./generated."""
    text: str = " "
    """Prompt: the start of the text, which the model continues."""
    num_tokens: int = 10_000
    """Tokens to write (characters, or byte pairs of a few characters each)."""
    stream: bool = True
    """Show the text while it is written; else all at once at the end."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)


def write_command(arguments: list[str], program: str) -> int:
    """Write text with a trained model."""
    options = _parse(WriteOptions, arguments, program, "Write text with a trained model.")
    check(
        options.sampling,
        also=[f"num_tokens is {options.num_tokens}, but must be at least 1"] if options.num_tokens < 1 else [],
    )
    from .generation import generate
    from .hardware import choose_device

    run = _model(options, choose_device(options.device))
    prompt = "" if run.tokenizer.documents and options.text == " " else options.text
    for character in run.tokenizer.unknown_characters(prompt):
        _say(f"the model's text has no {character!r}: it reads it as an unknown character")
    bold = ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    emit = _writer(options.stream)
    emit(f"{bold[0]}{prompt}{bold[1]}")
    written = [prompt]
    began, interrupted = time.perf_counter(), False
    try:
        for piece in generate(run, prompt, options.num_tokens, options.sampling):
            written.append(piece)
            emit(piece)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        path = _keep("".join(written), options.output_file)
    if not options.stream:
        sys.stdout.write("".join([bold[0], prompt, bold[1], *written[1:]]))
    sys.stdout.write("\n")
    sys.stdout.flush()
    count = len(run.tokenizer.encode("".join(written[1:])))
    _say(f"{count:,} tokens, {count / (time.perf_counter() - began):,.0f} tokens/s; the text is in {path}")
    return 130 if interrupted else 0


def _writer(stream: bool) -> Callable[[str], None]:
    def emit(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    return emit if stream else lambda text: None


def _model(options: WriteOptions, device: Any) -> Any:
    """The model in the two files, or in the run's folder of that name where its training has not ended."""
    from .runs import Run, load_pair

    model_path = Path("models") / options.model_file
    folder = model_path.with_suffix("")
    if not model_path.exists() and (folder / "best.safetensors").exists():
        return Run(folder).load(device=device)
    return load_pair(model_path, Path("models") / options.config_file, device)


def _keep(text: str, name: str) -> Path:
    """Write the text to ./generated; an earlier one of that name is kept under a number."""
    from .files import set_aside, write_atomically

    path = GENERATED / name
    for old, new in set_aside(path).items():
        _say(f"the earlier {old} is now {new}")
    write_atomically(path, text)
    return path


# --- compare ----------------------------------------------------------------------------------------------------


@dataclass
class CompareOptions:
    """Which runs, and where their picture goes."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Folders of runs, or their names under ./models."""
    output: Path = Path("assets/comparison.png")
    """The picture (.png)."""


def compare_command(arguments: list[str], program: str) -> int:
    """Compare runs: one table of figures and one picture of their losses."""
    options = _parse(CompareOptions, arguments, program, "Compare runs: one table and one picture.")
    if not options.runs:
        raise JaneLMError("name at least one run, for instance: janelm compare model my_model")
    from .comparison import read_row, table, unfairness
    from .plots import plot_losses
    from .runs import find_run

    runs = [find_run(name) for name in options.runs]
    print(table([read_row(run) for run in runs]))
    plot_losses(runs, options.output)
    for reason in unfairness(runs):
        _say(f"not a fair comparison: {reason}")
    _say(f"the picture is {options.output}")
    return 0


COMMANDS: dict[str, Callable[[list[str], str], int]] = {
    "train": train_command,
    "write": write_command,
    "compare": compare_command,
}
