"""What a server measures of itself, in the text form of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .shelf import Shelf

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
ABOUT = {
    "steps": "Steps that the model took.",
    "stepped": "Texts in all of these steps together.",
    "read": "Tokens of prompts that were read.",
    "drawn": "Tokens that were told.",
    "turned_away": "Questions that found the server busy.",
}


class Figures(Collector):
    """The figures of a server and of each model that it has in memory."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf, self.registry = shelf, CollectorRegistry()
        self.first = Histogram(
            "janelm_first_token_seconds", "Time to the first token.", ["model"], buckets=SECONDS, registry=self.registry
        )
        self.registry.register(self)

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
        return generate_latest(self.registry)
