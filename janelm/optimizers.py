"""Which optimizer takes which weight, and how the learning rate goes.

Muon (Jordan et al. 2024, torch's own) takes the hidden matrices, AdamW (Loshchilov and Hutter 2019) all else.
"""

from __future__ import annotations

import torch
from torch.optim import AdamW, Muon, Optimizer

from .architectures import LanguageModel
from .config import TrainingConfig


def build_optimizers(model: LanguageModel, config: TrainingConfig) -> list[Optimizer]:
    """One optimizer for each kind of weight; every weight is in exactly one group of one of them."""
    matrices = model.hidden_matrices()
    taken = {id(parameter) for parameter in matrices}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in taken]
    fused = model.device.type in ("cpu", "cuda")
    optimizers: list[Optimizer] = [
        AdamW(
            [
                {"params": [p for p in rest if p.ndim >= 2], "weight_decay": config.weight_decay},
                {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.95),
            fused=fused,
        )
    ]
    if matrices:
        optimizers.append(
            Muon(matrices, lr=config.matrix_learning_rate, weight_decay=config.weight_decay, momentum=0.95)
        )
    grouped = [id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(map(id, model.parameters())), "each weight must be in exactly one group"
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def learning_rate_scale(step: int, progress: float, config: TrainingConfig) -> float:
    """The share of the peak learning rate at this step: a climb, a plateau, then a line down to zero.

    `progress` is the share of the budget that is used up, from 0 to 1.
    """
    climb = (step + 1) / config.warmup_steps if config.warmup_steps else 1.0
    fall = (1 - progress) / config.decay if config.decay else 1.0
    return max(0.0, min(1.0, climb, fall))


def scale_learning_rates(optimizers: list[Optimizer], scale: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * scale


def clip_gradients(model: LanguageModel, limit: float) -> float:
    """Scale all gradients so that their common norm is at most `limit` (0: leave them); returns the norm before."""
    return torch.nn.utils.clip_grad_norm_(model.parameters(), limit or float("inf")).item()
