"""How far training has got: a line that moves on a terminal or in a notebook, and elsewhere a line for each
evaluation."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tqdm import tqdm

from .state import Row


class ProgressBar(tqdm):
    """tqdm's bar over a budget of any kind, within a `with`."""

    def __init__(self, step: int, say: Callable[[str], None]) -> None:
        """`step` is how many steps have been taken already; `say` prints a line where there is no bar."""
        super().__init__(
            total=1000,
            bar_format="{percentage:3.0f}% |{bar}| {postfix}",
            file=sys.stderr,
            disable=not (sys.stderr.isatty() or "ipykernel" in sys.modules),
            dynamic_ncols=True,
        )
        self._mark, self._say = (time.perf_counter(), step), say

    def report(self, step: int, done: float, seconds: float, tokens_per_step: int, loss: str) -> None:
        """Show that `done` of the budget, from 0 to 1, was used up in so many seconds and steps."""
        now = time.perf_counter()
        speed = (step - self._mark[1]) * tokens_per_step / (now - self._mark[0])
        self._mark = now, step
        self.n = int(1000 * done)
        self.set_postfix_str(f"loss {loss}, {speed:,.0f} tokens/s, {_left(done, seconds)}")

    def tell(self, row: Row, sample: str, better: bool, done: float, seconds: float) -> None:
        """Say what an evaluation found: above the bar, with what the model wrote; or, where there is no bar, in one
        line that also says how much time is left."""
        losses = f"{row['train_bits_per_byte']:.3f}  validation {row['validation_bits_per_byte']:.3f} bits per byte"
        line = f"step {row['step']:,}  train {losses}{'  (best)' if better else ''}"
        if self.disable:
            self._say(f"{line}  {_left(done, seconds)}" if 0 < done < 1 else line)
        else:
            self.write(f"{line}\n    {' '.join(sample.split())[:160]}", file=sys.stderr)


def _left(done: float, seconds: float) -> str:
    left = seconds * (1 - done) / max(done, 1e-9)
    return f"{left // 60:.0f}:{left % 60:02.0f} left"
