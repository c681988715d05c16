"""Where training stands, besides the weights: plain data, and all that resuming needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

Row = dict[str, float]  # the figures of one evaluation: a line of metrics.csv


@dataclass
class TrainingState:
    """What changes from step to step, and the evaluations so far."""

    step: int = 0
    seconds: float = 0.0  # wall-clock of the run so far, its start and evaluations included
    evaluations_done: int = 0
    best_loss: float = math.inf
    since_best: int = 0
    finished: str = ""  # why training ended, once it has
    losses: list[float] = field(default_factory=list)  # of the steps since the last evaluation
    norms: list[float] = field(default_factory=list)  # of the gradient, likewise
    stepping: float = 0.0  # seconds spent in those steps
    evaluating: list[float] = field(default_factory=list)  # seconds of each evaluation but the first, which warms up
    reserve: float = 0.0  # seconds of a budget of minutes that are kept back for its end
    rows: list[Row] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)  # what the model wrote at each evaluation

    def tokens_per_second(self) -> float:
        """Speed of training alone, without evaluations: the median over the intervals between them."""
        speeds = sorted(row["tokens_per_second"] for row in self.rows if row["tokens_per_second"] > 0)
        return speeds[len(speeds) // 2] if speeds else 0.0


def mean(values: list[float]) -> float:
    """NaN where there are none."""
    return sum(values) / len(values) if values else math.nan
