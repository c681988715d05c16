"""`janelm score`."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tqdm import tqdm

from ..config import check
from ..errors import JaneLMError
from .shared import parse, say

if TYPE_CHECKING:
    from ..measuring.evaluation import Losses
    from ..measuring.scoring import ScoredToken

LONG = 30  # seconds from which a person wants to know how far it has got


@dataclass
class ScoreOptions:
    """Which text, by which model."""

    file: Annotated[str | None, tyro.conf.Positional] = None
    """The text, a file of any size and of any kind that can be trained on."""
    heldout: bool = False
    """Score all of the text that the run's training held out, instead of a file."""
    run: tuple[str, ...] = ("model",)
    """Folder of a run, or its name under ./models; several are an ensemble, whose probabilities are averaged."""
    data: tuple[str, ...] = ()
    """With --heldout, where the text of the run's training lies now, if it has moved."""
    dynamic: bool = False
    """Dynamic evaluation: the model goes on learning from what it has been scored on. The run stays as it is."""
    dynamic_rate: float | None = None
    """Learning rate of dynamic evaluation; by default the architecture's own."""
    per_token: bool = False
    """Print what each token cost, in bits, one to a line."""

    def problems(self) -> list[str]:
        found = []
        if (self.file is None) != self.heldout:
            found.append("name one text: a file, or --heldout for what the run's training held out")
        if not self.run:
            found.append("name at least one run")
        if self.dynamic_rate is not None and not (self.dynamic and self.dynamic_rate > 0):
            found.append(f"dynamic_rate is {self.dynamic_rate}, but must be above 0 and goes with --dynamic")
        return found


def score_command(arguments: list[str], program: str) -> int:
    """Measure how well a model, or an ensemble, expects any text."""
    options = parse(ScoreOptions, arguments, program, "Measure how well a model expects any text.")
    check(options)
    from ..machine.hardware import settle_threads
    from ..measuring.evaluation import Losses
    from ..measuring.scoring import DynamicReader, Reader, held_out, read_whole, score, shared_tokenizer
    from ..runs.dataset import run_data
    from ..runs.folder import find_run
    from ..text.corpora import read_source

    found = [find_run(name) for name in options.run]
    runs, losses = [run.load() for run in found], Losses()
    tokenizer, before, size = shared_tokenizer(runs), None, 0
    if options.file is None:
        longest = max(run.model.config.context_length for run in runs)
        text, before = held_out(run_data(*found, data=options.data), longest)
    else:
        source = read_source(Path(options.file), runs[0].config.data)
        for line in source.report:
            say(f"{source.name}: {line}")
        size = sum(len(piece.encode("utf-8", "replace")) for piece in source.pieces())
        text = read_whole(source, tokenizer, runs[0].config.data)
    readers = [DynamicReader(run.model, options.dynamic_rate) if options.dynamic else Reader(run.model) for run in runs]
    if runs[0].model.device.type == "cpu":
        settle_threads(Reader(runs[0].model).try_once)
    stopped = ""
    try:
        for scored in _watched(score(readers, tokenizer, text, losses, before), losses, size):
            if options.per_token:
                print(f"{scored.nats / math.log(2):8.3f}  {tokenizer.decode([scored.token])!r}")
    except KeyboardInterrupt:
        if not losses.bytes:
            raise
        stopped = "stopped; so far "
    if not losses.tokens:
        raise JaneLMError(f"{options.file} is empty: name a file with text in it")
    state = "each document from a fresh start" if tokenizer.documents else "read with carried state"
    how = "dynamic evaluation, learning from what it has read" if options.dynamic else state
    how += f", an ensemble of {len(runs)}" if len(runs) > 1 else ""
    figures = say if options.per_token or stopped else print
    figures(
        f"{stopped}{losses.bits_per_byte:.4f} bits per byte, perplexity {losses.perplexity:.2f} per token, accuracy "
        f"{losses.accuracy:.1%}; {losses.tokens:,} tokens, {losses.bytes:,} bytes, {how}"
    )
    return 130 if stopped else 0


def _watched(scored: Iterator[ScoredToken], losses: Losses, size: int) -> Iterator[ScoredToken]:
    """The tokens of a text of `size` bytes, where that is known. If it takes long, that is told in the beginning, and
    then how far it has got: on a terminal by a bar, elsewhere in a line for each tenth."""
    began, seen, told = time.monotonic(), 0, 0.0
    with tqdm(total=size, unit="B", unit_scale=True, leave=False, disable=None, delay=LONG, file=sys.stderr) as bar:
        for token in scored:
            if size and losses.bytes > seen:
                bar.update(losses.bytes - seen)
                seen, seconds = losses.bytes, time.monotonic() - began
                done = seen / size
                if not told:
                    whole = seconds / done
                    told = done if whole > LONG else math.inf
                    if whole > LONG:
                        say(f"{size / 1e6:,.1f} MB take about {math.ceil(whole / 60)} min; Ctrl-C ends it")
                elif bar.disable and done >= told + 0.1:
                    left = seconds * (1 - done) / done
                    say(f"{done:.0%} read, {losses.bits_per_byte:.4f} bits per byte so far, {left / 60:.1f} min left")
                    told = done
            yield token
