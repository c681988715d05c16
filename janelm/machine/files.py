"""Writing files so that nothing is ever half written, and nothing of the user's is ever lost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import JaneLMError

MODELS, GENERATED = Path("models"), Path("generated")  # where a person's runs and texts go


def cache_folder() -> Path:
    """What was fetched or made once is kept there: JANELM_CACHE, or the user's cache folder."""
    base = os.environ.get("JANELM_CACHE")
    return Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "janelm"


def write_atomically(path: Path, content: str | bytes | Callable[[Path], None]) -> None:
    """Write `path` as a whole or not at all: to a temporary neighbour, flushed to disk, then renamed.

    `content` is text (written as UTF-8), bytes, or a function that writes the file whose path it is given.
    Raises JaneLMError where the folder cannot be written or the disk is full; what stood there before stays.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        temporary = Path(name)
        os.close(handle)
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.chmod(temporary, 0o666 & ~_umask())
        with open(temporary, "rb+") as written:  # Windows flushes only what may be written
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise JaneLMError(
            f"cannot write {path} ({reason}): make the folder writable, free some space, or choose another place"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def free_names(*paths: Path, taken: Iterable[Path] = ()) -> list[Path]:
    """The first `stem-1`, `stem-2`, ... under which none of `paths` exists or is `taken`, for all of them together."""
    number = 1
    while any(_numbered(path, number).exists() or _numbered(path, number) in taken for path in paths):
        number += 1
    return [_numbered(path, number) for path in paths]


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def set_aside(*paths: Path) -> dict[Path, Path]:
    """Rename those of `paths` that exist to the next free number; returns what went where."""
    moved = {}
    for path, free in zip(paths, free_names(*paths), strict=True):
        if path.exists():
            try:
                os.replace(path, free)
            except OSError as error:
                raise JaneLMError(
                    f"cannot rename {path} to {free.name} ({error.strerror}): make the folder writable"
                ) from error
            moved[path] = free
    return moved
