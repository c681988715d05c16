"""The machine's C++ compiler, and libraries that it makes for this very processor."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

from .errors import JaneLMError
from .files import cache_folder, write_atomically

FLAGS = ["-std=c++20", "-O3", "-march=native", "-fno-math-errno", "-pthread", "-shared", "-fPIC"]


def compiler() -> str | None:
    """The path of what CXX names, or else of g++, where it is there."""
    return shutil.which(os.environ.get("CXX", "g++"))


def library(source: Path, made_by: str) -> Path:
    """The file of the library that the compiler `made_by` makes of `source` and the headers beside it, at first use; it
    is kept in the cache folder.

    Raises JaneLMError where the compiler fails.
    """
    texts = [path.read_text(encoding="utf-8") for path in (source, *sorted(source.parent.glob("*.h")))]
    key = hashlib.sha256(repr((texts, made_by, FLAGS, _instructions())).encode()).hexdigest()
    path = cache_folder() / "compiled" / f"{source.stem}-{key[:16]}.so"
    if not path.exists():
        write_atomically(path, lambda temporary: _compile(made_by, source, temporary))
    return path


def _compile(made_by: str, source: Path, path: Path) -> None:
    done = subprocess.run([made_by, *FLAGS, str(source), "-o", str(path)], capture_output=True, text=True)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), "it does not say why")[:160]
        raise JaneLMError(f"{made_by} cannot compile {source.name} ({reason}): name another C++ compiler in CXX")


def _instructions() -> str:
    """What tells this processor's instructions from another's: caches may be shared or copied between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
