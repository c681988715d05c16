"""`janelm write`, which is also `python inference.py`."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..config import SamplingConfig, check
from .shared import DEFAULT_CONFIG, DEFAULT_MODEL, GENERATED, MODELS, config_name, parse, say

if TYPE_CHECKING:
    from ..engines import Engine
    from ..generation import Limits
    from ..runs import LoadedRun


@dataclass
class WriteOptions:
    """Which model, how much it writes, and where."""

    model_file: str = DEFAULT_MODEL
    """Trained weights (.pth), in ./models."""
    config_file: str = DEFAULT_CONFIG
    """The .pkl file that training wrote beside them, in ./models; with mine.pth it is mine-config.pkl."""
    output_file: str = "output.txt"
    """Where the prompt and the text go, in ./generated."""
    format: Literal["plain", "txt", "epub", "pdf"] = "plain"
    """The text as it is, or a book with a title page and chapters (epub and pdf need the extra named book)."""
    title: str = "Untitled"
    """Title of the book."""
    text: str = " "
    """Prompt: the start of the text, which the model continues."""
    text_file: str | None = None
    """A file with the prompt, instead of --text."""
    num_tokens: int = 10_000
    """Tokens to write (characters, or byte pairs of a few characters each)."""
    stop: tuple[str, ...] = ()
    """Texts at which writing ends; they are not written."""
    num_samples: int = 1
    """How many texts to write side by side, with this seed and the following ones."""
    memory: int | None = None
    """Past tokens that the model sees; by default all of its context. An LSTM has no such limit."""
    engine: Literal["auto", "torch", "onnx"] = "auto"
    """What runs the model; auto takes ONNX Runtime, which starts sooner and is faster on a CPU, where it is installed
    and no other device is named."""
    precision: Literal["fp32", "int8"] = "fp32"
    """Weights of the onnx engine: int8 is faster and a quarter of the size, and a little less exact."""
    stream: bool = True
    """Show the text while it is written; else all at once at the end."""
    interactive: bool = False
    """Write together: continue, retry, undo, change the temperature, choose tokens one by one."""
    device: str = "auto"
    """auto, cpu, cuda or mps; for the torch engine."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)


def write_command(arguments: list[str], program: str) -> int:
    """Write text with a trained model."""
    options = parse(WriteOptions, arguments, program, "Write text with a trained model.")
    from ..generation import Limits

    limits = Limits(options.num_tokens, options.stop)
    check(options.sampling, limits, also=_contradictions(options))
    run, engine = _model_and_engine(options)
    prompt = _prompt(options, run)
    if options.interactive:
        from ..interactive import Session

        return Session(run, engine, options.sampling, prompt, options.memory).talk(sys.stdin, sys.stdout)
    return _write(options, limits, run, engine, prompt)


def _contradictions(options: WriteOptions) -> list[str]:
    found = []
    if options.num_samples < 1:
        found.append(f"num_samples is {options.num_samples}, but must be at least 1")
    if options.memory is not None and options.memory < 1:
        found.append(f"memory is {options.memory}, but must be at least 1 token")
    if options.text_file is not None and options.text != " ":
        found.append("the prompt is given twice, by text and by text_file")
    if options.precision != "fp32" and options.engine == "torch":
        found.append(f"precision {options.precision} is of the onnx engine, not of torch")
    if options.device not in ("auto", "cpu") and (options.engine == "onnx" or options.precision != "fp32"):
        found.append(f"device {options.device} is of the torch engine, not of onnx, which runs on the CPU")
    if options.format != "plain" and options.num_samples > 1:
        found.append(f"{options.num_samples} samples do not make one {options.format}")
    return found


