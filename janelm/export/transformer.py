"""The transformer of architectures/transformer.py as a graph, around a ring of keys and values that the host owns.

Written by hand for speed where a step is one token: what torch's exporter makes of the model has more than twice as
many nodes, which cost more in a browser than the products do, and copies the whole ring before it looks at it. Here
the ring is only read: queries meet its keys and the new tokens' keys apart, and the scores, which are small, are put
together. Keys stand in columns, since ONNX Runtime's WebAssembly would copy them into that order at every step.

Shapes: B batch, T time, past slots of the ring, S = past + T, D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from ..config import GPT2Config, TransformerConfig
from .parts import Graph, Weights, state

# Of what is carried besides keys and values where bigrams count: the token that was read last.
LAST = state("last", "new_last", ["batch", 1], "replace")

if TYPE_CHECKING:
    from onnxscript import OpBuilder
    from onnxscript.ir import Value

EPSILON = float(np.finfo(np.float32).eps)  # what F.rms_norm adds under the root


class TransformerGraph(Graph):
    config: TransformerConfig

    def states(self) -> dict[str, Any]:
        E = self.config.width // self.config.heads
        found = ring_states(self.config) | {"ring": _ring(self.config.context_length, self.config.rotary_base, E)}
        return found | {"states": [*found["states"], LAST]} if self.config.bigrams else found

    def arrays(self, weights: Weights) -> Weights:
        """Matrices as (in, out), save for the table of embedding and head."""
        return {name: array.T if name.startswith("blocks.") else array for name, array in weights.items()}

    def pair(self, up: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return down.T, up.T

    def forward(self, tokens: Value, cosine: Value, sine: Value, mask: Value, *past: Value) -> list[Value]:
        """tokens (B, T), cosine and sine (B, T, E/2), mask (T, S), each layer's keys (B, H, E, past) and values
        (B, H, past, E), and where bigrams count the token before (B, 1) -> logits (B, V), each layer's new keys and
        values, the last token, and each layer's attention (B, H, T, S)."""
        op, weights = self.op, self.weights
        new: list[Value] = []
        looks: list[Value] = []
        sizes = op.Concat(op.Shape(past[1], start=2, end=3), op.Shape(tokens, start=1), axis=0)  # past and T
        x = self.norm(op.Gather(weights["embedding.weight"], tokens))  # (B, T, D)
        last, bigrams = self.bigrams(tokens, past[-1]) if self.config.bigrams else ([], None)
        for i in range(self.config.layers):
            keys, values = past[2 * i : 2 * i + 2]
            x = x if bigrams is None else op.Add(x, op.Mul(bigrams, op.Gather(weights["bigram_shares"], i)))
            heads, key, value, look = self.attention(i, self.norm(x), (cosine, sine), mask, sizes, keys, values)
            x = op.Add(x, heads)
            x = op.Add(x, self.feed_forward(i, self.norm(x)))
            new, looks = [*new, key, value], [*looks, look]
        x = self.norm(op.Gather(x, -1, axis=1))  # (B, D)
        head = weights["embedding.weight" if self.config.tied else "head.weight"]
        return [op.Gemm(x, head, transB=1), *new, *last, *looks]

    def bigrams(self, tokens: Value, before: Value) -> tuple[list[Value], Value]:
        """tokens (B, T), and the one before them (B, 1) float32 -> the last of them, and what the table has of each and
        the one before it (B, T, D)."""
        op = self.op
        behind = op.Concat(op.Cast(before, to=TensorProto.INT64), tokens, axis=1)  # (B, 1 + T)
        first = op.Slice(behind, [0], [-1], [1])  # (B, T)
        rows = op.Mod(op.Add(op.Mul(first, self.config.bigram_factor), tokens), self.config.bigrams)
        last = op.Cast(op.Gather(tokens, [-1], axis=1), to=TensorProto.FLOAT)
        return [last], op.Gather(self.weights["bigrams.weight"], rows)

    def attention(
        self, i: int, x: Value, table: tuple[Value, Value], mask: Value, sizes: Value, keys: Value, values: Value
    ) -> tuple[Value, Value, Value, Value]:
        """x (B, T, D) -> the same, the keys and values of these tokens, and how much they look at each slot and at each
        other (B, H, T, S)."""
        op, H, E = self.op, self.config.heads, self.config.width // self.config.heads
        qkv = op.Reshape(self.linear(x, f"blocks.{i}.attention.query_key_value"), [0, 0, 3 * H, E])
        both, value = op.Split(op.Transpose(qkv, perm=[0, 2, 1, 3]), [2 * H, H], axis=1, _outputs=2)
        # Queries and keys are normalised and turned together; each takes half of the scale 1 / sqrt(E) of the scores.
        both = op.RotaryEmbedding(self.norm(both, E**-0.25), *table)  # (B, 2H, T, E)
        query, key = op.Split(both, axis=1, num_outputs=2, _outputs=2)
        key = op.Transpose(key, perm=[0, 1, 3, 2])  # (B, H, E, T)
        found, weights = attend(op, query, (keys, key), (values, value), mask, sizes)
        output = self.linear(op.Reshape(found, [0, 0, H * E]), f"blocks.{i}.attention.output")
        return output, key, value, weights

    def feed_forward(self, i: int, x: Value) -> Value:
        positive = self.op.Relu(self.linear(x, f"blocks.{i}.feed_forward.widen"))  # (B, T, 4D)
        return self.linear(self.op.Mul(positive, positive), f"blocks.{i}.feed_forward.output")

    def linear(self, x: Value, name: str) -> Value:
        return self.op.MatMul(x, self.weights[f"{name}.weight"])

    def norm(self, x: Value, scale: float = 1.0) -> Value:
        """Scale each vector of the last axis to a root mean square of `scale`."""
        size: Any = x.shape[-1] if x.shape else None
        return self.op.RMSNormalization(x, [scale] * size, axis=-1, epsilon=EPSILON)


def attend(
    op: OpBuilder, query: Value, keys: tuple[Value, Value], values: tuple[Value, Value], mask: Value, sizes: Value
) -> tuple[Value, Value]:
    """Scaled queries (B, H, T, E), keys of the ring (B, H, E, past) and of these tokens (B, H, E, T), values likewise,
    transposed -> what is found (B, T, H, E), and how much each was looked at (B, H, T, S)."""
    scores = op.Concat(*(op.MatMul(query, part) for part in keys), axis=3)  # (B, H, T, S)
    weights = op.Softmax(op.Add(scores, mask), axis=-1)
    looks = op.Split(weights, sizes, axis=3, _outputs=2)
    found = op.Add(*(op.MatMul(look, part) for look, part in zip(looks, values, strict=True)))
    return op.Transpose(found, perm=[0, 2, 1, 3]), weights


def ring_states(config: TransformerConfig | GPT2Config) -> dict[str, Any]:
    """What the description says of keys and values, and of attention."""
    H, E, layers = config.heads, config.width // config.heads, range(config.layers)
    shapes: dict[str, list[int | str]] = {"keys": ["batch", H, E, "past"], "values": ["batch", H, "past", E]}
    return {
        "states": [state(f"{name}{i}", f"new_{name}{i}", shapes[name], "ring") for i in layers for name in shapes],
        "attention": [f"attention{i}" for i in layers],
    }


MASK = {
    "shape": ["time", "past + time"],
    "dtype": "float32",
    "meaning": "0 where a token looks at a slot, and then at one of these tokens, and minus infinity where it does "
    "not: where nothing is yet, at later tokens, and at those more than `memory`, or `past` where that is less, "
    "before it",
}


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
            "mask": MASK,
        },
    }
