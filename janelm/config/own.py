"""Whether code that a run brings with it may run here, and the sources of what has been loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

SOURCES: dict[str, bytes] = {}  # the files of architectures of people's own, by kind
_trusted = [False]


class Code(TypedDict):
    """What config.json says of the file of an architecture: the name of its class, and its hash."""

    name: str
    sha256: str


def code_of(kind: str) -> Code | None:
    """The same of a kind that is loaded; None of those that the package has."""
    if kind not in SOURCES:
        return None
    return {"name": kind.rpartition("-")[0], "sha256": hashlib.sha256(SOURCES[kind]).hexdigest()}


def trusted() -> bool:
    return _trusted[0]


@contextmanager
def trust(asked: bool = True) -> Iterator[None]:
    """Within it, if `asked`, the code that runs bring with them is run when they are loaded."""
    before, _trusted[0] = _trusted[0], asked or _trusted[0]
    try:
        yield
    finally:
        _trusted[0] = before
