"""A step written in C++ (native/step.cpp), which the machine's own compiler makes for its own processor at first use.

The order of its matrices and its structures are those of step.cpp, and must change with them.

Shapes: L layers, B batch, T time, D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..config import LSTMConfig, ModelConfig, TransformerConfig, reach_of
from ..errors import JaneLMError, UsageError
from ..export.rounding import rounded
from ..machine.compiler import compiler, library
from ..runs.loaded import LoadedRun
from .base import Engine, default_threads

SOURCE = Path(__file__).with_name("native") / "step.cpp"
PRECISIONS = ("fp32", "int8-weights", "int6-weights")
ALIGNMENT = 64  # bytes: a vector that crosses two of the processor's cache lines takes it twice as long


class _Matrix(ctypes.Structure):
    _fields_ = [
        ("weights", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
        ("rows", ctypes.c_int32),
        ("columns", ctypes.c_int32),
    ]


class _Model(ctypes.Structure):
    _fields_ = [
        ("matrices", ctypes.POINTER(_Matrix)),
        ("biases", ctypes.POINTER(ctypes.c_void_p)),
        ("layers", ctypes.c_int32),
        ("heads", ctypes.c_int32),
        ("frequencies", ctypes.c_void_p),
        ("bigram_shares", ctypes.c_void_p),
        ("pool", ctypes.c_void_p),
    ]


class _Text(ctypes.Structure):
    _fields_ = [
        ("keys", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("stride", ctypes.c_int64),
        ("position", ctypes.c_int64),
        ("before", ctypes.c_int64),
        ("window", ctypes.c_int32),
        ("slots", ctypes.c_int32),
    ]


@dataclass
class NativeState:
    """What is carried from step to step."""

    arrays: tuple[np.ndarray, np.ndarray]  # keys and values (L, B, H, slots, E), or hidden and cell (L, B, D)
    slots: int  # memory + 1
    last: np.ndarray  # (B,) int64: the last token of each text, or 0
    position: int = 0  # tokens read so far


class NativeEngine(Engine):
    """A model stepped by a library that is compiled for this processor.

    `precision` is "fp32", or "int8-weights" or "int6-weights": then matrices are held in int8, a scale to each row, and
    widened as they are multiplied. `threads` divide each product among them: by default two, or one where there is but
    one core. A text says the same to the bit alone and beside others, read at once and in parts. Raises JaneLMError
    where there is no C++ compiler, or it fails.
    """

    precisions = PRECISIONS

    def __init__(
        self,
        run: LoadedRun,
        precision: str = "fp32",
        threads: int | None = None,
        *,
        made: Path | None = None,
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr),
    ) -> None:
        """`made` is a library to be used unseen; `say` hears what is wrong with one that is compiled here."""
        self.config, self.vocab_size = run.config.model, run.tokenizer.vocab_size
        if self.config.kind not in KINDS:
            raise JaneLMError(f"{SOURCE.name} has no model of kind {self.config.kind}, but {' and '.join(KINDS)}")
        functions = _load(made or checked_library(say))
        self._each, self._one_step_at_a_time = functions.transformer_each, threading.Lock()
        self._step_of = getattr(functions, self.config.kind)
        self._kept: list[np.ndarray] = []
        weights = run.weights
        matrices, biases, self._state_shape = KINDS[self.config.kind](self.config)
        structures = {name: self._matrix(weights[name], precision) for name in dict.fromkeys(matrices)}
        self._model = _Model(
            matrices=(_Matrix * len(matrices))(*(structures[name] for name in matrices)),
            biases=(ctypes.c_void_p * len(biases))(
                *(self._pointer(np.sum([weights[name] for name in names], 0)) for names in biases)
            ),
            layers=self.config.layers,
            heads=getattr(self.config, "heads", 0),
            frequencies=self._pointer(_frequencies(self.config)),
            bigram_shares=self._pointer(weights["bigram_shares"]) if "bigram_shares" in weights else None,
            pool=functions.start_threads(threads or default_threads()),
        )
        weakref.finalize(self, functions.stop_threads, self._model.pool)

    def _matrix(self, weight: np.ndarray, precision: str) -> _Matrix:
        rows, columns = weight.shape
        if precision == "fp32":
            return _Matrix(self._pointer(weight), None, rows, columns)
        small, scales = rounded(weight, -1, precision)
        return _Matrix(self._pointer(small), self._pointer(scales), rows, columns)

    def _pointer(self, array: np.ndarray) -> int:
        """The address of a copy that lasts as long as the engine."""
        room = np.empty(array.nbytes + ALIGNMENT, np.uint8)
        start = -room.ctypes.data % ALIGNMENT
        room[start : start + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self._kept.append(room)
        return room.ctypes.data + start

    def initial_state(self, batch_size: int, memory: int | None = None) -> NativeState:
        slots = self._memory(memory) + 1
        sizes = [slots if size == "slots" else int(size) for size in self._state_shape]
        shape = [self.config.layers, batch_size, *sizes]
        arrays = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        return NativeState(arrays, slots, np.zeros(batch_size, np.int64))

    def _longest_chunk(self, state: NativeState) -> int | None:
        return None

    def _reach(self, state: NativeState) -> int | None:
        return reach_of(self.config, state.slots - 1) if self.config.bounded_memory else None

    def _pass_over(self, count: int, state: NativeState) -> None:
        state.position += count

    def _step(self, tokens: np.ndarray, state: NativeState) -> tuple[np.ndarray, NativeState]:
        tokens, logits = self._in_and_out(tokens)
        last, first, second = (array.ctypes.data for array in (state.last, *state.arrays))
        start = ctypes.byref(self._model), tokens.ctypes.data, *tokens.shape, state.position, last
        with self._one_step_at_a_time:
            self._step_of(*start, first, second, state.slots, state.slots, logits.ctypes.data, None)
        state.position += tokens.shape[1]
        state.last = tokens[:, -1].copy()
        return logits, state

    def step_each(self, tokens: np.ndarray, states: list[NativeState]) -> tuple[np.ndarray, list[NativeState]]:
        if self.config.kind == "transformer":
            tokens, logits = self._in_and_out(tokens[:, None])
            texts = (_Text * len(states))(*map(_text_of, states))
            start = ctypes.byref(self._model), tokens.ctypes.data, *tokens.shape
            with self._one_step_at_a_time:
                self._each(*start, texts, logits.ctypes.data, None)
        else:  # what is carried of a text is little: it is laid together and apart again
            hidden, cell = (np.concatenate([state.arrays[i] for state in states], axis=1) for i in (0, 1))
            logits, _ = self._step(tokens[:, None], NativeState((hidden, cell), states[0].slots, tokens))
            for b, state in enumerate(states):
                state.arrays[0][:, 0], state.arrays[1][:, 0] = hidden[:, b], cell[:, b]
        for state, token in zip(states, tokens, strict=True):
            state.position += 1
            state.last = token.reshape(1)
        return logits, states

    def _in_and_out(self, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The tokens (B, T) as C++ reads them, and room for logits (B, V)."""
        tokens = np.ascontiguousarray(tokens, np.int64)
        if tokens.view(np.uint64).max() >= self.vocab_size:  # C++ would read there whatever is there
            raise UsageError(f"a token is not one of the {self.vocab_size} in the vocabulary")
        return tokens, np.empty((len(tokens), self.vocab_size), np.float32)


