"""Trainings as processes of their own: whatever becomes of the server, they go on, and it finds them again.

A training is `janelm train`, or torchrun with several of it, in a session of its own, with what it says in a file.
That file is locked before it starts and it inherits the lock, so that the lock says whether it is alive: to this
server, and to the next one.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ..errors import JaneLMError, UsageError
from ..machine.cores import cores
from ..machine.locks import lock
from .library import Library, is_written
from .store import Store, Training

LOOK = 0.5  # seconds between two looks at what has ended
log = logging.getLogger("janelm")


class Trainings:
    """The queue: one training at a time, or those that start together, side by side."""

    def __init__(self, store: Store, library: Library, logs: Path) -> None:
        self._store, self._library, self._logs = store, library, logs
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._stopped: set[int] = set()
        self._lock, self._ended = threading.Lock(), threading.Event()
        logs.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._watch, name="trainings", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Look no more; what is being trained goes on."""
        self._ended.set()
        self._thread.join()

    def add(self, trainings: dict[str, list[str]], processes: int = 1) -> None:
        """Ask for trainings of these names, with the arguments of `janelm train` besides the name, side by side; each
        by so many processes.

        Raises UsageError where a name is one of a training that waits or runs.
        """
        with self._lock:
            taken = {one.name for one in self._store.trainings() if one.state != "ended"} & set(trainings)
            if taken:
                raise UsageError(f"{taken.pop()} is being trained, or will be: choose another name")
            together = os.urandom(8).hex()
            for name, arguments in trainings.items():
                by = ["torchrun", str(processes)] if processes > 1 else []
                self._store.add(name, together, [*by, *arguments, "--model_file", f"{name}.pth"])

    def more(self, name: str, minutes: float) -> None:
        """Go on with a run for so many more minutes; one that is being trained is stopped and saved first."""
        run = self._library.find(name)
        config, before = run.config().training, 0.0
        if config.minutes is None:
            raise UsageError(f"{name} was not trained for some minutes, but by steps: go on with janelm train --resume")
        before = config.minutes
        running = [one for one in self._store.trainings("running") if one.name == name]
        for one in running:
            self._signal(one, signal.SIGTERM)
        if not running and is_written(run.folder):
            raise UsageError(f"{name} is trained from a terminal: stop it there, then give it more")
        arguments = ["--resume", "--minutes", f"{before + minutes:g}", "--model_file", f"{name}.pth"]
        with self._lock:
            self._store.add(name, os.urandom(8).hex(), arguments)

    def stop(self, id: int, discard: bool = False) -> None:
        """Have a training evaluate, save and end; or throw away what it did. One that waits is taken off the list."""
        found = [one for one in self._store.trainings() if one.id == id and one.state != "ended"]
        if not found:
            raise JaneLMError("this training has ended already")
        with self._lock:
            if found[0].state == "waiting":
                self._store.remove(id)
                return
            if discard:
                self._store.discard(id)
        team = found[0].arguments[0] == "torchrun"  # which, killed, would leave those that it started
        self._stopped.add(id)
        self._signal(found[0], signal.SIGKILL if discard and not team else signal.SIGTERM)

    def said(self, name: str) -> str:
        """The end of what a training of this name has said."""
        try:
            with open(self._log(name), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 4000))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def listed(self) -> list[dict[str, Any]]:
        """Those that wait and run, and the last ones that failed."""
        shown = [one for one in self._store.trainings() if one.state != "ended" or one.code not in (0, None, 143, -9)]
        return [
            {"id": one.id, "name": one.name, "state": one.state, "code": one.code}
            | ({"said": self.said(one.name)[-600:]} if one.state != "waiting" else {})
            for one in shown[-20:]
        ]

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _signal(self, training: Training, number: int) -> None:
        if training.process and self._alive(training):
            try:
                os.kill(training.process, number)
            except OSError:
                log.warning("the process of %s has just ended", training.name)

    def _alive(self, training: Training) -> bool:
        child = self._children.get(training.id)
        if child is not None:
            return child.poll() is None
        try:
            handle = os.open(self._log(training.name), os.O_RDWR)
        except OSError:
            return False
        try:
            return not lock(handle)
        finally:
            os.close(handle)

    def _watch(self) -> None:
        while not self._ended.wait(LOOK):
            try:
                self.look()
            except Exception:  # a full disk, for one: the next look may find room
                log.exception("the list of trainings could not be looked after")

    def look(self) -> None:
        """Note what has ended, and start what is next."""
        with self._lock:
            for one in self._store.trainings("running"):
                if not self._alive(one):
                    child = self._children.pop(one.id, None)
                    code = child.returncode if child else None
                    if code and one.id in self._stopped:  # torchrun says 1 of what it was asked to end
                        code = 128 + signal.SIGTERM
                    self._store.ended(one.id, code)
                    if one.discard and one.name in self._library.names():
                        self._library.discard(one.name)
            waiting = self._store.trainings("waiting")
            if waiting and not self._store.trainings("running"):
                group = [one for one in waiting if one.together == waiting[0].together]
                for one in group:
                    self._begin(one, cores() // len(group))

    def _begin(self, training: Training, threads: int) -> None:
        arguments, python, processes = training.arguments, [sys.executable], 1
        if arguments[0] == "torchrun":
            processes, arguments = int(arguments[1]), arguments[2:]
            python += ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
        command = [*python, "-m", "janelm", "train", *arguments]
        handle = os.open(self._log(training.name), os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            lock(handle)
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                cwd=self._library.models.parent,
                env=os.environ | {"OMP_NUM_THREADS": str(max(1, threads // processes)), "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        finally:
            os.close(handle)
        self._children[training.id] = child
        self._store.started(training.id, child.pid)
