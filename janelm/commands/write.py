"""`janelm write`, which is also `python inference.py`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..config import SamplingConfig, check
from ..errors import counted
from ..machine.files import GENERATED
from .shared import DEFAULT_CONFIG, DEFAULT_MODEL, config_name, in_models, parse, read_text, say

if TYPE_CHECKING:
    from ..engines import Engine
    from ..machine.claims import Claim
    from ..runs.loaded import LoadedRun
    from ..writing.generation import Limits

INTERACTIVE_TOKENS = 100  # written at a time
COMMON = {
    "What it writes:": ("text", "num_tokens", "stop", "interactive"),
    "With which model, and to where:": ("model_file", "output_file", "format", "title"),
    "How daring it is:": ("temperature", "top_p", "seed"),
}


@dataclass
class WriteOptions:
    """Which model, how much it writes, and where."""

    model_file: str = DEFAULT_MODEL
    """Trained weights (.pth), in ./models; or the name of a run, as --model_file mine."""
    config_file: str = DEFAULT_CONFIG
    """The .pkl file that training wrote beside them, in ./models; with mine.pth it is mine-config.pkl."""
    output_file: str = "output.txt"
    """Where the prompt and the text go, in ./generated."""
    format: Literal["plain", "txt", "epub", "pdf"] = "plain"
    """The text as it is, or a book with a title page and chapters (pdf needs the extra named book)."""
    title: str = "Untitled"
    """Title of the book."""
    author: str = "JaneLM"
    """Author of the book."""
    language: str | None = None
    """Language of the book, a code such as en, pt-BR or zh; by default the commonest one of the text's script."""
    font: Path | None = None
    """A font (.ttf, .otf) for the PDF of a text that DejaVu Serif cannot draw."""
    text: str = " "
    r"""Prompt: the start of the text, which the model continues (\n is a line break, \\ a backslash)."""
    text_file: str | None = None
    """A file with the prompt, instead of --text."""
    num_tokens: int = 10_000
    """Tokens to write (characters, or byte pairs of a few characters each); with --interactive, 100 at a time unless
    this says otherwise."""
    stop: tuple[str, ...] = ()
    r"""Texts at which writing ends, and which are not written (\n is a line break, \\ a backslash)."""
    num_samples: int = 1
    """How many texts to write side by side, with this seed and the following ones."""
    memory: int | None = None
    """Past tokens that the model sees; by default all of its context. An LSTM has no such limit."""
    engine: Literal["auto", "native", "onnx", "torch", "torch-compiled"] = "auto"
    """What runs the model; auto takes native where there is a C++ compiler (some seconds once), else ONNX Runtime where
    it is installed, both faster on a CPU, else torch; for many samples ONNX Runtime before native. torch-compiled needs
    up to half a minute at each start."""
    precision: Literal["fp32", "int8", "int8-weights", "int6-weights"] = "fp32"
    """Weights: int8-weights (native and onnx) is a quarter of the size and a little less exact; int6-weights write
    what an exported page writes unless asked otherwise; int8 (onnx) also multiplies in int8."""
    stream: bool = True
    """Show the text while it is written; else all at once at the end."""
    interactive: bool = False
    """Write together: continue, retry, undo, change the temperature, choose tokens one by one."""
    device: str = "auto"
    """auto, cpu, cuda or mps; for the torch engine."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)


def write_command(arguments: list[str], program: str) -> int:
    """Write text with a trained model."""
    options = parse(WriteOptions, arguments, program, "Write text with a trained model.", COMMON)
    from ..writing.generation import Limits, line_breaks

    default = options.num_tokens == WriteOptions.num_tokens
    stop = tuple(map(line_breaks, options.stop))
    limits = Limits(INTERACTIVE_TOKENS if options.interactive and default else options.num_tokens, stop)
    check(options.sampling, limits, also=_contradictions(options))
    if options.format != "plain":
        from ..writing.books import check_book

        check_book(options.format, options.language, options.font)
    run, engine = _model_and_engine(options)
    return (_talk if options.interactive else _write)(options, limits, run, engine, _prompt(options, run))


def _contradictions(options: WriteOptions) -> list[str]:
    found = []
    if options.num_samples < 1:
        found.append(f"num_samples is {options.num_samples}, but must be at least 1")
    if options.memory is not None and options.memory < 1:
        found.append(f"memory is {options.memory}, but must be at least 1 token")
    if options.text_file is not None and options.text != " ":
        found.append("the prompt is given twice, by text and by text_file")
    if options.precision != "fp32" and options.engine.startswith("torch"):
        found.append(f"precision {options.precision} is of the engines native and onnx, not of {options.engine}")
    if options.precision == "int8" and options.engine == "native":
        found.append("precision int8 is of the engine onnx: native has int8-weights")
    if options.device not in ("auto", "cpu") and (options.engine in ("native", "onnx") or options.precision != "fp32"):
        found.append(f"device {options.device} is of the torch engine, the only one that does not run on the CPU")
    if options.format != "plain" and options.num_samples > 1:
        found.append(f"{options.num_samples} samples do not make one {options.format}")
    if options.format in ("plain", "txt") and (options.language or options.font):
        found.append("language and font are of a book: choose a --format, epub or pdf")
    if options.format == "epub" and options.font:
        found.append("a font is of the PDF: readers of an EPUB bring their own")
    if options.interactive and (options.num_samples > 1 or not options.stream):
        found.append("interactive writes one text as it comes: leave out num_samples and no_stream")
    if not Path(options.output_file).name or (GENERATED / options.output_file).is_dir():
        found.append(f"output_file is {options.output_file!r}, but must name a file")
    return found


def _model_and_engine(options: WriteOptions) -> tuple[LoadedRun, Engine]:
    """The model in the two files; or in the run's folder, where its training has not ended or the run was named."""
    from ..engines import choose_engine
    from ..runs.folder import find_run, sample_run
    from ..runs.pair import load_pair

    name = options.model_file if options.model_file.endswith(".pth") else f"{Path(options.model_file)}.pth"
    model_path = in_models(name)
    if model_path.exists():
        run = load_pair(model_path, in_models(config_name(name, options.config_file)), options.device)
    elif model_path == in_models(DEFAULT_MODEL) and not _begun(model_path) and (sample := sample_run()):
        say(f"there is no {model_path}, so the sample model in {sample.folder} writes; python traineval.py trains one")
        run = sample.load(device=options.device)
    else:
        found = find_run(name)
        run = found.load(device=options.device)
        if not found.learned():
            say(f"{found.folder} has learned nothing yet: what it writes is noise. Go on with its training by --resume")
    engine = choose_engine(run, options.engine, options.precision, say, options.num_samples)
    run.release_weights()
    return run, engine


