"""What is installed along with JaneLM is free to use in anything, without asking a lawyer."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def needed() -> dict[str, str]:
    """The licence of each package that the core and the extras need, at any remove, by its name."""
    extras = [name for names in PROJECT["optional-dependencies"].values() for name in names]
    waiting = [*PROJECT["dependencies"], *(name for name in extras if not name.startswith("janelm"))]
    found: dict[str, str] = {}
    while waiting:
        requirement = Requirement(waiting.pop())
        name = re.sub("[-_.]+", "-", requirement.name).lower()
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:  # of the benchmarks, which not everybody installs
            continue
        about = package.metadata
        kinds = [kind for kind in about.get_all("Classifier") or [] if kind.startswith("License")]
        found[name] = about.get("License-Expression") or " ".join(kinds) or (about.get("License") or "")[:100]
        waiting += package.requires or []
    return found


def test_no_package_is_under_the_gpl_the_agpl_or_the_lgpl():
    licences = needed()
    assert {"torch", "numpy", "tyro", "onnxruntime", "reportlab"} <= set(licences) and all(licences.values())
    assert not {name for name, licence in licences.items() if re.search("GPL|General Public", licence)}
