"""Commands as processes of their own that need not import torch anew, which takes two seconds of each.

They are forks of one process that has imported it and has done nothing yet, so that they fork well.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import socket
import subprocess
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path

from small import write_little

FORKS = multiprocessing.get_context("forkserver") if os.name != "nt" else multiprocessing.get_context("spawn")
TOLD = ("stdout", "stderr")
LIBRARIES = ["matplotlib.figure", "onnxruntime", "torch.distributed.fsdp"]
FORKS.set_forkserver_preload(["janelm.cli", "janelm.training.pipeline", *LIBRARIES])


def _act(words: list[str], variables: dict[str, str], folder: str, told: str) -> None:
    write_little()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    for descriptor, name in enumerate(TOLD, start=1):
        os.dup2(os.open(Path(told) / name, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.stdout, sys.stderr = (os.fdopen(descriptor, "w", encoding="utf-8", closefd=False) for descriptor in (1, 2))
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path.insert(0, str(Path(words[0]).parent))
        runpy.run_path(words[0], run_name="__main__")


class Forked:
    """`python` and these words, in this folder and with this process's environment and more."""

    def __init__(self, *words: str | Path, **environment: str) -> None:
        self.words = [str(word) for word in words]
        self._told = tempfile.TemporaryDirectory()
        given = (self.words, os.environ | environment, os.getcwd(), self._told.name)
        self.process: BaseProcess = FORKS.Process(target=_act, args=given)
        self.process.start()

    def finished(self, timeout: float = 300) -> subprocess.CompletedProcess:
        """Its exit code, and what it told."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            raise subprocess.TimeoutExpired(self.words, timeout)
        told = [(Path(self._told.name) / name).read_text(encoding="utf-8") for name in TOLD]
        self._told.cleanup()
        return subprocess.CompletedProcess(self.words, self.process.exitcode, *told)


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess:
    return Forked(*words, **environment).finished()


def run_team(count: int, *words: str | Path) -> list[subprocess.CompletedProcess]:
    """So many processes, each told who it is in the way that torchrun tells it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    team = [Forked(*words, **place, RANK=str(rank), LOCAL_RANK=str(rank)) for rank in range(count)]
    return [one.finished() for one in team]
