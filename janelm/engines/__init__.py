"""What steps a model: PyTorch, ONNX Runtime on an exported graph, or C++. One interface, numpy in and out.

`TorchEngine` passes the model's own state on, `OnnxEngine` does what the graph says about its states, and
`NativeEngine` has both architectures written out once more, for speed.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

from ..errors import JaneLMError
from ..machine.compiler import compiler
from ..runs.loaded import LoadedRun
from .base import Engine, State
from .native_engine import NativeEngine
from .onnx_engine import OnnxEngine

__all__ = ["CompiledTorchEngine", "Engine", "NativeEngine", "OnnxEngine", "State", "TorchEngine", "choose_engine"]


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
    """The engine called "torch", "torch-compiled", "onnx" or "native"; for "auto" the fastest that works here.

    That is native where there is a C++ compiler, else onnx where it is installed, else torch, which alone knows other
    devices than the CPU: see tests/benchmarks/generation.py. What should work and does not, `say` is told. Raises
    JaneLMError where what is asked for does not work.
    """
    if name == "native":
        return NativeEngine(run, precision, say=say)
    if name == "onnx":
        return _onnx_engine(run, precision)
    if name == "auto" and (precision != "fp32" or str(run.device) in ("auto", "cpu")):
        engine = _fastest_on_cpu(run, precision, say)
        if engine is not None:
            return engine
    from .torch_engine import CompiledTorchEngine, TorchEngine

    return CompiledTorchEngine(run.model, say) if name == "torch-compiled" else TorchEngine(run.model)


def _fastest_on_cpu(run: LoadedRun, precision: str, say: Callable[[str], None]) -> Engine | None:
    """None where only torch is left, which writes at full precision."""
    if compiler() and precision in NativeEngine.precisions:
        try:
            return NativeEngine(run, precision, say=say)
        except JaneLMError as error:
            say(f"the engine native does not work here ({error})")
    if precision != "fp32":
        return _onnx_engine(run, precision)
    if importlib.util.find_spec("onnxruntime"):
        try:
            return _onnx_engine(run, precision)
        except JaneLMError as error:
            say(f"torch writes, since ONNX Runtime does not work here ({error})")
    return None


def _onnx_engine(run: LoadedRun, precision: str) -> OnnxEngine:
    from ..export.graphs import export_apart
    from ..export.precision import quantise_apart

    graph, weights = export_apart(run)
    if precision != "fp32":
        quantise_apart(graph, weights, precision)
    return OnnxEngine(graph, weights=weights)
