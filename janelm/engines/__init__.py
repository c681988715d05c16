"""What steps a model: PyTorch, or ONNX Runtime on an exported graph. One interface, numpy in and out.

An engine never asks which architecture it holds: `TorchEngine` passes the model's own state on, and `OnnxEngine` does
what the graph says about its states.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

from ..errors import JaneLMError
from ..runs import LoadedRun
from .base import Engine, State
from .onnx_engine import OnnxEngine

__all__ = ["CompiledTorchEngine", "Engine", "OnnxEngine", "State", "TorchEngine", "choose_engine"]


def __getattr__(name: str) -> Any:
    """Import torch only for who asks for its engines."""
    if name not in ("TorchEngine", "CompiledTorchEngine"):
        raise AttributeError(f"module 'janelm.engines' has no attribute {name!r}")
    from . import torch_engine

    return getattr(torch_engine, name)


def choose_engine(
    run: LoadedRun,
    name: str,
    precision: str = "fp32",
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr),
) -> Engine:
    """The engine called "torch", "torch-compiled" or "onnx"; for "auto" onnx where it is installed and the run's
    device lets it.

    onnx starts sooner and steps faster: see tests/benchmarks/generation.py. Raises JaneLMError where onnxruntime is
    needed and missing; where "auto" finds one that does not work, it tells `say` and takes torch.
    """
    if name == "onnx" or precision != "fp32":
        return _onnx_engine(run, precision)
    if name == "auto" and importlib.util.find_spec("onnxruntime") and str(run.device) in ("auto", "cpu"):
        try:
            return _onnx_engine(run, precision)
        except JaneLMError as error:
            say(f"torch writes, since ONNX Runtime does not work here ({error})")
    from .torch_engine import CompiledTorchEngine, TorchEngine

    return (CompiledTorchEngine if name == "torch-compiled" else TorchEngine)(run.model)


def _onnx_engine(run: LoadedRun, precision: str) -> OnnxEngine:
    from ..export.graphs import export_apart
    from ..export.precision import quantise_apart

    graph, weights = export_apart(run)
    if precision != "fp32":
        quantise_apart(graph, weights, precision)
    return OnnxEngine(graph, weights=weights)
