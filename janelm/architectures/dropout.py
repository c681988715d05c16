"""Dropout whose random numbers are cheap on a CPU.

torch draws a number of its own for each element, which at these sizes takes longer than a third of a training step;
one byte for each element, eight bytes to a draw, takes a fifteenth of that.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@torch.library.custom_op("janelm::random_bytes", mutates_args=())
def random_bytes(x: Tensor) -> Tensor:
    """Uniform random bytes, uint8 of x's shape, from torch's default generator.

    An operator of its own, since torch.compile would else replace it by a slower generator; and given x rather than its
    shape, so that two calls are never taken for one.
    """
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    return words.view(torch.uint8)[: x.numel()].view(x.shape)


@random_bytes.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty(x.shape, dtype=torch.uint8)


class Dropout(nn.Dropout):
    """torch's, and on a CPU faster, with the probability rounded to a 256th."""

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        dropped = min(255, round(256 * self.p))  # never all
        if not self.training or dropped == 0:
            return x
        return torch.where(random_bytes(x.detach()) >= dropped, x * (256 / (256 - dropped)), 0)


class LockedDropout(nn.Dropout):
    """Dropout of x (B, T, D) whose mask (B, 1, D) is the same for all T tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return x * F.dropout(torch.ones_like(x[:, :1]), self.p, self.training)
