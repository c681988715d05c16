"""Trainings of a benchmark that is broken off and begun again: each is kept in a file as soon as it has ended."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from janelm.machine.files import write_atomically
from janelm.text.corpora import load_sources

ROOT = Path(__file__).parents[2]


class Cells:
    """Results by what they are of; `path` holds those of earlier times, if there is one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.found: list[dict] = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else []

    def get(self, cell: dict[str, Any], make: Callable[[], dict]) -> dict:
        """The results that are kept of this cell, or else those that `make` gives, which are kept."""
        for kept in self.found:
            if kept["cell"] == cell:
                return kept
        made = make() | {"cell": cell}
        self.found.append(made)
        if self._path:
            write_atomically(self._path, json.dumps(self.found, indent=1) + "\n")
        return made


def text_of(name: str) -> str:
    """All of a text, a file or a corpus by name, without the titles of the Bible's verses."""
    return re.sub(r"<[^>\n]*>\t", "", "\n\n".join(source.text for source in load_sources((name,))))


def train(folder: Path, *flags: str) -> dict:
    """The results of one run of traineval.py."""
    command = [sys.executable, ROOT / "traineval.py", "--model_file", "new.pth", *flags]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads((folder / "models" / "new" / "results.json").read_text(encoding="utf-8"))
