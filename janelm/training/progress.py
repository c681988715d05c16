"""The line on a terminal that shows how far training has got; where stderr is no terminal, nothing is shown."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm


class ProgressBar(tqdm):
    """tqdm's bar over a budget of any kind, within a `with`."""

    def __init__(self, step: int) -> None:
        """`step` is how many steps have been taken already."""
        super().__init__(
            total=1000,
            bar_format="{percentage:3.0f}% |{bar}| {postfix}",
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )
        self._mark = time.perf_counter(), step

    def report(self, step: int, done: float, seconds: float, tokens_per_step: int, loss: str) -> None:
        """Show that `done` of the budget, from 0 to 1, was used up in so many seconds and steps."""
        now = time.perf_counter()
        speed = (step - self._mark[1]) * tokens_per_step / (now - self._mark[0])
        self._mark = now, step
        left = seconds * (1 - done) / max(done, 1e-9)
        self.n = int(1000 * done)
        self.set_postfix_str(f"loss {loss}, {speed:,.0f} tokens/s, {left // 60:.0f}:{left % 60:02.0f} left")

    def tell(self, lines: list[str]) -> None:
        """Print lines above the bar."""
        for line in lines:
            self.write(line, file=sys.stderr)
