"""A server of two small models, at a port of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from small import SHAPES, TOKENIZERS, TRAINING, quiet, write_text

from janelm.studio import server
from janelm.studio.app import UPLOADS, Studio, add_studio
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


@pytest.fixture
def studio(tmp_path) -> Iterator[Studio]:
    """A studio whose list of trainings nobody looks after but the test."""
    made = Studio(tmp_path)
    yield made
    for one in made.store.trainings("running"):
        made.trainings._signal(one, signal.SIGKILL)
    made.store.close()


@pytest.fixture
def kept(studio, trained, tmp_path) -> Studio:
    """A studio with a run of each architecture that it may change."""
    shutil.copytree(trained, tmp_path / "models")
    return studio


@pytest.fixture
def studio_client(kept) -> Iterator[httpx.Client]:
    """A client of all that a studio answers."""
    app = server.api_app(Shelf(kept.library.find, engine="torch", most=4), kept.library.names)
    add_studio(app, kept)
    with running(server.guarded(app, server.Place(), UPLOADS)) as client:
        yield client
    kept.end()


@contextmanager
def studio_process(folder: Path, port: int = 0, **options: Any) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address and the process of a studio in this folder; trainings end with it, which they do not for people."""
    command = [sys.executable, "-m", "janelm", "studio", str(folder), "--port", str(port), "--no_browser"]
    serving = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    try:
        assert serving.stdout is not None
        yield serving.stdout.readline().strip(), serving
    finally:
        serving.kill()
        serving.communicate()
        end_trainings(folder)


def processes(folder: Path) -> list[int]:
    """Of the trainings that run."""
    with sqlite3.connect(folder / "studio" / "studio.db") as file:
        return [one for (one,) in file.execute("select process from trainings where state = 'running'")]


def end_trainings(folder: Path) -> None:
    for process in processes(folder):
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)


def until(reached, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def ask_all_that_is_described(client: httpx.Client, put_in: dict[str, Any], examples: int) -> set[int]:
    """Questions made from the description of a server, with some values put in by name so that they go further; the
    statuses that came back. Each answer is no 500, and each mistake in the API's own form."""
    schema, found = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json"), set()
    for operation in schema.get_all_operations():

        @settings(max_examples=examples, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(case=operation.ok().as_strategy())
        def ask(case):
            for values in (case.body, case.path_parameters, case.query):
                if isinstance(values, dict):
                    values |= {name: put_in[name] for name in put_in if values.get(name) is not None}
            answer = case.call(timeout=60)
            assert answer.status_code < 500, f"{case.path} {case.body}: {answer.text[:300]}"
            assert answer.status_code < 400 or "error" in answer.json()
            found.add(answer.status_code)

        ask()
    return found
