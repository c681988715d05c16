"""What steps a model: PyTorch, or ONNX Runtime on an exported graph. One interface, numpy in and out.

    state = engine.initial_state(batch_size)
    logits, state = engine.step(tokens, state)

An engine never asks which architecture it holds. `TorchEngine` passes the model's own state on; `OnnxEngine` reads in
the graph's metadata what its states are and how each is carried: see `export/graphs.py`.

Shapes: B batch, T time, L layers, H heads, E size of a head, V vocabulary.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from .architectures import LanguageModel
from .config import MODEL_CONFIGS, ModelConfig, from_dict
from .errors import JaneLMError, UsageError
from .runs import LoadedRun

if TYPE_CHECKING:
    import onnx

State = Any  # each engine's own; whoever steps an engine only passes it on


class Engine(ABC):
    """A model that reads tokens in chunks of any size and says what it expects next."""

    config: ModelConfig
    vocab_size: int

    @abstractmethod
    def initial_state(self, batch_size: int, memory: int | None = None) -> State:
        """The state before the first token of `batch_size` texts.

        `memory` is how many tokens before a token an attention looks back on: at least 1 and, as by default, at most
        one less than the context length. An LSTM has no use for it. Raises UsageError on a number under 1.
        """

    def step(self, tokens: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """tokens (B, T) int64, T at least 1 -> logits (B, V) float32 of the last position, and the state after it.

        The state that is passed in is used up. Raises UsageError where tokens have another shape.
        """
        if tokens.ndim != 2 or tokens.shape[1] < 1:
            raise UsageError(f"tokens have the shape {tokens.shape}, but must be (batch, time) with at least one token")
        chunk = self._longest_chunk(state) or tokens.shape[1]
        for start in range(0, tokens.shape[1], chunk):
            logits, state = self._step(tokens[:, start : start + chunk], state)
        return logits, state

    @abstractmethod
    def _longest_chunk(self, state: State) -> int | None:
        """How many tokens `_step` takes at once; None where there is no limit."""

    @abstractmethod
    def _step(self, tokens: np.ndarray, state: State) -> tuple[np.ndarray, State]: ...

    def _memory(self, memory: int | None) -> int:
        longest = self.config.context_length - 1
        if memory is not None and memory < 1:
            raise UsageError(f"memory is {memory}, but must be at least 1 token")
        return longest if memory is None else min(memory, longest)


class TorchEngine(Engine):
    """A model of this package, on its device. The model is put into evaluation mode.

    Where oneDNN is there, its products are oneDNN's: the model that is passed in stays as it is, and its matrices are
    kept a second time, in the order in which oneDNN reads them.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model.eval()
        self._steps = _packed(model) if _packing_pays(model) else model
        self.config = model.config
        self.vocab_size = model.vocab_size

    @torch.inference_mode()
    def initial_state(self, batch_size: int, memory: int | None = None) -> State:
        memory = self._memory(memory)
        return memory + 1, self.model.initial_state(batch_size, memory)

    def _longest_chunk(self, state: State) -> int | None:
        return state[0]

    @torch.inference_mode()
    def _step(self, tokens: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        chunk, inner = state
        logits, inner = self._steps(torch.from_numpy(tokens).to(self.model.device), inner)
        return logits[:, -1].float().cpu().numpy(), (chunk, inner)


class _PackedLinear(nn.Module):
    """A linear without gradients, its weight in oneDNN's order.

    Writing asks for a row or a few at a time. There F.linear, which is MKL's, takes two to three times as long: see
    tests/benchmarks/EXPERIMENTS.md.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach())
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")


def _packed(module: nn.Module) -> nn.Module:
    """A twin of `module` that shares its parameters, but with its linears packed and without dropout."""
    if type(module) is nn.Linear:
        return _PackedLinear(module)
    if type(module) is nn.Dropout:
        return nn.Identity()
    twin = copy.copy(module)
    twin._modules = {name: _packed(child) for name, child in module._modules.items()}
    return twin


def _packing_pays(model: LanguageModel) -> bool:
    """Whether torch has oneDNN for this model: with fp32 weights, on the CPU."""
    there = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    return there and model.device.type == "cpu" and all(p.dtype == torch.float32 for p in model.parameters())


@dataclass
class OnnxState:
    """The graph's states by name, and how far the text has got."""

    arrays: dict[str, np.ndarray]
    position: int = 0


class OnnxEngine(Engine):
    """A graph that JaneLM exported, run by ONNX Runtime on the CPU.

    `threads` divide each product among them: by default two, or one where the machine has no more. Raises JaneLMError
    where onnxruntime is missing, or `model` (a graph or the path of its file) is not such a graph.
    """

    def __init__(self, model: onnx.ModelProto | str | Path, threads: int | None = None) -> None:
        path = isinstance(model, (str, Path))
        self._session = _session(
            str(model) if path else model.SerializeToString(),
            str(model) if path else "the graph",
            threads or min(2, os.cpu_count() or 1),
        )
        description = self._session.get_modelmeta().custom_metadata_map.get("janelm")
        if description is None:
            raise JaneLMError(
                f"{model if path else 'the graph'} does not say what it is: take one that JaneLM exported"
            )
        self.description = json.loads(description)
        self.config = from_dict(MODEL_CONFIGS, self.description["config"])
        self.vocab_size = self.description["vocab_size"]
        self._states = self.description["states"]
        self._ring = self.description.get("ring")
        self._outputs = ["logits", *(state["output"] for state in self._states)]
        if self._ring:
            base, size = self._ring["rotation"]["base"], self._ring["rotation"]["size"]
            self._frequencies = base ** (-np.arange(0, size, 2, dtype=np.float64) / size)  # (E/2)

    def initial_state(self, batch_size: int, memory: int | None = None) -> OnnxState:
        sizes = {"batch": batch_size, "past": self._memory(memory)}
        shapes = {state["name"]: [sizes.get(size, size) for size in state["shape"]] for state in self._states}
        arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        if self._ring:
            arrays["slots"] = np.full(sizes["past"], self._ring["slots"]["empty"], np.int64)
        return OnnxState(arrays)

    def _longest_chunk(self, state: OnnxState) -> int | None:
        return len(state.arrays["slots"]) if self._ring else None

    def _step(self, tokens: np.ndarray, state: OnnxState) -> tuple[np.ndarray, OnnxState]:
        T = tokens.shape[1]
        positions = np.arange(state.position, state.position + T)
        feeds = {"tokens": np.ascontiguousarray(tokens), **state.arrays}
        if self._ring:
            feeds |= {"position": positions[:1], "rotation": self._rotation(positions)}
        logits, *outputs = self._session.run(self._outputs, feeds)  # reads the arrays where they are: no copy
        places = self._places(state, T)
        for meta, output in zip(self._states, outputs, strict=True):
            if meta["update"] == "replace":
                state.arrays[meta["name"]] = output
            else:
                state.arrays[meta["name"]][:, :, places] = output
        if self._ring:
            state.arrays["slots"][places] = positions
        state.position += T
        return logits, state

    def _places(self, state: OnnxState, count: int) -> slice | np.ndarray:
        """The slots of the next `count` tokens; a slice, which is ten times as quick, where the ring does not turn."""
        if not self._ring:
            return slice(0)
        slots = len(state.arrays["slots"])
        first = state.position % slots
        if first + count <= slots:
            return slice(first, first + count)
        return np.arange(first, first + count) % slots

    def _rotation(self, positions: np.ndarray) -> np.ndarray:
        """Cosines and sines (2, T, E/2) float32 of positions (T), exact however far the text has got."""
        angles = positions[:, None] * self._frequencies
        return np.stack((np.cos(angles), np.sin(angles))).astype(np.float32)


# What the choice weighs, about: see tests/benchmarks/generation.py.
ONNX_START_SECONDS = 0.4  # to load ONNX Runtime and make the graph
ONNX_GAIN_SECONDS = 0.001  # saved on each token


def choose_engine(run: LoadedRun, name: str, num_tokens: int, precision: str = "fp32") -> Engine:
    """The engine called "torch" or "onnx", or for "auto" the one that will have written `num_tokens` sooner.

    Raises JaneLMError where onnxruntime is needed and missing.
    """
    if name == "auto":
        there = importlib.util.find_spec("onnxruntime") is not None and run.model.device.type == "cpu"
        worth = num_tokens * ONNX_GAIN_SECONDS > ONNX_START_SECONDS
        name = "onnx" if precision != "fp32" or (there and worth) else "torch"
    if name == "torch":
        return TorchEngine(run.model)
    from .export.graphs import export_graph
    from .export.precision import quantise

    graph = export_graph(run)
    return OnnxEngine(graph if precision == "fp32" else quantise(graph, precision))


def _session(model: str | bytes, name: str, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise JaneLMError('running a graph needs onnxruntime: install it with pip install "janelm[onnx]"') from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common class of their own
        reason = str(error).splitlines()[0][:160]
        raise JaneLMError(f"{name} is not a graph that onnxruntime can run ({reason}): export it again") from error
