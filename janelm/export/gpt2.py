"""GPT-2 of architectures/gpt2.py as a graph, around the ring of keys and values that transformer.py describes.

The ring never turns: when all positions have been used, the host empties it and reads the second half of its tokens
again, from position 0 on.

Shapes: B batch, T time, past slots of the ring, S = past + T, D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..config import GPT2Config
from .parts import Graph, Weights
from .transformer import MASK, attend, ring_states

if TYPE_CHECKING:
    from onnxscript.ir import Value

POSITIONS = (
    "the place of each token in its window, which has one more token than the ring has slots: 0, 1 and so on. When a "
    "window is full, the next one begins with the second half of its tokens (half of them, rounded down), which are "
    "read again from place 0 on with nothing to look back on"
)


class GPT2Graph(Graph):
    config: GPT2Config

    def states(self) -> dict[str, Any]:
        positions = {"shape": ["time"], "dtype": "int64", "meaning": POSITIONS}
        ring = {"memory": self.config.context_length - 1, "inputs": {"positions": positions, "mask": MASK}}
        return ring_states(self.config) | {"ring": ring}

    def arrays(self, weights: Weights) -> Weights:
        """Matrices as (in, out), save for the table of embedding and head."""
        return {
            name: array.T if name.startswith("blocks.") and array.ndim == 2 else array
            for name, array in weights.items()
        }

    def forward(self, tokens: Value, positions: Value, mask: Value, *past: Value) -> list[Value]:
        """tokens (B, T), positions (T), mask (T, S), each layer's keys (B, H, E, past) and values (B, H, past, E) ->
        logits (B, V), each layer's new keys and values, and each layer's attention (B, H, T, S)."""
        op, weights = self.op, self.weights
        new: list[Value] = []
        looks: list[Value] = []
        sizes = op.Concat(op.Shape(past[1], start=2, end=3), op.Shape(tokens, start=1), axis=0)  # past and T
        places = op.Gather(weights["positions.weight"], positions)  # (T, D)
        x = op.Add(op.Gather(weights["embedding.weight"], tokens), places)  # (B, T, D)
        for i in range(self.config.layers):
            name = f"blocks.{i}.attention"
            heads, key, value, look = self.attention(name, self.norm(x, f"{name}_norm"), mask, sizes, past[2 * i :])
            x = op.Add(x, heads)
            name = f"blocks.{i}.feed_forward"
            x = op.Add(x, self.feed_forward(name, self.norm(x, f"{name}_norm")))
            new, looks = [*new, key, value], [*looks, look]
        x = self.norm(op.Gather(x, -1, axis=1), "norm")  # (B, D)
        head = weights["embedding.weight" if self.config.tied else "head.weight"]
        return [op.Gemm(x, head, transB=1), *new, *looks]

    def attention(
        self, name: str, x: Value, mask: Value, sizes: Value, past: tuple[Value, ...]
    ) -> tuple[Value, Value, Value, Value]:
        """x (B, T, D) -> the same, the keys and values of these tokens, and how much they look at each slot and at each
        other (B, H, T, S)."""
        op, H, E = self.op, self.config.heads, self.config.width // self.config.heads
        qkv = op.Reshape(self.linear(x, f"{name}.query_key_value"), [0, 0, 3 * H, E])
        query, key, value = op.Split(op.Transpose(qkv, perm=[0, 2, 1, 3]), axis=1, num_outputs=3, _outputs=3)
        query, key = op.Mul(query, E**-0.5), op.Transpose(key, perm=[0, 1, 3, 2])  # (B, H, T, E) and (B, H, E, T)
        found, look = attend(op, query, (past[0], key), (past[1], value), mask, sizes)
        return self.linear(op.Reshape(found, [0, 0, H * E]), f"{name}.output"), key, value, look

    def feed_forward(self, name: str, x: Value) -> Value:
        wide = self.op.Gelu(self.linear(x, f"{name}.widen"), approximate="tanh")  # (B, T, 4D)
        return self.linear(wide, f"{name}.output")

    def linear(self, x: Value, name: str) -> Value:
        return self.op.Add(self.op.MatMul(x, self.weights[f"{name}.weight"]), self.weights[f"{name}.bias"])

    def norm(self, x: Value, name: str) -> Value:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return self.op.LayerNormalization(x, weight, bias, axis=-1, epsilon=self.config.epsilon)
