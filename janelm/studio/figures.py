"""What a server measures of itself, in the text form of Prometheus.

Of several processes at one port each has figures of its own and leaves them in a folder every second, so that whichever
is asked tells those of all, by the label `process`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from ..errors import JaneLMError
from ..machine.files import write_atomically
from .shelf import Shelf

EVERY = 1.0  # seconds between two times that a process leaves its figures

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
ABOUT = {
    "steps": "Steps that the model took.",
    "stepped": "Texts in all of these steps together.",
    "read": "Tokens of prompts that were read.",
    "drawn": "Tokens that were told.",
    "turned_away": "Questions that found the server busy.",
}


class Process(NamedTuple):
    """One of several at a port."""

    number: int
    folder: Path
    """Where all of them leave their figures."""


class Figures(Collector):
    """The figures of a server and of each model that it has in memory."""

    def __init__(self, shelf: Shelf, process: Process | None = None) -> None:
        self._shelf, self._process, self.registry = shelf, process, CollectorRegistry()
        self.first = Histogram(
            "janelm_first_token_seconds", "Time to the first token.", ["model"], buckets=SECONDS, registry=self.registry
        )
        self.registry.register(self)
        if process is not None:
            threading.Thread(target=self._leave, args=(process,), name="figures", daemon=True).start()

    def _leave(self, process: Process) -> None:
        pause = threading.Event()
        while True:
            with suppress(JaneLMError):  # a full disk: figures that are old do no harm
                write_atomically(process.folder / f"{process.number}.prom", generate_latest(self.registry))
            pause.wait(EVERY)

    def collect(self) -> Iterator[Metric]:
        desks = self._shelf.desks
        for name, about in {"writing": "Texts under way.", "waiting": "Questions that wait."}.items():
            gauge = GaugeMetricFamily(f"janelm_{name}", about, labels=["model"])
            for model, desk in desks.items():
                gauge.add_metric([model], getattr(desk.batch, name))
            yield gauge
        for name, about in ABOUT.items():
            counter = CounterMetricFamily(f"janelm_{name}", about, labels=["model"])
            for model, desk in desks.items():
                counter.add_metric([model], getattr(desk.batch.figures, name))
            yield counter

    def text(self) -> bytes:
        if self._process is None:
            return generate_latest(self.registry)
        everybody = CollectorRegistry()
        everybody.register(_All(self._process.folder))
        return generate_latest(everybody)


class _All(Collector):
    """The figures that all processes left in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        found: dict[str, Metric] = {}
        for path in sorted(self._folder.glob("[0-9]*.prom")):
            for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
                metric = found.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    labels = sample.labels | {"process": path.stem}
                    metric.add_sample(sample.name, labels, sample.value)
        yield from found.values()
