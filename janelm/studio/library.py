"""The runs of a working folder, as people keep them: listed, renamed, put into a bin, taken along as a zip."""

from __future__ import annotations

import math
import os
import re
import shutil
import tempfile
import time
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

from safetensors.numpy import save

from ..errors import JaneLMError, UsageError, cannot_write
from ..machine.locks import CAN_LOCK, lock
from ..measuring.comparison import unfairness
from ..runs.folder import Run

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")
# What a zip may hold: no resume.pt, which only goes on with a training where its text is.
CARRIED = (
    "config.json", "tokenizer.json", "best.safetensors", "metrics.csv", "results.json", "samples.txt", "sample.txt",
    "loss.png", "README.md",
)  # fmt: skip
NEEDED = CARRIED[:3]
MOST_BYTES = 4 << 30  # of all that a zip unpacks to
LOCKS = Path("/proc/locks")
SAMPLE = re.compile(r"^--- step ([\d,]+), validation [\d.]+ bits per byte ---$", re.MULTILINE)


def new_name(name: str) -> str:
    """The name, if it may be that of a run or a text. Raises UsageError otherwise."""
    if not NAME.fullmatch(name):
        raise UsageError("a name has up to 61 letters, digits, _ and -, and begins with a letter or digit")
    return name


def is_written(folder: Path) -> bool:
    """Whether a process is writing this run just now, whoever started it."""
    try:
        if _can_be_read():  # to look is better than to try, which would keep a training out for a moment
            return _is_listed(folder)
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        return CAN_LOCK and not lock(handle)
    finally:
        os.close(handle)


def _is_listed(path: Path) -> bool:
    """Whether Linux lists a lock on this file or folder."""
    stat = path.stat()
    where = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
    return any("FLOCK" in line and where in line.split() for line in LOCKS.read_text().splitlines())


@cache
def _can_be_read() -> bool:
    """Whether the list is there and true: some containers have none, or an empty one."""
    with tempfile.TemporaryDirectory() as name:
        handle = os.open(name, os.O_RDONLY)
        try:
            return LOCKS.exists() and lock(handle) and _is_listed(Path(name))
        except OSError:
            return False
        finally:
            os.close(handle)


