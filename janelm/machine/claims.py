"""Names of files that one process at a time may write: a claim dies with the process that has it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from .locks import CAN_LOCK, lock


class Claim:
    """The right to write some files, as long as this object is kept."""

    def __init__(self) -> None:
        self._held: list[tuple[int, str]] = []

    def take(self, *paths: Path) -> bool:
        """Whether nobody else has any of these paths; then they are this process's."""
        if not CAN_LOCK:  # two processes with one name are not kept apart
            return True
        for path in paths:
            if not self._lock(_place(path)):
                self.release()
                return False
        return True

    def _lock(self, place: str) -> bool:
        while True:
            try:
                handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError:  # another person's, or no room: no reason not to write
                return True
            if not lock(handle):
                os.close(handle)
                return False
            if _is_at(handle, place):
                self._held.append((handle, place))
                return True
            os.close(handle)  # whoever had it has just removed it: a new one is needed

    def release(self) -> None:
        for handle, place in self._held:
            Path(place).unlink(missing_ok=True)
            os.close(handle)
        self._held = []

    def __del__(self) -> None:
        self.release()


def _place(path: Path) -> str:
    """The file that is locked for a path. It is not beside it, where nobody would know what it is."""
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    return os.path.join(tempfile.gettempdir(), f"janelm-{os.getuid()}-{digest[:24]}.lock")


def _is_at(handle: int, place: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(place))
    except FileNotFoundError:
        return False
