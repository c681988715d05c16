"""A third architecture is one file and one line: this one, of which the package knows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from small import SHAPES, TRAINING, quiet
from torch import nn

from janelm.architectures import ARCHITECTURES, LanguageModel, register
from janelm.cli import main
from janelm.config import MODEL_CONFIGS, SamplingConfig
from janelm.engines import OnnxEngine, TorchEngine, choose_engine
from janelm.errors import JaneLMError
from janelm.measuring.cards import model_card
from janelm.measuring.comparison import read_row, table
from janelm.measuring.plots import plot_losses
from janelm.runs import Run, load_run
from janelm.training.pipeline import resume, train
from janelm.training.presets import model_preset, training_preset
from janelm.writing.generation import generate


@dataclass(frozen=True)
class GRUConfig:
    """Shape of a small GRU."""

    kind: ClassVar[str] = "gru"
    bounded_memory: ClassVar[bool] = False

    context_length: int = 16
    layers: int = 1
    width: int = 24

    def weight_shapes(self, vocab_size: int) -> dict[str, tuple[int, ...]]:
        with torch.device("meta"):
            return {name: tuple(weight.shape) for name, weight in GRU(self, vocab_size).named_parameters()}

    def problems(self) -> list[str]:
        return [] if self.width > 0 else [f"width is {self.width}, but must be at least 1"]


class GRU(LanguageModel):
    """Embedding, GRU, head."""

    def __init__(self, config: GRUConfig, vocab_size: int, pad_token: int | None = None) -> None:
        super().__init__(config, vocab_size, pad_token)
        self.embedding = nn.Embedding(vocab_size, config.width)
        self.gru = nn.GRU(config.width, config.width, config.layers, batch_first=True)
        self.head = nn.Linear(config.width, vocab_size)

    def features(self, tokens, state=None):
        x, after = self.gru(self.embedding(tokens), state)
        return x, None if state is None else after

    def initial_state(self, batch_size, memory=None):
        return torch.zeros(self.config.layers, batch_size, self.config.width, device=self.device)

    def hand_on(self, state, fresh):
        return state.detach().masked_fill(fresh[:, None], 0.0)


@pytest.fixture
def gru() -> Iterator[GRUConfig]:
    register(GRUConfig, GRU)
    yield GRUConfig()
    for registry in (MODEL_CONFIGS, ARCHITECTURES):
        del registry["gru"]


def test_it_trains_resumes_evaluates_writes_and_is_compared(gru, text):
    settings = replace(TRAINING, steps=10, evaluations=2)
    finished = train(gru, settings, "models/gru", text=text, say=quiet)
    train(SHAPES["lstm"], settings, "models/lstm", text=text, say=quiet)
    assert finished.results["losses"]["heldout"]["bits_per_byte"] < 8
    first, *_, last = finished.run.metrics()
    assert last["validation_loss"] < first["validation_loss"]
    assert resume(Path("models/gru"), budget={"steps": 20}, text=text, say=quiet).results["steps"] == 20
    run = load_run("gru")
    assert run.config.model == gru and len("".join(generate(run, "The", 30, SamplingConfig(seed=2)))) == 30
    plot_losses([Run(Path("models") / name) for name in ("gru", "lstm")], Path("both.png"))
    assert "| gru " in table([read_row(Run(Path("models") / name)) for name in ("gru", "lstm")])
    assert "gru" in model_card(finished.run)


def test_it_carries_its_state_and_is_scored_while_it_learns(gru, text):
    train(gru, replace(TRAINING, steps=10, carry_state=True), "models/gru", text=text, say=quiet)
    Path("some.txt").write_text(text[:2000])
    for more in ([], ["--dynamic"]):
        assert main(["score", "some.txt", "--run", "gru", *more]) == 0
    assert model_preset("gru", "tiny") == gru and training_preset("gru", "tiny").minutes == 2


def test_it_writes_by_a_traced_graph_and_has_no_step_in_cpp(gru, text):
    train(gru, replace(TRAINING, steps=2), "models/gru", text=text, say=quiet)
    run = load_run("gru")
    with pytest.raises(JaneLMError, match="no model of kind gru, but transformer and lstm"):
        choose_engine(run, "native")
    assert isinstance(choose_engine(run, "onnx"), OnnxEngine)
    assert isinstance(choose_engine(run, "auto", say=quiet), TorchEngine)
