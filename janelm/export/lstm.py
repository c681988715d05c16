"""The LSTM as a graph: one LSTM node to a layer, its weights ready to be quantised.

Written by hand because torch's exporter leaves the gates to be reordered when the graph runs, where the quantiser does
not find them. One embedding table, which a tied head reads too.

Shapes: B batch, T time, L layers, D width, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from ..config import LSTMConfig
from .parts import GraphBuilder, Shape, Weights, state


def lstm_graph(config: LSTMConfig, weights: Weights) -> tuple[GraphBuilder, dict[str, Any]]:
    """The graph, and what the description says of its states."""
    graph = GraphBuilder()
    layers, last = range(config.layers), config.layers - 1
    shape: Shape = [config.layers, "batch", config.width]
    graph.input("tokens", ["batch", "time"], TensorProto.INT64)
    zero, one = (graph.weight(name, np.array([value], np.int64)) for value, name in enumerate(("zero", "one")))
    for name in ("hidden", "cell"):
        graph.input(name, shape)
        graph.node("Split", [name], [f"{name}{i}" for i in layers], axis=0, num_outputs=config.layers)  # (1, B, D) each
    graph.node("Transpose", ["tokens"], "tokens_in_time", perm=[1, 0])  # (T, B)
    table = graph.weight("embedding", weights["embedding.weight"])
    x = graph.node("Gather", [table, "tokens_in_time"], "x0")  # (T, B, D)
    for i in layers:
        gates = [graph.weight(f"{name}{i}", array) for name, array in _gates(weights, i).items()]
        outputs = ["" if i == last else f"y{i}", f"next_hidden{i}", f"next_cell{i}"]
        graph.node("LSTM", [x, *gates, "", f"hidden{i}", f"cell{i}"], outputs, hidden_size=config.width)
        if i < last:
            x = graph.node("Squeeze", [f"y{i}", one], f"x{i + 1}")  # (T, 1, B, D) -> (T, B, D)
    x = graph.node("Squeeze", [f"next_hidden{last}", zero], "x")  # (B, D)
    head = table if config.tied else graph.weight("head", weights["head.weight"])
    graph.node("Gemm", [x, head, graph.weight("head_bias", weights["head.bias"])], "logits", transB=1)
    graph.output("logits", ["batch", len(weights["embedding.weight"])])
    for name in ("next_hidden", "next_cell"):
        graph.node("Concat", [f"{name}{i}" for i in layers], name, axis=0)
        graph.output(name, shape)
    states = [state(name, f"next_{name}", shape, "replace") for name in ("hidden", "cell")]
    return graph, {"states": states}


def _gates(weights: Weights, layer: int) -> Weights:
    """A layer's weights as ONNX orders them, each with a first axis for the one direction."""

    def ordered(name: str) -> np.ndarray:
        i, f, g, o = np.split(weights[f"lstm.{name}_l{layer}"], 4)  # torch's order of the gates
        return np.concatenate((i, o, f, g))[None]  # ONNX's, which calls g c

    return {
        "input_weight": ordered("weight_ih"),  # (1, 4D, D)
        "hidden_weight": ordered("weight_hh"),  # (1, 4D, D)
        "bias": np.concatenate((ordered("bias_ih"), ordered("bias_hh")), axis=1),  # (1, 8D)
    }
