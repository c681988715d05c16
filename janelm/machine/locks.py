"""Locks that die with the process that holds them, whatever ends it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import TracebackType

from ..errors import UsageError, cannot_write

CAN_LOCK = importlib.util.find_spec("fcntl") is not None  # Windows has none: two trainings of one name may mix there


def lock(handle: int) -> bool:
    """Lock an open file or folder until it is closed; returns whether nobody else has it."""
    if not CAN_LOCK:
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system that knows no locks
        return True
    return True


class FolderLock:
    """A folder that one process at a time may write; within `with`, from its start if the folder is there then, and
    from `take` on in any case."""

    def __init__(self, folder: Path, remedy: str) -> None:
        """`remedy` is what to do where another process has it, for the sentence that says so."""
        self.folder, self._remedy = Path(folder), remedy
        self._handle: int | None = None

    def __enter__(self) -> FolderLock:
        if self.folder.is_dir():
            self._lock()
        return self

    def take(self) -> None:
        """Make the folder, which may have been renamed since, and lock it.

        Raises UsageError where another process has it, and JaneLMError where it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        self._lock()

    def _lock(self) -> None:
        self._release()
        if not CAN_LOCK:
            return
        self._handle = os.open(self.folder, os.O_RDONLY)
        if not lock(self._handle):
            self._release()
            raise UsageError(f"another process is writing {self.folder} just now: {self._remedy}")

    def _release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._release()
