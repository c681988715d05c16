"""A server of two small models, at a port of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from small import SHAPES, TOKENIZERS, TRAINING, quiet, write_text

from janelm.studio import server
from janelm.studio.shelf import Shelf
from janelm.training.pipeline import train

KINDS = {"transformer": "tiktoken", "lstm": "character"}


@pytest.fixture(scope="session")
def trained(made_once) -> Path:
    """A folder with a run of each architecture."""

    def make(folder: Path) -> None:
        for kind, tokens in KINDS.items():
            train(SHAPES[kind], TRAINING, folder / kind, text=write_text(600), tokenizer=TOKENIZERS[tokens], say=quiet)

    return made_once("runs-of-the-studio", make)


@contextmanager
def running(app) -> Iterator[httpx.Client]:
    """A client of the application, which is served until the end."""
    opened = server.listening(server.Place(port=0))
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=running.run, args=([opened],), daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{opened.getsockname()[1]}", timeout=60) as client:
            yield client
    finally:
        running.should_exit = True
        thread.join(20)


@pytest.fixture
def shelf(trained) -> Iterator[Shelf]:
    made, _ = server.shelf_of(tuple(str(trained / kind) for kind in KINDS), engine="torch", most=8, most_waiting=20)
    yield made
    made.close()


@pytest.fixture
def client(shelf) -> Iterator[httpx.Client]:
    """A client of the API, and no more."""
    app = server.guarded(server.api_app(shelf, lambda: list(KINDS)), server.Place())
    with running(app) as client:
        yield client
