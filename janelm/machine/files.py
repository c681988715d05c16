"""Writing files so that nothing is ever half written, and nothing of the user's is ever lost."""

from __future__ import annotations

import glob
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from ..errors import JaneLMError, cannot_write
from .locks import CAN_LOCK, lock

PART = ".part"  # in the name of a file that is being written, before its ending
Contents = Mapping[str, bytes | Callable[[Path], None]]  # files by name, or what writes the file of a path
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
    temporary, handle = None, None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_strays(path.parent, path.name)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=f"{PART}{path.suffix}", dir=path.parent)
        temporary = Path(name)
        lock(handle)  # while it is held, this is no stray
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.chmod(temporary, 0o666 & ~_umask())
        with open(temporary, "rb+") as written:  # Windows flushes only what may be written
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except Exception as error:  # libraries have errors of their own for a full disk
        if not isinstance(error, OSError | RuntimeError) and type(error).__name__ != "SafetensorError":
            raise
        raise cannot_write(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def check_replaceable(output: Path, mark: str, what: str) -> None:
    """Raise JaneLMError unless `output` is free, empty, or a folder that JaneLM wrote: in its file `mark` stands so."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    try:
        ours = "janelm" in json.loads((output / mark).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        ours = False
    if not ours:
        raise JaneLMError(f"{output} exists and is not {what} that janelm wrote: choose another --output")


def replace_folder(output: Path, contents: Contents) -> None:
    """Write `contents` to a folder beside `output`, then put it in its place. Raises JaneLMError where it cannot."""
    output = Path(os.path.realpath(output))  # a link stays a link
    temporary, handle = None, None
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        _remove_stray_folders(output)
        temporary = Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=PART, dir=output.parent))
        if CAN_LOCK:
            handle = os.open(temporary, os.O_RDONLY)
            lock(handle)  # while it is held, this is no stray
        new, old = temporary / "new", temporary / "old"
        for path, content in contents.items():
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            content(new / path) if callable(content) else (new / path).write_bytes(content)
            os.chmod(new / path, 0o666 & ~_umask())
        if output.exists():
            os.replace(output, old)
        try:
            os.replace(new, output)
        except OSError:
            if old.exists():
                os.replace(old, output)
            raise
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__name__ != "SafetensorError":
            raise
        raise JaneLMError(
            f"cannot write {output} ({getattr(error, 'strerror', None) or error}): make the folder writable, free some "
            "space, or choose another --output"
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def remove_strays(folder: Path, name: str = "*") -> None:
    """Remove what killed processes left of the files that they were writing: all in a folder, or of one name."""
    for path in _strays(folder, name, os.O_RDWR):
        path.unlink(missing_ok=True)


def _remove_stray_folders(output: Path) -> None:
    """Remove what killed processes left beside a folder that they replaced; what stood in its place comes back."""
    for path in _strays(output.parent, output.name, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)):
        if (path / "old").exists() and not output.exists():
            os.replace(path / "old", output)
        shutil.rmtree(path, ignore_errors=True)


def _strays(folder: Path, name: str, how: int) -> Iterator[Path]:
    """What can be opened so, has the name of something half written, and is nobody's now."""
    for path in folder.glob(f".{glob.escape(name) if name != '*' else '*'}.*{PART}*"):
        try:
            handle = os.open(path, how)
        except OSError:
            continue
        try:
            if lock(handle):
                yield path
        finally:
            os.close(handle)


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
            if path.is_dir():
                remove_strays(path)
            try:
                os.replace(path, free)
            except OSError as error:
                raise JaneLMError(
                    f"cannot rename {path} to {free.name} ({error.strerror}): make the folder writable"
                ) from error
            moved[path] = free
    return moved
