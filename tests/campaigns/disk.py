"""What a disk does to a training: python tests/campaigns/disk.py [--share 1]

Full: every write of a command fails, one after another, with ENOSPC at each of its three moments (the temporary file
is made, flushed, renamed). The command must end with one sentence and exit code 1; what was there before must load;
nothing half-written is left; and the command given again must succeed. So for training, resuming, writing, exporting.

Small: the same on disks (tmpfs, which needs root) that are too small for the command by less and less, and then grow.

Also: folders that are read-only, vanish in mid-training, or become a file; and a clock that is set back.

--share 10 tries each tenth write and disk.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from unittest import mock

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

from small import write_little, write_text

from janelm.cli import main as janelm
from janelm.machine import files
from janelm.runs import Run
from janelm.training.loop import Trainer

TINY = "--layers 1 --width 24 --heads 2 --context_length 16 --batch_tokens 128 --evaluation_tokens 128 --evaluations 2"
TRAIN = ["train", "--data", "book.txt", *TINY.split(), "--device", "cpu", "--compile", "off", "--precision", "fp32"]
COMMANDS = {
    "train": [*TRAIN, "--steps", "8"],
    "resume": ["train", "--resume", "--steps", "12"],
    "write": ["write", "--num_tokens", "40", "--engine", "torch"],
    "export": ["export", "model", "--output", "site"],
}
MOMENTS = ("mkstemp", "fsync", "replace")
BASE = tempfile.TemporaryDirectory()


def act(arguments: list[str]) -> tuple[int, str]:
    """The exit code of a command, 99 after a traceback, and what it told."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        try:
            return janelm(arguments), told.getvalue()
        except Exception as error:
            return 99, f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def full_at(moment: str, number: int) -> Iterator[list[int]]:
    """The `number`-th of these calls fails; gives how many there were."""
    owner = files.tempfile if moment == "mkstemp" else files.os
    original, calls = getattr(owner, moment), [0]

    def failing(*arguments: object, **more: object) -> object:
        calls[0] += 1
        if calls[0] == number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*arguments, **more)

    with mock.patch.object(owner, moment, failing):
        yield calls


def strays() -> list[str]:
    return [str(path) for path in Path().rglob(".*.part*")]


@cache
def prepared(command: str) -> Path:
    """A folder with what the command needs, made once."""
    folder = Path(tempfile.mkdtemp(dir=BASE.name))
    os.chdir(folder)
    Path("book.txt").write_text(write_text(300))
    if command != "train":
        assert act(COMMANDS["train"])[0] == 0
    return folder


def start(command: str, folder: str) -> None:
    """Go to this folder, in which all is that the command needs."""
    shutil.copytree(prepared(command), folder, dirs_exist_ok=True)
    os.chdir(folder)


def after(command: str, code: int, told: str) -> Iterator[str]:
    """What is wrong after a command whose write failed."""
    if code not in (0, 1) or (code and len(told.strip().splitlines()[-1]) > 400):
        yield f"exit code {code}, {told.strip()[-200:]}"
    if strays():
        yield f"{strays()} left"
    if Path("models/model/best.safetensors").exists():
        try:
            Run(Path("models/model")).load()
        except Exception as error:
            yield f"the run does not load ({error})"
    code, told = act(COMMANDS[command])
    if code:
        yield f"given again, exit code {code}, {told.strip()[-200:]}"


