"""`janelm score`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..config import check
from ..errors import JaneLMError
from .shared import parse, say


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
    from ..measuring.evaluation import Losses
    from ..measuring.scoring import (
        DynamicReader,
        Reader,
        held_out,
        read_blocks,
        read_whole_documents,
        score,
        shared_tokenizer,
    )
    from ..runs.dataset import run_data
    from ..runs.folder import find_run

    found = [find_run(name) for name in options.run]
    runs, losses = [run.load() for run in found], Losses()
    tokenizer = shared_tokenizer(runs)
    if options.heldout:
        text, before = held_out(
            run_data(*found, data=options.data), max(run.model.config.context_length for run in runs)
        )
    elif tokenizer.documents:
        text, before = read_whole_documents(Path(options.file), tokenizer, runs[0].config.data), None
    else:
        text, before = read_blocks(Path(options.file), tokenizer, runs[0].config.data), None
    readers = [DynamicReader(run.model, options.dynamic_rate) if options.dynamic else Reader(run.model) for run in runs]
    for scored in score(readers, tokenizer, text, losses, before):
        if options.per_token:
            print(f"{scored.nats / math.log(2):8.3f}  {tokenizer.decode([scored.token])!r}")
    if not losses.tokens:
        raise JaneLMError(f"{options.file} is empty: name a file with text in it")
    state = "each document from a fresh start" if tokenizer.documents else "read with carried state"
    how = "dynamic evaluation, learning from what it has read" if options.dynamic else state
    how += f", an ensemble of {len(runs)}" if len(runs) > 1 else ""
    figures = say if options.per_token else print
    figures(
        f"{losses.bits_per_byte:.4f} bits per byte, perplexity {losses.perplexity:.2f} per token, accuracy "
        f"{losses.accuracy:.1%}; {losses.tokens:,} tokens, {losses.bytes:,} bytes, {how}"
    )
    return 0
