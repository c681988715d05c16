"""Runs that tests of the exported folder share, and a site of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sites import LEAN, trained
from small import write_text

from janelm.runs import Run
from janelm.site.folder import write_site


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> list[Run]:
    return [trained(tmp_path_factory.mktemp("runs"), kind) for kind in ("transformer", "lstm")]


@pytest.fixture(scope="session")
def verses(tmp_path_factory) -> Run:
    lines = write_text(200).splitlines()
    text = "".join(f"<{('Dawn', 'Très tard')[i % 2]}>\t{line}\n" for i, line in enumerate(lines))
    return trained(tmp_path_factory.mktemp("verses"), text=text, documents="lines", titles="keep")


@pytest.fixture(scope="session")
def site(runs, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("site") / "page"
    write_site(runs, place, LEAN)
    return place
