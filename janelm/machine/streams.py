"""Output that nobody reads any more is no reason to stop working."""

from __future__ import annotations

import os
from typing import Any, TextIO


class Steady:
    """A stream that goes on when whoever read it has gone: what is written from then on is lost, and `lost` says so."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self.lost = stream, False

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # a closed pipe, a terminal that is gone; a stream closed by Python
            self._lose()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._lose()

    def _lose(self) -> None:
        self.lost = True
        try:  # or Python, when it ends, would try once more to write what is left
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)
        except (OSError, ValueError):
            pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
