"""The static page: made for its readers and taken along as a zip, or opened in the studio itself with all its rooms."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

from ..errors import JaneLMError, cannot_write
from ..runs.folder import Run
from ..site.folder import STEPS
from ..site.workflow import WORKFLOW
from .library import Library
from .texts import asked
from .wishes import SiteWish

SMALL = 20_000_000  # parameters up to which a model runs in the browser: 15 MB of six-bit weights
PATIENCE = 1800.0  # seconds


class Page:
    """A folder with a page of some runs."""

    def __init__(self, folder: Path, library: Library) -> None:
        self.folder, self._library = folder, library

    @property
    def size(self) -> int | None:
        """In bytes; None where there is no page."""
        if not (self.folder / "index.html").exists():
            return None
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def publish(self, wish: SiteWish) -> None:
        """Write the page as readers will have it."""
        words = ["--precision", wish.precision] + ([f"--title={wish.title}"] if wish.title else [])
        self._export(wish.runs, words)

    def open(self, names: list[str]) -> list[str]:
        """Write the page for the studio itself, unless it is there; the names of models that the server runs.

        Those are large, or of a kind that the page's own step does not know.
        """
        runs = [self._library.find(name) for name in names]
        served = [run.name for run in runs if not _runs_in_a_browser(run)]
        if not self._is_of(runs):
            self._export(names, ["--read=text", "--title=The rooms"] + (["--served", *served] if served else []))
        return served

    @property
    def names(self) -> list[str]:
        """Of the runs on it."""
        return [model["name"] for model in self._manifest().get("models", [])]

    @property
    def served(self) -> list[str]:
        """Of those that the server runs."""
        return [model["name"] for model in self._manifest().get("models", []) if model.get("served")]

    def _manifest(self) -> dict[str, Any]:
        try:
            return json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _is_of(self, runs: list[Run]) -> bool:
        """Whether the page is of these runs as they are now."""
        if self.names != [run.name for run in runs]:
            return False
        files = [path for run in runs for path in (*run.weight_files(), run.folder / "results.json")]
        made = (self.folder / "manifest.json").stat().st_mtime
        return all(path.exists() and path.stat().st_mtime < made for path in files)

    def _export(self, names: list[str], words: list[str]) -> None:
        folders = [str(self._library.find(name).folder) for name in names]
        command = [sys.executable, "-m", "janelm", "export", *folders, "--output", str(self.folder), *words]
        asked(command, PATIENCE, self._library.models.parent)

    def zipped(self, target: Path) -> None:
        """Write the page, and the workflow that publishes it on GitHub Pages, as a zip."""
        if self.size is None:
            raise JaneLMError("there is no site yet: write one first")
        try:
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(self.folder.rglob("*")):
                    archive.write(path, f"site/{path.relative_to(self.folder).as_posix()}")
                archive.writestr(".github/workflows/pages.yml", WORKFLOW.format(folder="site"))
        except OSError as error:
            raise cannot_write(target, error) from error


def _runs_in_a_browser(run: Run) -> bool:
    return run.config().model.kind in STEPS and (run.facts().get("parameters") or 0) <= SMALL
