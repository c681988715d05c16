"""Small texts and models that the tests share. All text here was written for the tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from filelock import FileLock
from hypothesis import settings
from small import SHAPES, write_little, write_text

from janelm.machine.cores import cores

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = ["needs"]

# One process more than there are cores: for a third of their time tests wait for a browser, a server or a process.
WORKERS = cores() + 1

torch.set_num_threads(1)  # small models: more threads only get in each other's way,
os.environ.setdefault("OMP_NUM_THREADS", "1")  # and so they do in processes that tests start

write_little()

# Who runs in a shell's background ignores Ctrl-C, and so would all that the tests start there.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("janelm", deadline=None)  # how long a machine takes is asked of benchmarks
settings.load_profile("janelm")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For one file, none: each worker imports torch anew."""
    paths = {argument.split("::")[0] for argument in config.args}
    return 0 if len(paths) == 1 and paths.pop().endswith(".py") else WORKERS


SLOW = ("benchmarks", "campaigns", "engines", "studio", "training")  # folders of files that take long


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first: else one process is left with it at the end, while the others are idle."""
    items.sort(key=lambda item: item.path.parent.name not in SLOW)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """`made_once(name, make)`: the folder that `make` fills, once for all the processes that share these tests."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        path, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                path.mkdir()
                make(path)
                done.touch()
        return path

    return folder


@pytest.fixture(scope="session")
def text() -> str:
    return write_text(1500)


@pytest.fixture(params=list(SHAPES))
def shape(request: pytest.FixtureRequest):
    """Each architecture in turn, tiny."""
    return SHAPES[request.param]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Commands write to ./models and ./generated: give each test a working folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Browser]]:
    """Starts Chromium, without a window and with further flags; one process has but one Playwright."""
    from needs import chromium
    from playwright.sync_api import sync_playwright

    path = chromium()
    with sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *flags])


@pytest.fixture(scope="session")
def browser(launch) -> Iterator[Browser]:
    browser = launch()
    yield browser
    browser.close()
