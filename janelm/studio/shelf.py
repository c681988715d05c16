"""The models that a server has in memory: each once, with what writes many texts with it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..engines import choose_engine
from ..errors import JaneLMError
from ..runs.folder import Run
from ..runs.loaded import LoadedRun
from .batching import Batch

MOST_MODELS = 8  # that are kept in memory where runs are loaded when they are first asked for


@dataclass
class Desk:
    """A model that is ready to write."""

    source: Run
    run: LoadedRun
    batch: Batch

    @property
    def created(self) -> int:
        """When the run was made, in seconds since 1970."""
        return int((self.source.folder / "config.json").stat().st_mtime)

    @property
    def parameters(self) -> int:
        shapes = self.run.config.model.weight_shapes(self.run.tokenizer.vocab_size).values()
        return int(sum(np.prod(shape) for shape in shapes))

    def known(self, tokens: list[int]) -> list[int]:
        """The tokens, each of which the vocabulary has. Raises JaneLMError otherwise."""
        size = self.run.tokenizer.vocab_size
        if any(token >= size for token in tokens):
            raise JaneLMError(f"a token is not one of the {size:,} in the vocabulary of {self.source.name}")
        return tokens

    @cached_property
    def reader(self) -> Reader:
        """The model in torch, which is loaded a second time for it."""
        return Reader(self.source.load())


class Reader:
    """What a model has inside when it has read a text."""

    def __init__(self, run: LoadedRun) -> None:
        self._model, self._lock = run.model, threading.Lock()

    def embed(self, tokens: list[int]) -> np.ndarray:
        """The mean of what the head reads at each of the tokens, at least one: (D,) float32 of length one."""
        import torch

        size = self._model.config.context_length
        with self._lock, torch.inference_mode():
            state, total = self._model.initial_state(1), torch.zeros(self._model.config.width)
            for start in range(0, len(tokens), size):
                features, state = self._model.features(torch.tensor([tokens[start : start + size]]), state)
                total += features[0].float().sum(0)
        vector = (total / total.norm().clamp_min(1e-12)).numpy()
        return vector.astype(np.float32)


class Shelf:
    """Models by name. `find` says which run a name means, and raises JaneLMError where it means none."""

    def __init__(
        self,
        find: Callable[[str], Run],
        engine: str = "auto",
        precision: str = "fp32",
        say: Callable[[str], None] = lambda line: None,
        most: int | None = None,
        most_waiting: int | None = None,
    ) -> None:
        """`most` texts are written at once with a model, and `most_waiting` may wait for it."""
        self._find, self._engine, self._precision, self._say = find, engine, precision, say
        self._sizes = {"most": most} | ({} if most_waiting is None else {"most_waiting": most_waiting})
        self._desks: dict[str, Desk] = {}
        self._marks: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def desks(self) -> dict[str, Desk]:
        """Those in memory."""
        return dict(self._desks)

    def get(self, name: str) -> Desk:
        """The model of this name, which is loaded if need be, or anew if it has changed on disk.

        Raises JaneLMError where there is none or it is damaged.
        """
        with self._lock:
            source = self._find(name)
            mark = _mark(source)
            desk = self._desks.pop(name, None)
            if desk is not None and self._marks[name] != mark:
                desk.batch.close()
                desk = None
            if desk is None:
                desk, self._marks[name] = self._load(source), mark
            self._desks[name] = desk  # last, as the one that was asked for last
            self._make_room()
            return desk

    def _load(self, source: Run) -> Desk:
        run = source.load()
        engine = choose_engine(run, self._engine, self._precision, self._say, num_samples=2)
        run.release_weights()
        self._say(f"{source.name}: {type(engine).__name__}")
        return Desk(source, run, Batch(engine, **self._sizes))  # type: ignore[arg-type]

    def _make_room(self) -> None:
        idle = [name for name, desk in self._desks.items() if not (desk.batch.writing or desk.batch.waiting)]
        for name in idle[: max(0, len(self._desks) - MOST_MODELS)]:
            self._desks.pop(name).batch.close()

    def end(self) -> None:
        """Take no more orders."""
        for desk in self.desks.values():
            desk.batch.end()

    def close(self) -> None:
        for desk in self.desks.values():
            desk.batch.close()
        self._desks.clear()


def _mark(run: Run) -> str:
    """Another one when the weights have changed."""
    try:
        stats = [path.stat() for path in run.weight_files()]
    except OSError:
        return ""
    return hashlib.sha256(repr([(one.st_mtime_ns, one.st_size, one.st_ino) for one in stats]).encode()).hexdigest()
