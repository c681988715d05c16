"""`janelm score`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..errors import JaneLMError
from .shared import parse, say


@dataclass
class ScoreOptions:
    """Which text, by which model."""

    file: Annotated[str, tyro.conf.Positional]
    """The text, a UTF-8 file of any size."""
    run: str = "model"
    """Folder of a run, or its name under ./models."""
    per_token: bool = False
    """Print what each token cost, in bits, one to a line."""


def score_command(arguments: list[str], program: str) -> int:
    """Measure how well a model expects any text."""
    options = parse(ScoreOptions, arguments, program, "Measure how well a model expects any text.")
    from ..evaluation import Losses
    from ..runs import load_run
    from ..scoring import read_blocks, score

    run, losses = load_run(options.run), Losses()
    for scored in score(run, read_blocks(Path(options.file)), losses):
        if options.per_token:
            print(f"{scored.nats / math.log(2):8.3f}  {run.tokenizer.decode([scored.token])!r}")
    if not losses.tokens:
        raise JaneLMError(f"{options.file} is empty: name a file with text in it")
    figures = say if options.per_token else print
    figures(
        f"{losses.bits_per_byte:.4f} bits per byte, perplexity {losses.perplexity:.2f} per token, accuracy "
        f"{losses.accuracy:.1%}; {losses.tokens:,} tokens, {losses.bytes:,} bytes, read with carried state"
    )
    return 0
