"""Small texts and models that the tests share. All text here was written for the tests."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from hypothesis import settings
from small import SHAPES, write_text

torch.set_num_threads(1)  # small models: more threads only get in each other's way,
os.environ.setdefault("OMP_NUM_THREADS", "1")  # and so they do in processes that tests start

# Who runs in a shell's background ignores Ctrl-C, and so would all that the tests start there.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("janelm", deadline=None)  # how long a machine takes is asked of benchmarks
settings.load_profile("janelm")


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
