"""What steps a model: PyTorch, ONNX Runtime on an exported graph, or C++. One interface, numpy in and out.

`TorchEngine` passes the model's own state on, `OnnxEngine` does what the graph says about its states, and
`NativeEngine` has both architectures written out once more, for speed.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable
from typing import Any

from ..errors import JaneLMError
from ..machine.compiler import compiler
from ..runs.loaded import LoadedRun
from .base import Engine, State
from .native_engine import KINDS, NativeEngine
from .onnx_engine import OnnxEngine

# From so many texts side by side on, ONNX Runtime outdoes native, whose products are made for one or few. Milliseconds
# of processor time for a step of 16 texts, native and ONNX Runtime with one thread each: transformer of 10.6 million
# parameters 12.7 and 13.0 (with two threads 6.95 and 5.19 by the clock, see docs/measurements.md), LSTM 10.1 and 5.3;
# for 4 texts 5.5 and 5.8, 4.4 and 3.4. With int8 weights: transformer 9.9 and 12.9, LSTM 7.0 and 5.1; for 4 texts 3.4
# and 5.6, 2.8 and 3.3.
ONNX_FROM = {("transformer", "fp32"): 8, ("lstm", "fp32"): 4, ("lstm", "int8-weights"): 8}

AUTHORED = {*KINDS, "gpt2"}  # whose graphs export/graphs.py writes by hand; it takes long to import

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
    num_samples: int = 1,
) -> Engine:
    """The engine called "torch", "torch-compiled", "onnx" or "native"; for "auto" the fastest that works here.

    That is native where there is a C++ compiler, else onnx where it is installed, the other way round for many texts
    side by side (ONNX_FROM); else torch, which alone knows other devices than the CPU: see
    tests/benchmarks/generation.py. What should work and does not, `say` is told. Raises JaneLMError where what is asked
    for does not work.
    """
    if name == "native":
        return NativeEngine(run, precision, say=say)
    if name == "onnx":
        return _onnx_engine(run, precision)
    if name == "auto" and (precision != "fp32" or str(run.device) in ("auto", "cpu")):
        engine = _fastest_on_cpu(run, precision, say, num_samples)
        if engine is not None:
            return engine
    from .torch_engine import CompiledTorchEngine, TorchEngine

    return CompiledTorchEngine(run.model, say) if name == "torch-compiled" else TorchEngine(run.model)


def _fastest_on_cpu(run: LoadedRun, precision: str, say: Callable[[str], None], num_samples: int) -> Engine | None:
    """None where only torch is left, which writes at full precision; it also does for architectures of people's own,
    whose graphs would have to be traced first."""
    makers: dict[str, Callable[[], Engine]] = {}
    if compiler() and precision in NativeEngine.precisions and run.config.model.kind in KINDS:
        makers["native"] = lambda: NativeEngine(run, precision, say=say)
    if importlib.util.find_spec("onnxruntime") and (run.config.model.kind in AUTHORED or precision != "fp32"):
        makers["onnx"] = lambda: _onnx_engine(run, precision)
    many = num_samples >= ONNX_FROM.get((run.config.model.kind, precision), math.inf)
    for name in reversed(makers) if many else makers:
        try:
            return makers[name]()
        except JaneLMError as error:
            say(f"the engine {name} does not work here ({error})")
    return _onnx_engine(run, precision) if precision != "fp32" else None  # where there is none, it says so


def _onnx_engine(run: LoadedRun, precision: str) -> OnnxEngine:
    from ..export.graphs import export_apart
    from ..export.precision import quantise_apart

    graph, weights = export_apart(run)
    if precision != "fp32":
        quantise_apart(graph, weights, precision)
    return OnnxEngine(graph, weights=weights)
