"""Models that a page steps token by token, with its own sampler: one more engine behind the page's client.

A page says which tokens come next and is told the logits. What the model carries from step to step stays here, for the
texts that were asked for last; of one that is not here any more the page sends all tokens again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ..engines import State
from ..errors import JaneLMError
from .shelf import Desk

MOST = 32  # states that are kept, or as many as fit


class Lost(JaneLMError):
    """The state of a text is not here any more."""


class _Kept(NamedTuple):
    desk: Desk
    state: State


class States:
    """The states of texts, each by a name that nobody guesses."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    async def step(
        self, desk: Callable[[], Desk], tokens: list[int], name: str | None, memory: int | None, rows: int = 1
    ) -> tuple[np.ndarray, str]:
        """Read tokens, at the end of the text of this name or of a new one; the logits (rows, V) after each of the last
        of them, and its name.

        Raises Lost where no text has this name, and Busy.
        """
        kept = self._kept.pop(name, None) if name is not None else await self._begun(desk, memory)
        if kept is None or kept.desk.batch.ending:
            raise Lost("this text is not here any more: send all of it")
        engine, state, said = kept.desk.batch.engine, kept.state, []
        read = np.array([kept.desk.known(tokens)], np.int64)
        rows = min(rows, len(tokens))
        first = len(tokens) - rows + 1
        for part in (read[:, :first], *(read[:, place : place + 1] for place in range(first, len(tokens)))):
            parts = engine.reading(part, state)
            while (told := await asyncio.wrap_future(kept.desk.batch.between(partial(next, parts, None)))) is not None:
                logits, state = told
            said.append(logits[0])
        name = secrets.token_urlsafe(16)
        self._kept = OrderedDict((each, one) for each, one in self._kept.items() if not one.desk.batch.ending)
        self._kept[name] = _Kept(kept.desk, state)
        while len(self._kept) > min(MOST, kept.desk.batch.most):
            self._kept.popitem(last=False)
        return np.stack(said), name

    async def _begun(self, desk: Callable[[], Desk], memory: int | None) -> _Kept:
        found = await asyncio.to_thread(desk)
        return _Kept(found, found.batch.engine.initial_state(1, memory))
