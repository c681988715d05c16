"""The transformer as a graph, around a ring of keys and values that the host owns.

Written by hand for speed where a step is one token: what torch's exporter makes of the model has more than twice as
many nodes, which cost more in a browser than the products do, and copies the whole ring before it looks at it. Here
the ring is only read: queries meet its keys and the new tokens' keys apart, and the scores, which are small, are put
together. Keys stand in columns, since ONNX Runtime's WebAssembly would copy them into that order at every step.

Shapes: B batch, T time, past slots of the ring, S = past + T, D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from ..config import TransformerConfig
from .parts import GraphBuilder, Weights, state

EPSILON = float(np.finfo(np.float32).eps)  # what F.rms_norm adds under the root


def transformer_graph(config: TransformerConfig, weights: Weights) -> tuple[GraphBuilder, dict[str, Any]]:
    """The graph, and what the description says of its states."""
    graph = _Graph()
    H, E = config.heads, config.width // config.heads
    graph.input("tokens", ["batch", "time"], TensorProto.INT64)
    ring = _ring(config.context_length, config.rotary_base, E)
    for name, described in ring["inputs"].items():
        graph.input(name, described["shape"])
    sizes = [graph.node("Shape", ["values0"], "past", start=2, end=3), graph.node("Shape", ["tokens"], "time", start=1)]
    graph.node("Concat", sizes, "sizes", axis=0)
    table = graph.weight("embedding", weights["embedding.weight"])
    x = graph.norm(graph.node("Gather", [table, "tokens"], "embedded"), config.width)  # (B, T, D)
    for i in range(config.layers):
        attention, feed_forward = f"blocks.{i}.attention", f"blocks.{i}.feed_forward"
        heads = graph.attention(i, graph.norm(x, config.width), weights[f"{attention}.query_key_value.weight"], H, E)
        x = graph.add(x, graph.product(heads, f"attention_output{i}", weights[f"{attention}.output.weight"]))
        wide = graph.product(graph.norm(x, config.width), f"widen{i}", weights[f"{feed_forward}.widen.weight"])
        positive = graph.node("Relu", [wide], f"positive{i}")  # (B, T, 4D)
        squared = graph.node("Mul", [positive, positive], f"squared{i}")
        x = graph.add(x, graph.product(squared, f"narrow{i}", weights[f"{feed_forward}.output.weight"]))
    x = graph.node("Gather", [x, graph.constant("last", -1)], "last_token", axis=1)  # (B, D)
    head = table if config.tied else graph.weight("head", weights["head.weight"])
    graph.node("Gemm", [graph.norm(x, config.width), head], "logits", transB=1)
    graph.output("logits", ["batch", len(weights["embedding.weight"])])
    states = []
    for i in range(config.layers):
        for name, shape in (("keys", ("batch", H, E, "past")), ("values", ("batch", H, "past", E))):
            graph.output(f"new_{name}{i}", ["time" if size == "past" else size for size in shape])
            states.append(state(f"{name}{i}", f"new_{name}{i}", shape, "ring"))
    looks = [f"attention{i}" for i in range(config.layers)]
    for name in looks:
        graph.output(name, ["batch", H, "time", "past + time"])
    return graph, {"states": states, "ring": ring, "attention": looks}


class _Graph(GraphBuilder):
    """The transformer's parts."""

    def __init__(self) -> None:
        super().__init__()
        self._norms = self._sums = 0

    def constant(self, name: str, value: Any) -> str:
        return self.weight(name, np.array(value, np.int64))

    def norm(self, x: str, size: int, scale: float = 1.0) -> str:
        """Scale each vector of the last axis to a root mean square of `scale`."""
        self._norms += 1
        weight = self.weight(f"scale_{size}_{scale:g}", np.full(size, scale, np.float32))
        return self.node("RMSNormalization", [x, weight], f"norm{self._norms}", axis=-1, epsilon=EPSILON)

    def add(self, x: str, y: str) -> str:
        self._sums += 1
        return self.node("Add", [x, y], f"sum{self._sums}")

    def product(self, x: str, name: str, weight: np.ndarray) -> str:
        """What a Linear without bias does to x."""
        return self.node("MatMul", [x, self.weight(f"{name}_weight", weight.T)], name)

    def attention(self, i: int, x: str, weight: np.ndarray, H: int, E: int) -> str:
        """x (B, T, D) -> what the heads of layer i found, (B, T, D), before their output matrix."""
        keys = self.input(f"keys{i}", ["batch", H, E, "past"])
        values = self.input(f"values{i}", ["batch", H, "past", E])
        qkv = self.product(x, f"query_key_value{i}", weight)  # (B, T, 3D)
        split = self.node("Reshape", [qkv, self.constant("as_heads", [0, 0, 3 * H, E])], f"heads_in_time{i}")
        heads = self.node("Transpose", [split], f"heads{i}", perm=[0, 2, 1, 3])  # (B, 3H, T, E)
        both, value = [f"query_key{i}", f"new_values{i}"]
        self.node("Split", [heads, self.constant("two_and_one", [2 * H, H])], [both, value], axis=1)
        # Queries and keys are normalised and turned together; each takes half of the scale 1 / sqrt(E) of the scores.
        turned = [self.norm(both, E, E**-0.25), "cosine", "sine"]
        self.node("RotaryEmbedding", turned, f"turned{i}")  # (B, 2H, T, E)
        query, key = self.node("Split", [f"turned{i}"], [f"query{i}", f"key{i}"], axis=1, num_outputs=2)
        key = self.node("Transpose", [key], f"new_keys{i}", perm=[0, 1, 3, 2])  # (B, H, E, T)
        scores = [self.node("MatMul", [query, columns], f"scores_of_{columns}") for columns in (keys, key)]
        self.node("Concat", scores, f"scores{i}", axis=3)  # (B, H, T, S)
        self.node("Add", [f"scores{i}", "mask"], f"masked{i}")
        self.node("Softmax", [f"masked{i}"], f"attention{i}", axis=-1)
        old, new = self.node("Split", [f"attention{i}", "sizes"], [f"old_weights{i}", f"new_weights{i}"], axis=3)
        parts = [self.node("MatMul", pair, f"found_by_{pair[0]}") for pair in ([old, values], [new, value])]
        found = self.node("Transpose", [self.add(*parts)], f"found{i}", perm=[0, 2, 1, 3])  # (B, T, H, E)
        return self.node("Reshape", [found, self.constant("as_one", [0, 0, H * E])], f"joined{i}")


def _ring(window: int, base: float, size: int) -> dict[str, Any]:
    """What the host must know to own the ring."""
    angle = "p * base ** (-2 * i / size), in float64 before it is rounded, of each token's absolute position p, for i "
    angle += "from 0 to size / 2 - 1"
    shape = ["batch", "time", size // 2]
    return {
        "memory": window - 1,
        "base": base,
        "size": size,
        "inputs": {
            "cosine": {"shape": shape, "dtype": "float32", "meaning": f"the cosine of {angle}"},
            "sine": {"shape": shape, "dtype": "float32", "meaning": f"the sine of {angle}"},
            "mask": {
                "shape": ["time", "past + time"],
                "dtype": "float32",
                "meaning": "0 where a token looks at a slot, and then at one of these tokens, and minus infinity where "
                "it does not: where nothing is yet, at later tokens, and at those more than `memory`, or `past` where "
                "that is less, before it",
            },
        },
    }