def _model_and_engine(options: WriteOptions) -> tuple[LoadedRun, Engine]:
    """The model in the two files, or in the run's folder of that name where its training has not ended."""
    from ..engines import choose_engine
    from ..runs import Run, load_pair, sample_run

    model_path = MODELS / options.model_file
    folder = model_path.with_suffix("")
    if not model_path.exists() and (folder / "best.safetensors").exists():
        run = Run(folder).load(device=options.device)
    elif not model_path.exists() and options.model_file == DEFAULT_MODEL and (sample := sample_run()):
        say(f"there is no {model_path}, so the sample model in {sample.folder} writes; python traineval.py trains one")
        run = sample.load(device=options.device)
    else:
        run = load_pair(model_path, MODELS / config_name(options.model_file, options.config_file), options.device)
    engine = choose_engine(run, options.engine, options.precision)
    run.release_weights()
    return run, engine


def _prompt(options: WriteOptions, run: LoadedRun) -> str:
    """The prompt, with a word on characters that the model does not know."""
    prompt = options.text
    if options.text_file is not None:
        from ..corpora import read_source

        prompt = read_source(Path(options.text_file)).text.rstrip("\n")
    elif run.tokenizer.documents and prompt == " ":
        prompt = ""
    seen = run.config.model.context_length if options.memory is None else options.memory
    length = len(run.tokenizer.encode(prompt))
    if run.config.model.bounded_memory and length > seen:
        say(f"the prompt has {length:,} tokens, of which the model sees the last {seen:,}")
    for character in run.tokenizer.unknown_characters(prompt):
        say(f"the model's text has no {character!r}: it reads it as an unknown character")
    return prompt


def _write(options: WriteOptions, limits: Limits, run: LoadedRun, engine: Engine, prompt: str) -> int:
    from ..generation import generate_samples

    bold = ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    live = options.stream and options.num_samples == 1
    shown = f"{bold[0]}{prompt}{bold[1]}"
    if live:
        _show(shown)
    texts = [[] for _ in range(options.num_samples)]
    output = _Output(options, prompt)
    count, interrupted = 0, False
    pieces = generate_samples(
        run, prompt, limits, options.sampling,
        num_samples=options.num_samples, memory=options.memory, engine=engine,
    )  # fmt: skip
    began = time.perf_counter()
    try:
        for piece in pieces:
            count += 1
            texts[piece.sample].append(piece.text)
            if live:
                _show(piece.text)
            output.keep(texts)
    except KeyboardInterrupt:
        interrupted = True
    took = time.perf_counter() - began
    output.finish(texts)
    if live:
        _show("\n")
    else:
        for number, text in enumerate(texts, 1):
            heading = f"--- {number} ---\n" if len(texts) > 1 else ""
            _show(f"{heading}{shown}{''.join(text)}\n")
    say(f"{count:,} tokens, {count / took:,.0f} tokens/s ({type(engine).__name__}); the text is in {output.path}")
    return 130 if interrupted else 0


def _show(text: str) -> None:
    if text:
        sys.stdout.write(text)
        sys.stdout.flush()


class _Output:
    """The file that the text goes to: whole at every moment, and never over an earlier one."""

    def __init__(self, options: WriteOptions, prompt: str) -> None:
        from ..files import set_aside

        self._options, self._prompt = options, prompt
        name = Path(options.output_file)
        self.path = GENERATED / (name if options.format == "plain" else name.with_suffix(f".{options.format}"))
        for old, new in set_aside(self.path).items():
            say(f"the earlier {old} is now {new}")
        self._next = time.monotonic() + 1

    def keep(self, texts: list[list[str]]) -> None:
        """Bring the file up to date, about once a second at first and ever more rarely for long texts."""
        now = time.monotonic()
        if now >= self._next and self._options.format == "plain":
            self.finish(texts)
            self._next = now + max(1.0, 20 * (time.monotonic() - now))

    def finish(self, texts: list[list[str]]) -> None:
        from ..files import write_atomically

        parts = [self._prompt + "".join(text) for text in texts]
        if self._options.format == "plain":
            write_atomically(self.path, "\n\n---\n\n".join(parts))
        else:
            from ..books import write_book

            for line in write_book(self.path, parts[0], self._options.title, "JaneLM", self._options.format):
                say(f"{self.path}: {line}")
