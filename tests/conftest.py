"""Small texts and models that the tests share. All text here was written for the tests."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from janelm.config import LSTMConfig, TrainingConfig, TransformerConfig

torch.set_num_threads(1)  # small models: more threads only get in each other's way

# Who runs in a shell's background ignores Ctrl-C, and so would all that the tests start there.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("janelm", deadline=None)  # how long a machine takes is asked of benchmarks
settings.load_profile("janelm")

SHAPES = {
    "transformer": TransformerConfig(context_length=16, layers=2, width=32, heads=4),
    "lstm": LSTMConfig(context_length=16, layers=2, width=32),
}


TRAINING = TrainingConfig(
    steps=24,
    batch_tokens=128,
    evaluations=4,
    evaluation_tokens=256,
    warmup_steps=4,
    learning_rate=0.01,
    patience=99,
    precision="fp32",
    compile="off",
    device="cpu",
)


def quiet(line: str) -> None:
    """Hear what training has to say, and pass nothing on."""


def write_text(sentences: int, seed: int = 0) -> str:
    """English-like sentences from a small grammar: predictable enough to learn from in a few steps."""
    rng = random.Random(seed)
    who = ["The miller", "A tall visitor", "My aunt", "The old gardener", "Nobody", "Her cousin"]
    did = ["looked at", "forgot", "carried home", "spoke about", "was fond of", "laughed at"]
    what = ["the lamp", "two green apples", "a letter", "the café", "his hat", "the rain"]
    lines = (f"{rng.choice(who)} {rng.choice(did)} {rng.choice(what)}." for _ in range(sentences))
    return "\n".join(lines) + "\n"


def press_ctrl_c(training: subprocess.Popen) -> str:
    """Interrupt a training once it has saved its run, wait for its end, and return what it wrote to stderr."""
    while not Path("models/model/resume.pt").exists():
        assert training.poll() is None, training.stderr.read()
        time.sleep(0.1)
    time.sleep(1)
    training.send_signal(signal.SIGINT)
    return training.communicate(timeout=120)[1]


@pytest.fixture(scope="session")
def text() -> str:
    return write_text(1500)


@pytest.fixture(params=["transformer", "lstm"])
def shape(request: pytest.FixtureRequest):
    """Each architecture in turn, tiny."""
    return SHAPES[request.param]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Commands write to ./models and ./generated: give each test a working folder."""
    monkeypatch.chdir(tmp_path)
