"""The texts that people bring: files in a folder for each, looked at by a process that may fail for itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from ..errors import JaneLMError, UsageError, cannot_write
from ..machine.files import PART
from .library import new_name

FILE = re.compile(r"[^/\\\x00-\x1f]{1,120}")
PATIENCE = 600.0  # seconds that a look may take


class Texts:
    """Named texts, a folder each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def listed(self) -> list[dict[str, Any]]:
        found = []
        for folder in sorted(path for path in self._folder.glob("*") if path.is_dir()):
            files = [path for path in folder.iterdir() if PART not in path.name]
            found.append({"name": folder.name, "files": len(files), "bytes": sum(f.stat().st_size for f in files)})
        return found

    def folder(self, name: str) -> Path:
        """Raises JaneLMError where no text has this name."""
        if name not in {one["name"] for one in self.listed()}:
            raise JaneLMError(f"there is no text called {name[:100]!r}")
        return self._folder / name

    async def receive(self, name: str, file: str, parts: AsyncIterator[bytes]) -> int:
        """Write a file of a text, part by part as it comes, whole or not at all; returns its size in bytes."""
        folder = self._folder / new_name(name)
        if not FILE.fullmatch(file) or file.startswith(".") or PART in file:
            raise UsageError(f"{file[:100]!r} is no name of a file here")
        temporary = folder / f".{os.urandom(6).hex()}{PART}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            size = await write_parts(temporary, parts)
            os.replace(temporary, folder / file)
        except OSError as error:
            raise cannot_write(folder / file, error) from error
        finally:
            temporary.unlink(missing_ok=True)
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()
        return size

    def remove(self, name: str) -> None:
        shutil.rmtree(self.folder(name))

    def look(self, name: str, words: list[str]) -> dict[str, Any]:
        """What the text is made of, as `janelm look` with these flags says it."""
        return look([str(self.folder(name)), *words])


async def write_parts(path: Path, parts: AsyncIterator[bytes]) -> int:
    """Write a new file part by part as it comes, and return its size in bytes. Raises JaneLMError on a full disk."""
    size = 0
    try:
        with open(path, "xb") as target:
            async for part in parts:
                size += len(part)
                target.write(part)
    except OSError as error:
        raise cannot_write(path, error) from error
    return size


def look(words: list[str], cwd: Path | None = None) -> dict[str, Any]:
    """What `janelm look` says, in a process that may fail for itself: raises JaneLMError with its sentence then."""
    return json.loads(asked([sys.executable, "-m", "janelm", "look", *words, "--json"], PATIENCE, cwd))


def asked(command: list[str], patience: float, cwd: Path | None = None) -> str:
    """What a command prints. Raises JaneLMError with the last line of its complaint where it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", timeout=patience, cwd=cwd, check=False
        )
    except subprocess.TimeoutExpired:
        raise JaneLMError(f"it took more than {patience:.0f} seconds, and was ended") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise JaneLMError(re.sub(r"^.*?janelm \w+: ", "", lines[-1]))
    return done.stdout
