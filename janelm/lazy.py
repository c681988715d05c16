"""Names that a package hands on from its files, each imported when it is first asked for.

`janelm --help` need not wait for torch, and writing text needs no torch at all.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def handed_on(package: str, **files: str) -> tuple[Callable[[str], Any], list[str]]:
    """`__getattr__` and `__all__` of a package, from the names (with blanks between them) that each file has."""
    homes = {name: file for file, names in files.items() for name in names.split()}

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f".{homes[name]}", package), name)

    return find, sorted(homes)
