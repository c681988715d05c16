"""`janelm compare`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..errors import UsageError
from .shared import parse, say


@dataclass
class CompareOptions:
    """Which runs, and where their picture goes."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Folders of runs, or their names under ./models."""
    output: Path = Path("assets/comparison.png")
    """The picture (.png)."""


def compare_command(arguments: list[str], program: str) -> int:
    """Compare runs: one table of figures and one picture of their losses."""
    options = parse(CompareOptions, arguments, program, "Compare runs: one table and one picture.")
    if not options.runs:
        raise UsageError("name at least one run, for instance: janelm compare model my_model")
    from ..measuring.comparison import read_row, table, unfairness
    from ..measuring.plots import plot_losses
    from ..runs.folder import find_run

    runs = [find_run(name) for name in options.runs]
    print(table([read_row(run) for run in runs]))
    plot_losses(runs, options.output)
    for reason in unfairness(runs):
        say(f"not a fair comparison: {reason}")
    say(f"the picture is {options.output}")
    return 0