def _begun(model_path: Path) -> bool:
    """Whether there is a run beside the file, with weights."""
    return (model_path.with_suffix("") / "best.safetensors").exists()


def _prompt(options: WriteOptions, run: LoadedRun) -> str:
    """The prompt, with a word on characters that the model does not know.

    Raises UsageError where it knows none of them.
    """
    from ..text.tidying import as_trained
    from ..writing.generation import line_breaks, prompt_tokens

    prompt = line_breaks(options.text.encode("utf-8", "replace").decode())  # what is not UTF-8 is lone surrogates
    if options.text_file is not None:
        prompt = read_text(options.text_file, run.config.data).rstrip("\n")
    elif prompt == " " and (run.tokenizer.documents or run.tokenizer.unknown_characters(prompt)):
        prompt = ""
    prompt = as_trained(prompt, run.config.data)
    length = len(prompt_tokens(run.tokenizer, prompt))
    longest = run.config.model.context_length
    seen = longest if options.memory is None else min(options.memory, longest)
    if run.config.model.bounded_memory and length > seen:
        say(f"the prompt has {counted(length, 'token')}, of which the model sees the last {seen:,}")
    for character in run.tokenizer.unknown_characters(prompt):
        say(f"the model's text has no {character!r}: it reads it as an unknown character")
    return prompt


