"""A step written in C++ (native.cpp), which the machine's own compiler makes for its own processor at first use.

Shapes: L layers, B batch, T time, D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ..compiler import library
from ..config import LSTMConfig, ModelConfig, TransformerConfig
from ..errors import JaneLMError, UsageError
from ..rounding import rounded
from ..runs import LoadedRun
from .base import Engine

SOURCE = Path(__file__).with_name("native.cpp")
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
        ("rotary_base", ctypes.c_double),
        ("pool", ctypes.c_void_p),
    ]


@dataclass
class NativeState:
    """What is carried from step to step."""

    arrays: tuple[np.ndarray, np.ndarray]  # keys and values (L, B, H, memory + 1, E), or hidden and cell (L, B, D)
    position: int = 0  # tokens read so far


class NativeEngine(Engine):
    """A model stepped by a library that is compiled for this processor.

    `precision` is "fp32" or "int8-weights": then matrices are held in int8, a scale to each row, and widened as they
    are multiplied. `threads` divide each product among them: by default two, or one where the machine has no more.
    A text says the same to the bit alone and beside others, read at once and in parts. Raises JaneLMError where there
    is no C++ compiler, or it fails.
    """

    precisions = ("fp32", "int8-weights")

    def __init__(self, run: LoadedRun, precision: str = "fp32", threads: int | None = None) -> None:
        self.config, self.vocab_size = run.config.model, run.tokenizer.vocab_size
        self._transformer = isinstance(self.config, TransformerConfig)
        functions = _load(library(SOURCE))
        self._step_of = getattr(functions, self.config.kind)
        weights, self._kept = run.weights, []
        matrices, biases = (_transformer_names if self._transformer else _lstm_names)(self.config)
        structures = {name: self._matrix(weights[name], precision) for name in dict.fromkeys(matrices)}
        self._model = _Model(
            matrices=(_Matrix * len(matrices))(*(structures[name] for name in matrices)),
            biases=(ctypes.c_void_p * len(biases))(
                *(self._pointer(sum(weights[name] for name in names)) for names in biases)
            ),
            layers=self.config.layers,
            heads=getattr(self.config, "heads", 0),
            rotary_base=getattr(self.config, "rotary_base", 0.0),
            pool=functions.start_threads(threads or min(2, os.cpu_count() or 1)),
        )
        weakref.finalize(self, functions.stop_threads, self._model.pool)

    def _matrix(self, weight: np.ndarray, precision: str) -> _Matrix:
        rows, columns = weight.shape
        if precision == "fp32":
            return _Matrix(self._pointer(weight), None, rows, columns)
        small, scales = rounded(weight, axis=-1)
        return _Matrix(self._pointer(small), self._pointer(scales), rows, columns)

    def _pointer(self, array: np.ndarray) -> int:
        """The address of a copy that lasts as long as the engine."""
        room = np.empty(array.nbytes + ALIGNMENT, np.uint8)
        start = -room.ctypes.data % ALIGNMENT
        room[start : start + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self._kept.append(room)
        return room.ctypes.data + start

    def initial_state(self, batch_size: int, memory: int | None = None) -> NativeState:
        L, D, memory = self.config.layers, self.config.width, self._memory(memory)
        shape = (L, batch_size, D)
        if self._transformer:
            shape = (L, batch_size, self.config.heads, memory + 1, D // self.config.heads)
        return NativeState((np.zeros(shape, np.float32), np.zeros(shape, np.float32)))

    def _longest_chunk(self, state: NativeState) -> int | None:
        return None

    def _step(self, tokens: np.ndarray, state: NativeState) -> tuple[np.ndarray, NativeState]:
        B, T = tokens.shape
        tokens = np.ascontiguousarray(tokens, np.int64)
        if tokens.view(np.uint64).max() >= self.vocab_size:  # C++ would read there whatever is there
            raise UsageError(f"a token is not one of the {self.vocab_size} in the vocabulary")
        logits = np.empty((B, self.vocab_size), np.float32)
        first, second = (array.ctypes.data for array in state.arrays)
        start = ctypes.byref(self._model), tokens.ctypes.data, B, T
        if self._transformer:
            self._step_of(*start, state.position, first, second, state.arrays[0].shape[3], logits.ctypes.data)
        else:
            self._step_of(*start, first, second, logits.ctypes.data)
        state.position += T
        return logits, state


def _transformer_names(config: TransformerConfig) -> tuple[list[str], list[list[str]]]:
    """The matrices in the order of native.cpp, and no biases."""
    of_layer = ["attention.query_key_value", "attention.output", "feed_forward.widen", "feed_forward.output"]
    return [*_ends(config), *(f"blocks.{i}.{part}.weight" for i in range(config.layers) for part in of_layer)], []


def _lstm_names(config: LSTMConfig) -> tuple[list[str], list[list[str]]]:
    """The matrices and the biases in the order of native.cpp; a layer's two biases only ever stand in a sum."""
    layers = range(config.layers)
    matrices = [f"lstm.weight_{part}_l{i}" for i in layers for part in ("ih", "hh")]
    return [*_ends(config), *matrices], [["head.bias"], *([f"lstm.bias_ih_l{i}", f"lstm.bias_hh_l{i}"] for i in layers)]


def _ends(config: ModelConfig) -> list[str]:
    return ["embedding.weight", "embedding.weight" if config.tied else "head.weight"]


@cache
def _load(path: Path) -> ctypes.CDLL:
    """The library with what its functions take. Python waits while one runs: no engine takes two steps at once."""
    try:
        functions = ctypes.PyDLL(str(path))
    except OSError as error:
        raise JaneLMError(f"{path} cannot be loaded ({error}): take another engine") from error
    place, count = ctypes.c_void_p, ctypes.c_int32
    start = [ctypes.POINTER(_Model), place, count, count]
    functions.transformer.argtypes = [*start, ctypes.c_int64, place, place, count, place]
    functions.lstm.argtypes = [*start, place, place, place]
    functions.start_threads.argtypes, functions.stop_threads.argtypes = [count], [place]
    functions.start_threads.restype = place
    functions.transformer.restype = functions.lstm.restype = functions.stop_threads.restype = None
    return functions
