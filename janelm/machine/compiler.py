"""The machine's C++ compiler, and libraries that it makes for this very processor."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from ..errors import JaneLMError
from .files import cache_folder, write_atomically

FLAGS = ["-std=c++20", "-O3", "-fno-math-errno", "-ffp-contract=off", "-pthread", "-shared", "-fPIC"]
# For this very processor; or, should that come out wrong, for any of its kind, with shorter vectors.
TARGETS: tuple[list[str], ...] = (["-march=native"], [])


def compiler() -> tuple[str, ...] | None:
    """The command that CXX names, or else g++, where it is there: its path, and the words after it in "ccache g++"."""
    try:
        first, *rest = shlex.split(os.environ.get("CXX", "")) or ["g++"]
    except ValueError:  # an open quotation mark
        return None
    path = shutil.which(first)
    return (path, *rest) if path and not _is_stub(path) else None


@cache
def _is_stub(path: str) -> bool:
    """Whether it is what macOS has in its place without developer tools, which opens a dialog at each call."""
    if sys.platform != "darwin" or not path.startswith("/usr/bin/"):
        return False
    return bool(subprocess.run(["xcode-select", "-p"], capture_output=True).returncode)


@cache
def compiles(command: tuple[str, ...]) -> bool:
    """Whether the compiler does its work, tried once: to torch, one that does not is an error in mid-training."""
    try:
        asked = [*command, "-x", "c++", "-fsyntax-only", "-"]
        return not subprocess.run(asked, input=b"int one() { return 1; }", capture_output=True, timeout=60).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


def library(
    source: Path,
    made_by: tuple[str, ...],
    wrong: Callable[[Path], str],
    say: Callable[[str], None],
    asked_by: tuple[Path, ...] = (),
) -> Path:
    """The file of the library that the command `made_by` makes of `source` and the headers beside it, at first use; it
    is kept in the cache folder, and beside it what was found when it was checked.

    `wrong` says what is wrong with what a library computes, or nothing; one that computes wrong numbers is never used,
    and `say` hears of it. Where one of the files `asked_by` changes, by which it judges, it is asked anew. Raises
    JaneLMError where the compiler fails or whatever it makes is wrong.
    """
    texts = [path.read_text(encoding="utf-8") for path in (source, *sorted(source.parent.glob("*.h")), *asked_by)]
    key = hashlib.sha256(repr((texts, made_by, FLAGS, TARGETS, _instructions())).encode()).hexdigest()
    path = cache_folder() / "compiled" / f"{source.stem}-{key[:16]}.so"
    verdict = path.with_suffix(".txt")
    if not path.exists() and not verdict.exists():
        write_atomically(verdict, "\n".join(_make(source, path, made_by, wrong, say)) + "\n")
    if not path.exists():
        raise JaneLMError(
            f"what {' '.join(made_by)} makes of {source.name} is wrong here ({verdict.read_text().strip()})"
        )
    return path


def keep_what_torch_compiles() -> None:
    """Let torch.compile keep its work in the cache folder, so that only the first training of a kind pays for it.

    torch's own place is one for temporary files: it is gone when the machine starts anew, and where another user has
    made it first, what torch unpickles there is theirs. Each kind of processor has a folder of its own. A place that
    the environment names is kept to; a cache folder that cannot be written leaves torch its own.
    """
    kind = hashlib.sha256(_instructions().encode()).hexdigest()[:16]
    folder = cache_folder() / "compiled" / f"torch-{kind}"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))


def _make(
    source: Path, path: Path, made_by: tuple[str, ...], wrong: Callable[[Path], str], say: Callable[[str], None]
) -> Iterator[str]:
    """Leave the first right library at `path`; gives what was found, a line for each that was tried."""
    for target in TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / path.name
            _compile(made_by, [*FLAGS, *target], source, made)
            found = wrong(made)
            if not found:
                write_atomically(path, made.read_bytes())
                yield f"{' '.join(target) or 'any processor'}: checked, right"
                return
        say(f"the C++ step compiled with {' '.join(target) or 'no option for this processor'} is wrong here: {found}")
        yield f"{' '.join(target) or 'any processor'}: {found}"


def _compile(made_by: tuple[str, ...], flags: list[str], source: Path, path: Path) -> None:
    done = subprocess.run([*made_by, *flags, str(source), "-o", str(path)], capture_output=True, text=True)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), "it does not say why")[:160]
        raise JaneLMError(
            f"{' '.join(made_by)} cannot compile {source.name} ({reason}): name another C++ compiler in CXX"
        )


def _instructions() -> str:
    """What tells this processor's instructions from another's: caches may be shared or copied between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
