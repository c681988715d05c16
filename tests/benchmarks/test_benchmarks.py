"""Each benchmark runs to its end at its smallest, and prints its figures: else a figure's command rots unseen.

In CI, or with CI=true: they take a minute of the four that all tests without a browser take.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import forked
import pytest
from small import SHAPES, quiet

from janelm.config import DataConfig, TrainingConfig
from janelm.training.pipeline import train

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(os.environ.get("CI") != "true", reason="benchmarks are run in CI, where CI=true")


def run(name: str, *arguments: str) -> str:
    """What a benchmark prints."""
    done = forked.run(HERE / f"{name}.py", *arguments, "--json", "figures.json")
    assert done.returncode == 0, done.stderr
    assert json.loads(Path("figures.json").read_text())
    return done.stdout


def has_figures(printed: str, *names: str) -> bool:
    """Whether each of these begins a line that has a figure after it."""
    lines = printed.splitlines()
    return all(
        any(line.startswith(name) and any(map(str.isdigit, line[len(name) :])) for line in lines) for name in names
    )


@pytest.fixture
def book(text) -> str:
    Path("book.txt").write_text(text, encoding="utf-8")
    return "book.txt"


@pytest.mark.needs("compiler")
def test_training(book):
    printed = run("training", "--smallest", "--threads", "1", "--text", book)
    contenders = ("transformers, GPT-2", "bare products", "transformer, compiled", "torch.nn.LSTM", "LSTM")
    growth = ("context", "width", "vocabulary", "1024 symbols", "50257 symbols")
    assert has_figures(printed, *contenders, *growth, "tokenising", "startup")


@pytest.mark.needs("compiler")
def test_generation():
    printed = run("generation", "--smallest", "--threads", "1", "--growth", "--long", "100")
    contenders = (
        "transformers",
        "bare products",
        "torch, fp32",
        "torch compiled",
        "ONNX Runtime, int8",
        "native, fp32",
    )
    assert has_figures(printed, *contenders, "LSTM, native", "first character", "context", "width", "memory along")


def test_time_to_quality(book):
    flags = ["--layers", "1", "--width", "32", "--heads", "2", "--context_length", "16", "--batch_tokens", "128"]
    printed = run("time_to_quality", book, "--seconds", "1", "--goal", "9", *flags)
    assert has_figures(printed, "budget, s", "9.0 is reached within")


def test_going_on(book):
    own = DataConfig((str(Path(book).resolve()),))
    train(SHAPES["transformer"], TrainingConfig(steps=1, device="cpu"), "models/old", data=own, say=quiet)
    printed = run("going_on", book, "--run", "models/old", "--smallest", "--keep", "0.5", "--evaluation_tokens", "64")
    assert has_figures(printed, f"{book}, from scratch", f"{book}, from models/old, keep 0.5")


def test_a_benchmark_that_was_broken_off_goes_on(book):
    """The second time nothing is trained."""
    told = ("loops", "--data", book, "--smallest", "--loops", "1")
    first, figures = run(*told), Path("figures.json").read_text()
    assert run(*told) == first and Path("figures.json").read_text() == figures


@pytest.mark.needs("npm")
def test_tokens(book):
    assert has_figures(run("tokens", "--data", book, "--smallest"), "| characters", "| byte pairs", "| words, 4,096")


def test_race(book):
    assert has_figures(run("race", book, "--smallest", "--picture", "race.png"), f"| {book} | 100,000 |")
    assert Path("race.png").read_bytes().startswith(b"\x89PNG")


def test_loops(book):
    assert has_figures(run("loops", "--data", book, "--smallest", "--loops", "1", "2"), "1 loops", "2 loops")


@pytest.mark.browser
@pytest.mark.needs("chromium", "npm")
def test_gpt2_page():
    printed = run("gpt2_page", "--smallest", "--tokens", "5")
    assert has_figures(printed, "parameters", "MB of the file", "seconds until it is loaded", "ms per token")


@pytest.mark.browser
@pytest.mark.needs("chromium", "npm", "compiler")
def test_site_growth():
    assert has_figures(run("site_growth", "--smallest"), "context 8")


@pytest.mark.browser
@pytest.mark.needs("chromium", "npm")
def test_site(text):
    training = TrainingConfig(
        steps=2, batch_tokens=64, evaluations=1, evaluation_tokens=64, compile="off", device="cpu"
    )
    Path("book.txt").write_text(text, encoding="utf-8")
    for kind, shape in SHAPES.items():
        train(shape, training, Path("models") / kind, data=DataConfig(("book.txt",)), say=quiet)
    printed = run("site", "--smallest", "transformer", "lstm")
    assert has_figures(
        printed, "| whole site", "| first text", "| page, transformer", "| transformers.js", "| page, LSTM"
    )


def test_serving():
    assert has_figures(
        run("serving", "--smallest"), "janelm api, 1 streams:", "janelm api, 64 streams:", "memory:", "at 16 streams"
    )


@pytest.mark.needs("novels")
def test_neighbours():
    printed = run("neighbours", "--tokens", "6000", "--models", "lstm")
    assert has_figures(printed, "lstm, chance", "lstm, token vectors", "lstm, layer last, both", "lstm, pieces")


@pytest.mark.needs("novels")
def test_long_texts():
    assert has_figures(
        run("long_texts", "--copies", "2", "--characters", "200000"),
        "read",
        "pack",
        "index of copied passages",
        "text of",
    )
