"""`janelm overlap`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import tyro

from .shared import parse, read_text


@dataclass
class OverlapOptions:
    """Which written text, held against the training text of which run."""

    file: Annotated[str, tyro.conf.Positional]
    """The written text, for instance generated/output.txt."""
    run: str = "model"
    """Folder of a run, or its name under ./models."""
    data: tuple[str, ...] = ()
    """Where the text of the run's training lies now, if it has moved."""


def overlap_command(arguments: list[str], program: str) -> int:
    """Find what of a written text stands verbatim in the training text."""
    options = parse(OverlapOptions, arguments, program, "Find what of a written text stands in the training text.")
    from ..errors import JaneLMError
    from ..measuring.overlap import MOST_TOKENS, TokenIndex, report
    from ..runs.dataset import earlier_tokens, training_tokens
    from ..runs.folder import find_run

    run = find_run(options.run)
    tokenizer = run.tokenizer()
    query = tokenizer.encode(read_text(options.file, run.config().data))
    unit = "characters" if tokenizer.config.kind == "character" else "tokens"

    def search(tokens: np.ndarray) -> None:
        if len(tokens) > MOST_TOKENS:
            raise JaneLMError(
                f"the training text has {len(tokens):,} tokens, too many to search: {MOST_TOKENS:,} can be"
            )
        lengths, places = TokenIndex(tokens).matches(query)
        print(report(query, lengths, places, tokenizer.decode, unit=unit))

    search(training_tokens(run, options.data))
    facts = run.facts()
    for text in facts["ancestor"]["texts"] if "ancestor" in facts else []:
        print(f"\nThe text of a model that it goes on from, {', '.join(text['sources'])}:")
        search(earlier_tokens(run, text))
    return 0