class Library:
    """The runs in `models`, and a bin for them."""

    def __init__(self, models: Path, bin: Path) -> None:
        self.models, self.bin = models, bin

    def names(self) -> list[str]:
        found = [path.parent for path in self.models.glob("*/config.json")]
        return [path.name for path in sorted(found, key=lambda path: (path / "config.json").stat().st_mtime)]

    def find(self, name: str) -> Run:
        """Raises JaneLMError where no run has this name."""
        if name not in self.names():
            raise JaneLMError(f"there is no run called {name[:100]!r}")
        return Run(self.models / name)

    def table(self, notes: dict[str, str]) -> list[dict[str, Any]]:
        """A line for each run."""
        return [self._row(self.find(name), notes) for name in self.names()]

    def _row(self, run: Run, notes: dict[str, str]) -> dict[str, Any]:
        row: dict[str, Any] = {"name": run.name, "note": notes.get(run.name, ""), "training": is_written(run.folder)}
        try:
            config, facts = run.config(), run.facts()
            row |= {
                "kind": config.model.kind,
                "data": [Path(name).name for name in config.data.data],
                "minutes": config.training.minutes,
                "parameters": facts.get("parameters"),
                "text": ", ".join(Path(name).name for name in facts["sources"]),
                "finished": (run.folder / "results.json").exists(),
                "resumable": (run.folder / "resume.pt").exists(),
            }
            last = run.metrics()[-1]
            row |= {name: last[name] for name in ("step", "seconds", "tokens_per_second", "gradient_norm")}
            row["validation"] = min(line["validation_bits_per_byte"] for line in run.metrics())
            if row["finished"]:
                row["heldout"] = run.results()["losses"]["heldout"]["bits_per_byte"]
        except (JaneLMError, KeyError) as error:
            if "kind" not in row:
                row["problem"] = str(error)
        return {name: _number(value) for name, value in row.items()}

    def curves(self, name: str) -> dict[str, Any]:
        """What was measured and written while a run learned."""
        run = self.find(name)
        try:
            rows = run.metrics()
        except JaneLMError:
            rows = []
        columns = ("seconds", "tokens", "train_bits_per_byte", "validation_bits_per_byte", "gradient_norm")
        try:
            parts = SAMPLE.split((run.folder / "samples.txt").read_text(encoding="utf-8"))
        except OSError:
            parts = []
        samples = [{"step": int(step.replace(",", "")), "text": text.strip()} for step, text in _pairs(parts[1:])]
        return {"name": name, "samples": samples} | {
            column: [_number(row[column]) for row in rows] for column in columns
        }

    def compare(self, names: list[str]) -> dict[str, Any]:
        """The settings in which runs differ, and why the comparison may not be fair."""
        runs = [self.find(name) for name in names]
        settings = [_flat(run.config().to_json()) for run in runs]
        every = dict.fromkeys(key for one in settings for key in one)
        keys = [key for key in every if len({str(one.get(key)) for one in settings}) > 1]
        unfair = unfairness(runs) if len(runs) > 1 else []
        return {"unfair": unfair, "settings": {key: [one.get(key) for one in settings] for key in keys}}

    def rename(self, old: str, new: str) -> None:
        run, target = self._still(old), self.models / new_name(new)
        if target.exists():
            raise UsageError(f"there is a run called {new} already")
        _move(run.folder, target)
        for ending in (".pth", "-config.pkl"):
            beside = self.models / f"{old}{ending}"
            if beside.exists():
                _move(beside, self.models / f"{new}{ending}")

    def discard(self, name: str) -> str:
        """Put a run into the bin; returns what it is called there."""
        run = self._still(name)
        place = self.bin / f"{name}--{time.time_ns()}"
        place.mkdir(parents=True)
        for path in (run.folder, *(self.models / f"{name}{ending}" for ending in (".pth", "-config.pkl"))):
            if path.exists():
                _move(path, place / path.name)
        return place.name

    def binned(self) -> list[str]:
        return sorted((path.name for path in self.bin.glob("*--*")), key=lambda name: name.rsplit("--", 1)[1])

    def put_back(self, place: str) -> None:
        """Raises JaneLMError where the bin has no such run, or another has taken its name."""
        if place not in self.binned():
            raise JaneLMError(f"the bin has no {place[:100]!r}")
        name = place.rsplit("--", 1)[0]
        if (self.models / name).exists():
            raise UsageError(f"there is another run called {name} now: rename it first")
        for path in (self.bin / place).iterdir():
            _move(path, self.models / path.name)
        (self.bin / place).rmdir()

    def _still(self, name: str) -> Run:
        run = self.find(name)
        if is_written(run.folder):
            raise UsageError(f"{name} is being trained just now: stop it first")
        return run

    def zipped(self, name: str, target: Path) -> None:
        """Write a run as a zip: all that it needs to write text, and so an adapter with its base's weights in it."""
        run = self.find(name)
        whole = save(run.best_weights()) if run.base() else None
        try:
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for file in CARRIED:
                    if (run.folder / file).exists():
                        archive.write(run.folder / file, f"{name}/{file}")
                if whole is not None:
                    archive.writestr(f"{name}/best.safetensors", whole)
        except OSError as error:
            raise cannot_write(target, error) from error

    def unzipped(self, archive: Path, name: str) -> None:
        """Take in a run that `zipped` wrote. Raises UsageError where the file is anything else."""
        target = self.models / new_name(name)
        if target.exists():
            raise UsageError(f"there is a run called {name} already")
        self.models.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".import.", dir=self.models))
        try:
            _extract(archive, temporary)
            Run(temporary).load()
            os.replace(temporary, target)
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
            raise UsageError(f"this is no zip of a run ({error})") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _extract(archive: Path, folder: Path) -> None:
    """The files of a run, and of no other names, each in one piece and all together no larger than they may be."""
    left = MOST_BYTES
    with zipfile.ZipFile(archive) as opened:
        entries = [entry for entry in opened.infolist() if not entry.is_dir()]
        inside = {entry.filename.rpartition("/")[0] for entry in entries}
        names = [entry.filename.rpartition("/")[2] for entry in entries]
        if len(inside) != 1 or "/" in inside.copy().pop() or set(names) - set(CARRIED) or len(set(names)) < len(names):
            raise UsageError("this is no zip of a run: it holds other files than a run has")
        if not set(NEEDED) <= set(names):
            raise UsageError(f"this is no zip of a run: it lacks {' and '.join(sorted(set(NEEDED) - set(names)))}")
        for entry, name in zip(entries, names, strict=True):
            with opened.open(entry) as source, open(folder / name, "xb") as target:
                while part := source.read(min(1 << 20, left + 1)):
                    left -= len(part)
                    if left < 0:
                        raise UsageError("this is no zip of a run: it unpacks to more than one can be")
                    target.write(part)


def _number(value: Any) -> Any:
    """None for what is no number: JSON knows no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _move(source: Path, target: Path) -> None:
    try:
        os.replace(source, target)
    except OSError as error:
        raise cannot_write(target, error) from error


def _pairs(parts: list[str]) -> list[tuple[str, str]]:
    return list(zip(parts[::2], parts[1::2], strict=False))


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return found