def writes(command: str) -> list[tuple[str, int]]:
    """All writes of a command: the moment, and which one of its kind it is."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as counted:
        start(command, folder)
        calls = {moment: counted.enter_context(full_at(moment, 0)) for moment in MOMENTS}
        assert act(COMMANDS[command])[0] == 0
        os.chdir("/")
    return [(moment, number) for moment in MOMENTS for number in range(1, calls[moment][0] + 1)]


def full(command: str, share: int) -> tuple[int, list[str]]:
    """Each `share`-th write of a command fails; how many there were, and what was wrong."""
    found: list[str] = []
    tried = writes(command)[::share]
    for moment, number in tried:
        with tempfile.TemporaryDirectory() as folder:
            start(command, folder)
            with full_at(moment, number):
                code, told = act(COMMANDS[command])
            found += [f"{command}, {moment} {number}: {wrong}" for wrong in after(command, code, told)]
            os.chdir("/")
    return len(tried), found


def small(command: str, sizes: int) -> tuple[int, list[str]]:
    """The command on disks of so many sizes, up to one that it fits on; how many were too small, and what was wrong."""
    found, failed = [], 0
    with tempfile.TemporaryDirectory() as folder:
        if mount(folder, "64m"):
            print("tmpfs cannot be mounted here: disks that are too small are tried by root alone")
            return 0, []
        start(command, folder)
        before = used(folder)
        assert act(COMMANDS[command])[0] == 0
        needed = used(folder) - before
        os.chdir("/")
        subprocess.run(["umount", folder], check=True)
        for number in range(1, sizes + 1):
            mount(folder, "64m")
            start(command, folder)
            room = before + needed * number // sizes
            subprocess.run(["mount", "-o", f"remount,size={room // 1024 + 8}k", folder], check=True)
            code, told = act(COMMANDS[command])
            failed += code == 1
            subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
            found += [f"{command} on {room // 1024} KB: {wrong}" for wrong in after(command, code, told)]
            os.chdir("/")
            subprocess.run(["umount", folder], check=True)
    return failed, found


def mount(folder: str, size: str) -> bool:
    """Make a disk of this size; returns whether that failed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    return subprocess.run(command, capture_output=True).returncode != 0


def used(folder: str) -> int:
    disk = shutil.disk_usage(folder)
    return disk.total - disk.free


def during(act_at_step: Callable[[], None]) -> tuple[int, str]:
    """A training in the middle of which something happens to its folder or clock."""
    original = Trainer.step

    def step(self: Trainer, batch: object) -> None:
        original(self, batch)
        if self.state.step == 5:
            act_at_step()

    with mock.patch.object(Trainer, "step", step):
        return act(COMMANDS["train"])


def become_a_file() -> None:
    shutil.rmtree("models/model")
    Path("models/model").write_text("a file")


def set_back() -> None:
    """The wall clock; budgets are counted by one that cannot be set."""
    mock.patch.object(time, "time", lambda: 0.0).start()


HAPPENINGS: dict[str, tuple[Callable[[], None], int]] = {
    "the folder vanishes": (lambda: shutil.rmtree("models/model"), 1),
    "the folder becomes a file": (become_a_file, 1),
    "the clock is set back": (set_back, 0),
}


def happenings() -> list[str]:
    found = []
    for name, (happen, expected) in HAPPENINGS.items():
        with tempfile.TemporaryDirectory() as folder:
            start("train", folder)
            code, told = during(happen)
            if code not in (expected, 0) or "Traceback" in told:
                found.append(f"{name}: exit code {code}, {told.strip()[-200:]}")
            os.chdir("/")
        mock.patch.stopall()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--share", type=int, default=1)
    options = parser.parse_args()
    write_little()
    began, wrong = time.perf_counter(), []
    for command in options.only:
        tried, found = full(command, options.share)
        print(f"{command:8} {tried:4} writes that failed, {len(found)} wrong", flush=True)
        wrong += found
        too_small, found = small(command, max(2, 20 // options.share))
        print(f"{command:8} {too_small:4} disks too small, {len(found)} wrong", flush=True)
        wrong += found
    found = happenings()
    print(f"{len(HAPPENINGS)} happenings, {len(found)} wrong")
    for problem in wrong + found:
        print(problem)
    print(f"{time.perf_counter() - began:.0f} s")
    return int(bool(wrong or found))


if __name__ == "__main__":
    sys.exit(main())