def _text_of(state: NativeState) -> _Text:
    keys, values = state.arrays
    place = state.position, int(state.last[0]), state.slots, state.slots
    return _Text(keys.ctypes.data, values.ctypes.data, keys[0].size, *place)


def _frequencies(config: ModelConfig) -> np.ndarray:
    """Of the rotary angles, in float64: (E / 2), or none."""
    if not isinstance(config, TransformerConfig):
        return np.empty(0)
    size = config.width // config.heads
    return config.rotary_base ** (-2.0 * np.arange(size // 2) / size)


# Of a kind: the names of its matrices and of its biases, those of a sum together, in the order of step.cpp, and what
# a layer carries for each text.
Parts = tuple[list[str], list[list[str]], tuple[int | str, ...]]


def _transformer(config: TransformerConfig) -> Parts:
    of_layer = ["attention.query_key_value", "attention.output", "feed_forward.widen", "feed_forward.output"]
    matrices = [f"blocks.{i}.{part}.weight" for i in range(config.layers) for part in of_layer]
    bigrams = ["bigrams.weight"] if config.bigrams else []
    return [*_ends(config), *matrices, *bigrams], [], (config.heads, "slots", config.width // config.heads)


def _lstm(config: LSTMConfig) -> Parts:
    layers = range(config.layers)
    matrices = [f"lstm.weight_{part}_l{i}" for i in layers for part in ("ih", "hh")]
    biases = [["head.bias"], *([f"lstm.bias_ih_l{i}", f"lstm.bias_hh_l{i}"] for i in layers)]
    return [*_ends(config), *matrices], biases, (config.width,)


def _ends(config: ModelConfig) -> list[str]:
    return ["embedding.weight", "embedding.weight" if config.tied else "head.weight"]


KINDS: dict[str, Callable[[Any], Parts]] = {"transformer": _transformer, "lstm": _lstm}


def checked_library(say: Callable[[str], None]) -> Path:
    """The library, compiled and checked at first use. Raises JaneLMError where that cannot be."""
    made_by = compiler()
    if made_by is None:
        raise JaneLMError("the engine native needs a C++ compiler: install g++, or take engine onnx or torch")
    return library(SOURCE, made_by, _wrong, say, (Path(__file__).with_name("native_check.py"), Path(__file__)))


def _wrong(made: Path) -> str:
    """What is wrong with what a library computes. A process of its own asks, since a wrong one may end who calls it."""
    asked = subprocess.run(
        [sys.executable, "-m", f"{__package__}.native_check", str(made)], capture_output=True, text=True
    )
    if asked.returncode < 0:
        return f"it ends the process by signal {-asked.returncode}"
    return "" if asked.returncode == 0 else (asked.stdout + asked.stderr).strip().splitlines()[-1]


@cache
def _load(path: Path) -> ctypes.CDLL:
    """The library with what its functions take. Python's other threads go on while one runs."""
    try:
        functions = ctypes.CDLL(str(path))
    except OSError as error:
        raise JaneLMError(f"{path} cannot be loaded ({error}): take another engine") from error
    place, count = ctypes.c_void_p, ctypes.c_int32
    start: list[Any] = [ctypes.POINTER(_Model), place, count, count]
    for kind in KINDS:
        step = getattr(functions, kind)
        step.argtypes, step.restype = [*start, ctypes.c_int64, *[place] * 3, count, count, place, place], None
    each = functions.transformer_each
    each.argtypes, each.restype = [*start, ctypes.POINTER(_Text), place, place], None
    functions.start_threads.argtypes, functions.start_threads.restype = [count], place
    functions.stop_threads.argtypes, functions.stop_threads.restype = [place], None
    return functions
