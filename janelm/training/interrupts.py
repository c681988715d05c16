"""Ctrl-C as a request to end soon, instead of an exception wherever the program happens to be.

So are the signals of a closed terminal (SIGHUP) and of whoever wants the process to end (SIGTERM): schedulers send one,
wait some seconds, and kill.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SAME_PRESS = 3.0  # seconds within which the terminal and torchrun may both pass on the same Ctrl-C
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interrupt:
    """Whether Ctrl-C was pressed within `caught`; `say` then tells the user that it was heard."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.asked = False
        self.signal = 0  # which one it was
        self._say = say

    def heard(self) -> None:
        """Another process of the team was asked to end."""
        self.asked, self.signal = True, self.signal or signal.SIGINT

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Let the first signal set `asked`; one more raises KeyboardInterrupt at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        pressed = math.inf

        def hear(number: int, _: Any) -> None:
            nonlocal pressed
            if time.monotonic() > pressed + SAME_PRESS:
                raise KeyboardInterrupt
            if not self.asked:
                pressed, self.asked, self.signal = time.monotonic(), True, number
                self._say("stopping: evaluating and saving; press Ctrl-C again to stop at once")

        # What is ignored stays so: nohup ignores SIGHUP, and a shell's background Ctrl-C.
        before = {one: signal.getsignal(one) for one in SIGNALS}
        heard = [one for one, handler in before.items() if handler != signal.SIG_IGN]
        for one in heard:
            signal.signal(one, hear)
        try:
            yield
        finally:
            for one in heard:
                signal.signal(one, before[one])
