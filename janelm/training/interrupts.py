"""Ctrl-C as a request to end soon, instead of an exception wherever the program happens to be."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SAME_PRESS = 3.0  # seconds within which the terminal and torchrun may both pass on the same Ctrl-C


class Interrupt:
    """Whether Ctrl-C was pressed within `caught`; `say` then tells the user that it was heard."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.asked = False
        self._say = say

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Let the first Ctrl-C set `asked`; one more raises KeyboardInterrupt at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        pressed = math.inf

        def hear(*_: Any) -> None:
            nonlocal pressed
            if time.monotonic() > pressed + SAME_PRESS:
                raise KeyboardInterrupt
            if not self.asked:
                pressed, self.asked = time.monotonic(), True
                self._say("stopping: evaluating and saving; press Ctrl-C again to stop at once")

        before = signal.signal(signal.SIGINT, hear)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