def _write(options: WriteOptions, limits: Limits, run: LoadedRun, engine: Engine, prompt: str) -> int:
    from ..writing.generation import generate_samples

    bold = ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    live = options.stream and options.num_samples == 1
    shown = f"{bold[0]}{prompt}{bold[1]}"
    texts: dict[int, list[str]] = {}
    output = _Output(options)
    count, interrupted = 0, False
    pieces = generate_samples(
        run, prompt, limits, options.sampling,
        num_samples=options.num_samples, memory=options.memory, engine=engine,
    )  # fmt: skip
    began = time.perf_counter()
    try:
        for piece in pieces:
            count += 1
            texts.setdefault(piece.sample, []).append(piece.text)
            output.keep(lambda: _joined(prompt, texts))
            if live:
                _show(shown + piece.text if count == 1 else piece.text)
    except KeyboardInterrupt:
        interrupted = True
    finally:  # whatever ended it, what is written stays
        took = time.perf_counter() - began
        if count:
            output.finish(_joined(prompt, texts))
        if isinstance(sys.exception(), BrokenPipeError):
            say(f"nobody reads on: what was written is in {output.path}")
    if live:
        _show("\n")
    else:
        for number, text in texts.items():
            heading = f"--- {number + 1} ---\n" if options.num_samples > 1 else ""
            _show(f"{heading}{shown}{''.join(text)}\n")
    where = f"; the text is in {output.path}" if count else ""
    say(f"{counted(count, 'token')}, {count / took:,.0f} tokens/s ({type(engine).__name__}){where}")
    return 130 if interrupted else 0


def _joined(prompt: str, texts: dict[int, list[str]]) -> str:
    return "\n\n---\n\n".join(prompt + "".join(text) for text in texts.values())


def _talk(options: WriteOptions, limits: Limits, run: LoadedRun, engine: Engine, prompt: str) -> int:
    from ..writing.interactive import Session

    output = _Output(options)
    session = Session(run, engine, options.sampling, prompt, limits, options.memory)
    try:
        return session.talk(sys.stdin, sys.stdout, lambda text: output.keep(lambda: text))
    finally:
        if session.text != prompt:
            output.finish(session.text)
            say(f"the text is in {output.path}")


def _show(text: str) -> None:
    if text:
        sys.stdout.write(text)
        sys.stdout.flush()


class _Output:
    """The file that the text goes to: whole at every moment, and never over an earlier one.

    A book is made of the text at the end; until then, and beside it, there is the plain text.
    """

    def __init__(self, options: WriteOptions) -> None:
        self._options = options
        name = Path(options.output_file)
        self.path = GENERATED / (name if options.format == "plain" else name.with_suffix(f".{options.format}"))
        self._plain = self.path if options.format == "plain" else self.path.with_suffix(".txt")
        self._claim: Claim | None = None
        self._next = 0.0

    def keep(self, text: Callable[[], str]) -> None:
        """Bring the file up to date: at once, then about once a second and ever more rarely for long texts."""
        now = time.monotonic()
        if now >= self._next:
            self._write(text())
            self._next = now + max(1.0, 20 * (time.monotonic() - now))

    def finish(self, text: str) -> None:
        self._write(text)
        o = self._options
        if o.format != "plain":
            from ..writing.books import write_book

            report = write_book(self.path, text, o.title, o.author, o.format, language=o.language, font=o.font)
            for line in report:
                say(f"{self.path}: {line}")

    def _write(self, text: str) -> None:
        from ..machine.files import write_atomically

        self._claim = self._claim or self._begin()
        write_atomically(self._plain, text)

    def _begin(self) -> Claim:
        """Move earlier files out of the way; or take another name while another process writes those."""
        from ..machine.claims import Claim
        from ..machine.files import free_names, set_aside

        claim, wanted = Claim(), self.path
        if claim.take(*{self.path, self._plain}):
            for old, new in set_aside(*dict.fromkeys((self.path, self._plain))).items():
                say(f"the earlier {old} is now {new}")
            return claim
        taken: list[Path] = []
        while True:  # until a free name is nobody else's either, who has not written yet
            self.path, self._plain = free_names(wanted, wanted.with_suffix(".txt"), taken=taken)
            if self._options.format == "plain":
                self._plain = self.path
            if claim.take(*{self.path, self._plain}):
                break
            taken.append(self.path)
        say(f"another process is writing {wanted}: this text goes to {self.path}")
        return claim
