"""An adapter on the page: a small file beside its base's, which several models of the menu may share.

The page reads the base as it is, and adds to each matrix the product of two narrow ones: the file has them as constants
of float16, `name.left` and `name.right`, in the order of the base's graph. Its twin is web/engine/adapter.js.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..export.graphs import EXPORTERS, IR_VERSION, OPSET
from ..runs.adapters import Pairs, joined, merged
from ..runs.folder import Run
from ..runs.loaded import LoadedRun
from .change import as_rounded


def apart(run: Run) -> tuple[Run, Pairs]:
    """The run with weights of its own that this one goes back to, and all that is added to them."""
    base, pairs = run, Pairs()
    while below := base.base():
        base, pairs = below, joined(base.adapter(), pairs)
    return base, pairs


def adapter_file(run: LoadedRun, pairs: Pairs) -> bytes:
    """The page's file of what is added to the graph of `run`."""
    graph, constants = EXPORTERS[run.config.model.kind](run.config.model), []
    for name, pair in sorted(pairs.items()):
        for side, part in zip(("left", "right"), graph.pair(*pair), strict=True):
            constants.append(numpy_helper.from_array(np.ascontiguousarray(part, np.float16), f"{name}.{side}"))
    model = helper.make_model(
        helper.make_graph([], "adapter", [], [], constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="janelm",
    )
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def as_read(base: LoadedRun, run: LoadedRun, pairs: Pairs, precision: str) -> LoadedRun:
    """The adapter `run` as the page computes it: what is added is exact, and the base as rounded."""
    return LoadedRun(run.name, run.config, run.tokenizer, merged(as_rounded(base, precision).weights, pairs))
