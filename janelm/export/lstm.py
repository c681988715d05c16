"""The LSTM of architectures/lstm.py as a graph: one LSTM node to a layer, its weights ready to be quantised.

Written by hand because torch's exporter leaves the gates to be reordered when the graph runs, where the quantiser does
not find them. One embedding table, which a tied head reads too.

Shapes: B batch, T time, L layers, D width, V vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import LSTMConfig
from .parts import Graph, Weights, state

if TYPE_CHECKING:
    from onnxscript.ir import Value


class LSTMGraph(Graph):
    config: LSTMConfig

    def states(self) -> dict[str, Any]:
        shape: list[int | str] = [self.config.layers, "batch", self.config.width]
        return {"states": [state(name, f"next_{name}", shape, "replace") for name in ("hidden", "cell")]}

    def arrays(self, weights: Weights) -> Weights:
        found = {name: _ordered(array) if name.startswith("lstm.") else array for name, array in weights.items()}
        for i in range(self.config.layers):
            biases = [found.pop(f"lstm.{name}_l{i}") for name in ("bias_ih", "bias_hh")]  # (1, 4D) each
            found[f"lstm.bias_l{i}"] = np.concatenate(biases, axis=1)  # (1, 8D)
        return found

    def pair(self, up: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _ordered(up)[0], down

    def forward(self, tokens: Value, hidden: Value, cell: Value) -> list[Value]:
        """tokens (B, T), hidden and cell (L, B, D) -> logits (B, V), hidden and cell."""
        op, weights, D, last = self.op, self.weights, self.config.width, self.config.layers - 1
        hiddens, cells = self.layers_of(hidden), self.layers_of(cell)
        x = op.Gather(weights["embedding.weight"], op.Transpose(tokens, perm=[1, 0]))  # (T, B, D)
        for i in range(self.config.layers):
            gates = [weights[f"lstm.{name}_l{i}"] for name in ("weight_ih", "weight_hh", "bias")]
            y, hiddens[i], cells[i] = op.LSTM(x, *gates, None, hiddens[i], cells[i], hidden_size=D, _outputs=3)
            if i < last:
                x = op.Squeeze(y, [1])  # (T, 1, B, D) -> (T, B, D)
        y.name = ""  # the last layer's is not computed: its hidden state has all that the head reads
        x = op.Squeeze(hiddens[last], [0])  # (B, D)
        head = weights["embedding.weight" if self.config.tied else "head.weight"]
        logits = op.Gemm(x, head, weights["head.bias"], transB=1)
        return [logits, op.Concat(*hiddens, axis=0), op.Concat(*cells, axis=0)]

    def layers_of(self, x: Value) -> list[Value]:
        """x (L, B, D) -> L times (1, B, D)."""
        L = self.config.layers
        layers = self.op.Split(x, axis=0, num_outputs=L, _outputs=L)
        return [layers] if L == 1 else list(layers)


def _ordered(gates: np.ndarray) -> np.ndarray:
    """A layer's gates as ONNX orders them, with a first axis for the one direction."""
    i, f, g, o = np.split(gates, 4)  # torch's order of the gates
    return np.concatenate((i, o, f, g))[None]  # ONNX's, which calls g c
