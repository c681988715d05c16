"""Cross-entropy of the head's logits that never holds all of them at once.

For 4,096 tokens and 50,257 symbols the logits, their softmax and their gradient take 0.8 GB each in fp32. In pieces of
at most `LOGITS_AT_ONCE` numbers the gradient is worked out along with the loss, and a piece is gone before the next one
is made. Fewer logits than that are one piece, and torch's own cross-entropy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IGNORED = -100  # the target of padding; torch's cross-entropy passes over it
LOGITS_AT_ONCE = 1 << 25  # 128 MB in fp32


def cross_entropy(head: nn.Linear, x: Tensor, targets: Tensor) -> Tensor:
    """The sum of the cross-entropies in nats of x (B, T, D) float and targets (B, T) int64, where not IGNORED."""
    x, targets = x.flatten(0, 1), targets.flatten()
    if len(x) * head.out_features <= LOGITS_AT_ONCE:
        return F.cross_entropy(head(x).float(), targets, ignore_index=IGNORED, reduction="sum")
    return _in_pieces(x, head.weight, head.bias, targets)


def taught_cross_entropy(head: nn.Linear, x: Tensor, targets: Tensor, taught: Tensor, share: float) -> Tensor:
    """The sum in nats over x (B, T, D) float, where targets (B, T) int64 are not IGNORED: (1 - share) times the
    cross-entropy with the targets, plus share times that with the probabilities `taught` (B, T, V) float32. Holds all
    logits at once, as `taught` is held."""
    logits, targets = head(x.flatten(0, 1)).float(), targets.flatten()
    hard = F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
    soft = F.cross_entropy(logits, taught.flatten(0, 1), reduction="none")
    return hard.lerp(soft.where(targets != IGNORED, 0.0).sum(), share)


def pieces(x: Tensor, targets: Tensor, vocab_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """x (N, D) and targets (N) cut along N so that no piece has more than LOGITS_AT_ONCE logits."""
    size = max(1, LOGITS_AT_ONCE // vocab_size)
    return zip(x.split(size), targets.split(size), strict=True)


def _in_pieces(x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
    return _PiecewiseCrossEntropy.apply(x, weight, bias, targets)


# Products of this size gain nothing from torch.compile, and each piece would be compiled anew. This is the mark that
# torch.compiler.disable makes; the decorator itself imports the whole compiler, 1.5 s at every start.
vars(_in_pieces)["_torchdynamo_disable"] = True


class _PiecewiseCrossEntropy(torch.autograd.Function):
    """x (N, D), weight (V, D), bias (V) or None, targets (N) -> the sum, with the gradients made at once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        ctx.dtypes = x.dtype, weight.dtype
        x, narrow, total = x.to(dtype), weight.to(dtype), torch.zeros((), device=x.device)
        of_x, of_weight = [], torch.zeros_like(weight, dtype=torch.float32)
        of_bias = None if bias is None else torch.zeros_like(bias, dtype=torch.float32)
        for part, wanted in pieces(x, targets, len(weight)):
            logits = F.linear(part, narrow, None if bias is None else bias.to(dtype)).float()
            spread = logits.logsumexp(-1, keepdim=True)
            scored = (wanted != IGNORED)[:, None]
            index = wanted[:, None].clamp(min=0)
            total += ((spread - logits.gather(1, index)) * scored).sum()
            gradient = logits.sub_(spread).exp_()  # softmax minus one at the target
            gradient.scatter_add_(1, index, gradient.new_full(index.shape, -1.0)).mul_(scored)
            if of_bias is not None:
                of_bias += gradient.sum(0)
            gradient = gradient.to(dtype)
            of_x.append(gradient @ narrow)
            of_weight += gradient.T @ part
        ctx.save_for_backward(torch.cat(of_x), of_weight, of_bias)
        return total

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        of_x, of_weight, of_bias = ctx.saved_tensors
        of_bias = None if of_bias is None else of_bias.mul_(scale)
        x_dtype, weight_dtype = ctx.dtypes
        return (of_x * scale).to(x_dtype), of_weight.mul_(scale).to(weight_dtype), of_bias, None
