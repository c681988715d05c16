"""Folders that are replaced by processes that are killed on the way."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from janelm.errors import JaneLMError
from janelm.machine.files import replace_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="it forks")
SITE = Path("site")


def killed(work: Callable[[], object]) -> None:
    """Do the work in a process that is killed by it."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def names(folder: Path = Path()) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_a_killed_process_left_of_a_folder_goes_when_the_folder_is_written_again():
    killed(lambda: replace_folder(SITE, {"index.html": b"new", "model.onnx": die}))
    assert names() and not SITE.exists()
    replace_folder(SITE, {"index.html": b"new"})
    assert names() == {"site"} and (SITE / "index.html").read_bytes() == b"new"


def test_a_folder_that_somebody_is_writing_now_is_no_stray():
    def write_meanwhile(path: Path) -> None:
        replace_folder(SITE, {"index.html": b"the other's"})
        path.write_bytes(b"mine")

    replace_folder(SITE, {"index.html": write_meanwhile})
    assert names() == {"site"} and (SITE / "index.html").read_bytes() == b"mine"


def test_a_kill_between_the_old_folder_and_the_new_one_loses_neither(monkeypatch):
    replace_folder(SITE, {"index.html": b"old"})
    replace = os.replace

    def second_dies(source: Path, target: Path) -> None:
        die() if Path(source).name == "new" else replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", second_dies)
        killed(lambda: replace_folder(SITE, {"index.html": b"new"}))
    assert not SITE.exists()

    def fail(path: Path) -> None:
        raise OSError("no space")

    with pytest.raises(JaneLMError, match="no space"):
        replace_folder(SITE, {"index.html": fail})
    assert names() == {"site"} and (SITE / "index.html").read_bytes() == b"old"
