"""An exported graph, stepped by ONNX Runtime.

It reads in the graph's metadata what the states are and how each is carried: see `export/graphs.py`. Its twins are
web/engine/model.js and web/engine/states.js: tests/browser/test_exactness.py compares their logits.

Shapes: B batch, T time, E size of a head, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import MODEL_CONFIGS, ModelConfig, check, from_dict, reach_of
from ..errors import JaneLMError
from ..export.description import StateDescription, parsed_description
from .base import Engine, default_threads

if TYPE_CHECKING:
    import onnx


class _Single:
    """The inputs and outputs of a step of one token, always in the same places: handing them over anew at each step
    would take a tenth of its time."""

    def __init__(self, session: Any, inputs: dict[str, np.ndarray], shapes: dict[str, list[int]]) -> None:
        from onnxruntime import OrtValue

        self.inputs = inputs
        self.outputs = {name: np.empty(shape, np.float32) for name, shape in shapes.items()}
        self.binding = session.io_binding()
        for name, array in inputs.items():
            self.binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(array))  # where it is: no copy
        for name, array in self.outputs.items():
            self.binding.bind_ortvalue_output(name, OrtValue.ortvalue_from_numpy(array))


@dataclass
class OnnxState:
    """What is carried from step to step."""

    arrays: dict[str, np.ndarray]  # the graph's states by name
    slots: np.ndarray  # the position of the token in each slot of a ring, or -1
    position: int = 0  # tokens read so far, in this window where positions are learned
    single: _Single | None = None
    window: np.ndarray | None = None  # (B, slots + 1), where positions are learned: this window's tokens


class OnnxEngine(Engine):
    """A graph that JaneLM exported, run by ONNX Runtime on the CPU.

    `model` is the graph or the path of its file, and `weights` are the matrices that stand beside it, if
    `export_apart` made it. ONNX Runtime makes its own of both, so that they need not be kept. `threads` divide each
    product among them: by default two, or one where there is but one core. Raises JaneLMError where onnxruntime is
    missing, or `model` is not such a graph.
    """

    def __init__(
        self,
        model: onnx.ModelProto | str | Path,
        threads: int | None = None,
        weights: dict[str, np.ndarray] | None = None,
    ) -> None:
        graph = str(model) if isinstance(model, (str, Path)) else model.SerializeToString()
        name = graph if isinstance(graph, str) else "the graph"
        self._session = _session(
            graph,
            name,
            threads or default_threads(),
            weights or {},
        )
        description = self._session.get_modelmeta().custom_metadata_map.get("janelm")
        if description is None:
            raise JaneLMError(f"{name} does not say what it is: take one that JaneLM exported")
        self.description = parsed_description(description, name)
        self.config: ModelConfig = from_dict(MODEL_CONFIGS, self.description["config"])
        check(self.config)
        self.vocab_size = self.description["vocab_size"]
        self._states = self.description["states"]
        self._ring = self.description.get("ring")
        self._outputs = ["logits", *(state["output"] for state in self._states)]
        self._learned = self._ring is not None and "positions" in self._ring["inputs"]
        if self._ring and not self._learned:
            base, size = self._ring["base"], self._ring["size"]
            self._frequencies = base ** (-np.arange(0, size, 2, dtype=np.float64) / size)  # (E/2)
        self._check_names(name)

    def _check_names(self, name: str) -> None:
        """Raises JaneLMError unless the graph has the inputs and outputs that its description names."""
        inputs = {"tokens", *(state["name"] for state in self._states), *(self._ring["inputs"] if self._ring else ())}
        outputs = {output.name for output in self._session.get_outputs()}
        if inputs != {each.name for each in self._session.get_inputs()} or not outputs.issuperset(self._outputs):
            raise JaneLMError(f"{name} has not the inputs and outputs that it describes: export it again")

    def initial_state(self, batch_size: int, memory: int | None = None) -> OnnxState:
        sizes = {"batch": batch_size, "past": self._memory(memory)}
        shapes = {
            state["name"]: [sizes[size] if isinstance(size, str) else size for size in state["shape"]]
            for state in self._states
        }
        arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        slots = sizes["past"] if self._ring else 0
        window = np.zeros((batch_size, slots + 1), np.int64) if self._learned else None
        return OnnxState(arrays, np.full(slots, -1), window=window)

    def copied(self, state: OnnxState) -> OnnxState:
        arrays = {name: array.copy() for name, array in state.arrays.items()}
        window = None if state.window is None else state.window.copy()
        return OnnxState(arrays, state.slots.copy(), state.position, window=window)

    def _longest_chunk(self, state: OnnxState) -> int | None:
        return len(state.slots) if self._ring else None

    def _reach(self, state: OnnxState) -> int | None:
        if state.window is not None:
            return state.window.shape[1]
        return reach_of(self.config, len(state.slots)) if self._ring else None

    def _pass_over(self, count: int, state: OnnxState) -> None:
        state.position += count
        if state.window is not None and (over := state.position - state.window.shape[1]) > 0:
            kept = state.window.shape[1] // 2
            state.position = kept + 1 + (over - 1) % (state.window.shape[1] - kept)

    def _step(self, tokens: np.ndarray, state: OnnxState) -> tuple[np.ndarray, OnnxState]:
        if state.window is None:
            return self._run(tokens, state)
        while tokens.size:
            if state.position == state.window.shape[1]:  # full: its second half begins the next one
                again = state.window[:, state.position - state.position // 2 :].copy()
                state.position = 0
                state.slots[:] = -1
                self._run_in_window(again, state)
            room = min(state.window.shape[1] - state.position, len(state.slots))
            logits = self._run_in_window(tokens[:, :room], state)
            tokens = tokens[:, room:]
        return logits, state

    def _run_in_window(self, tokens: np.ndarray, state: OnnxState) -> np.ndarray:
        assert state.window is not None
        state.window[:, state.position : state.position + tokens.shape[1]] = tokens
        return self._run(tokens, state)[0]

    def _run(self, tokens: np.ndarray, state: OnnxState) -> tuple[np.ndarray, OnnxState]:
        T = tokens.shape[1]
        if T == 1:
            logits, *outputs = self._run_single(tokens, state)
        else:
            feeds = {"tokens": np.ascontiguousarray(tokens), **state.arrays, **self._where(state, *tokens.shape)}
            with _sentence():
                logits, *outputs = self._session.run(self._outputs, feeds)  # reads the arrays where they are: no copy
        places = self._places(state, T)
        for meta, output in zip(self._states, outputs, strict=True):
            state.arrays[meta["name"]][_where_past(meta, places)] = output
        if self._ring:
            state.slots[places] = np.arange(state.position, state.position + T)
        state.position += T
        return logits, state

    def _run_single(self, tokens: np.ndarray, state: OnnxState) -> list[np.ndarray]:
        """The outputs, which the next step overwrites, except for the logits."""
        if state.single is None:
            B = len(tokens)
            inputs = {"tokens": np.empty((B, 1), np.int64), **state.arrays, **self._where(state, B, 1)}
            shapes = {"logits": [B, self.vocab_size]}
            for meta in self._states:
                shapes[meta["output"]] = list(state.arrays[meta["name"]][_where_past(meta, slice(1))].shape)
            state.single = _Single(self._session, inputs, shapes)
        single = state.single
        single.inputs["tokens"][...] = tokens
        for name, values in self._where(state, 1, 1, known=single.inputs.get("mask")).items():
            single.inputs[name][...] = values
        with _sentence():
            self._session.run_with_iobinding(single.binding)
        logits, *outputs = single.outputs.values()
        return [logits.copy(), *outputs]

    def _where(
        self, state: OnnxState, batch: int, count: int, known: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """What a graph with a ring must know of the places of the next `count` tokens.

        `known` is the mask of an earlier step, which stays as it is once a full ring is seen as a whole.
        """
        if not self._ring:
            return {}
        query = np.arange(state.position, state.position + count)[:, None]  # (T, 1)
        if self._learned:
            found: dict[str, np.ndarray] = {"positions": query[:, 0]}
        else:
            angles = query * self._frequencies  # (T, E/2); exact however far the text is
            turns = {"cosine": np.cos(angles), "sine": np.sin(angles)}
            found = {name: np.tile(values.astype(np.float32), (batch, 1, 1)) for name, values in turns.items()}
        slots = len(state.slots)
        if self._learned or known is None or known.any() or slots > self._ring["memory"]:
            key = np.concatenate((state.slots, query[:, 0]))  # (past + T)
            seen = (key >= 0) & (key <= query) & (key >= query - min(self._ring["memory"], slots))
            found["mask"] = np.where(seen, np.float32(0), np.float32("-inf"))
        return found

    def _places(self, state: OnnxState, count: int) -> slice | np.ndarray:
        """The slots of the next `count` tokens; a slice, which is ten times as quick, where the ring does not turn."""
        if not self._ring:
            return slice(0)
        slots = len(state.slots)
        first = state.position % slots
        if first + count <= slots:
            return slice(first, first + count)
        return np.arange(first, first + count) % slots


def _where_past(meta: StateDescription, places: slice | np.ndarray) -> tuple:
    """The index of these slots in a state; all of it, where the state is no ring."""
    return tuple(places if size == "past" else slice(None) for size in meta["shape"])


@contextmanager
def _sentence() -> Iterator[None]:
    """ONNX Runtime's exceptions, which have no common class of their own, as one that a person can read."""
    try:
        yield
    except Exception as error:
        reason = str(error).splitlines()[0][:160]
        raise JaneLMError(f"ONNX Runtime cannot take a step of this graph ({reason}): export it again") from error


def _session(model: str | bytes, name: str, threads: int, weights: dict[str, np.ndarray]) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise JaneLMError('running a graph needs onnxruntime: install it with pip install "janelm[onnx]"') from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array)) for array in weights.values()]
    options.add_external_initializers(list(weights), values)  # copied, so that they may go when the session is there
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # onnxruntime's exceptions have no common class of their own
        reason = str(error).splitlines()[0][:160]
        raise JaneLMError(
            f"{name} is not a graph that this onnxruntime can run ({reason}): upgrade it, or export the graph again"
        ) from error
