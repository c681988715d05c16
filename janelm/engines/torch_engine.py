"""A model of this package, stepped by PyTorch."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from ..architectures import LanguageModel
from .base import Engine, State


class TorchEngine(Engine):
    """A model of this package, on its device. The model is put into evaluation mode.

    Where oneDNN is there, the products are oneDNN's: the model that is passed in stays as it is, and its matrices are
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

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
        self._bias = None if bias is None else bias.detach()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")


class _PackedLSTM(nn.Module):
    """An LSTM without gradients that reads a single token with packed products.

    torch's own orders all its weights anew at each call: for one token, that takes ten times as long as the rest.
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        self._lstm = lstm
        self._layers = [
            _PackedLinear(torch.cat((w_input, w_hidden), 1), b_input + b_hidden)
            for w_input, w_hidden, b_input, b_hidden in lstm.all_weights
        ]

    def forward(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        if x.size(1) > 1:
            return self._lstm(x, state)
        x, after = x[:, 0], []  # (B, D)
        for layer, hidden, cell in zip(self._layers, *state, strict=True):
            write, keep, new, show = layer(torch.cat((x, hidden), 1)).chunk(4, 1)  # torch orders the gates i, f, g, o
            cell = keep.sigmoid() * cell + write.sigmoid() * new.tanh()
            x = show.sigmoid() * cell.tanh()
            after.append((x, cell))
        return x[:, None], tuple(map(torch.stack, zip(*after, strict=True)))


def _packed(module: nn.Module) -> nn.Module:
    """A twin of `module` that shares its parameters, but with its products packed and without dropout."""
    if type(module) is nn.Linear:
        return _PackedLinear(module.weight, module.bias)
    if type(module) is nn.LSTM:
        return _PackedLSTM(module)
    if isinstance(module, nn.Dropout):  # ours are kinds of it
        return nn.Identity()
    twin = copy.copy(module)
    twin._modules = {name: _packed(child) for name, child in module._modules.items()}
    return twin


def _packing_pays(model: LanguageModel) -> bool:
    """Whether torch has oneDNN for this model: with fp32 weights, on the CPU."""
    there = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    return there and model.device.type == "cpu" and all(p.dtype == torch.float32 for p in model.parameters())
