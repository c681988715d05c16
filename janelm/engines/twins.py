"""Models made to write: the same parameters in modules that are quicker where nothing is trained."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from ..architectures import LanguageModel
from .base import State

Linear = Callable[[torch.Tensor, torch.Tensor | None], nn.Module]  # what makes a linear of its weight and bias


class PackedLinear(nn.Module):
    """A linear without gradients, its weight in oneDNN's order.

    Writing asks for a row or a few at a time. There F.linear, which is MKL's, takes two to three times as long: see
    docs/experiments.md.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
        self._bias = None if bias is None else bias.detach()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")


def plain_linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Linear:
    """A linear with this weight and bias, as torch has it."""
    linear = nn.Linear(weight.size(1), weight.size(0), bias=bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.detach(), requires_grad=False)
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return linear


class _StepwiseLSTM(nn.Module):
    """An LSTM without gradients that reads a single token with linears of another kind.

    torch's own orders all its weights anew at each call: for one token, that takes ten times as long as the rest.
    """

    def __init__(self, lstm: nn.LSTM, linear: Linear) -> None:
        super().__init__()
        self._lstm = lstm
        self._layers = nn.ModuleList(
            linear(torch.cat((w_input, w_hidden), 1), b_input + b_hidden)
            for w_input, w_hidden, b_input, b_hidden in lstm.all_weights
        )

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


def twin_of(module: nn.Module, linear: Linear) -> nn.Module:
    """A twin of `module` that shares its parameters, but with linears of another kind and without dropout."""
    if type(module) is nn.Linear:
        return linear(module.weight, module.bias)
    if type(module) is nn.LSTM:
        return _StepwiseLSTM(module, linear)
    if isinstance(module, nn.Dropout):  # ours are kinds of it
        return nn.Identity()
    twin = copy.copy(module)
    twin._modules = {name: twin_of(child, linear) for name, child in module._modules.items() if child is not None}
    return twin


def packing_pays(model: LanguageModel) -> bool:
    """Whether torch has oneDNN for this model: with fp32 weights, on the CPU."""
    there = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    return there and model.device.type == "cpu" and all(p.dtype == torch.float32 for p in model.parameters())
