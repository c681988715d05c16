"""Which optimizer takes which weight, and how the learning rate goes.

Muon (Jordan et al. 2024) takes the hidden matrices, AdamW (Loshchilov and Hutter 2019) all else. Both stand on a base
of their own: torch's imports the whole compiler at its first use, 1.5 s at every start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim.adamw import adamw

from ..architectures import LanguageModel
from ..architectures.sharding import share_of, whole
from ..config import TrainingConfig
from ..errors import UsageError, named

STACKED = 1 << 18  # numbers of a matrix up to which stacks are faster than one after the other (measured on a CPU)
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # a, b, c, as in torch.optim.Muon


def orthogonalise(x: Tensor) -> Tensor:
    """About the nearest matrices with orthonormal rows (or columns, if they are fewer) to x (N, rows, columns): bf16.

    Five steps of Newton and Schulz's iteration x <- p x, p = a + b g + c g^2, g = x x^T, which bring every singular
    value to between 0.7 and 1.2.
    """
    high = x.size(-2) > x.size(-1)
    x = x.mT.bfloat16() if high else x.bfloat16()
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    if 2 * x.size(-2) <= x.size(-1):
        x = _several_steps(_several_steps(x, 3), 2)
    else:
        for _ in range(5):
            x = torch.baddbmm(x, _polynomial(x @ x.mT), x, beta=NEWTON_SCHULZ[0])
    return x.mT if high else x


def _polynomial(g: Tensor) -> Tensor:
    """p - a."""
    _, b, c = NEWTON_SCHULZ
    return torch.baddbmm(g, g, g, beta=b, alpha=c)


def _several_steps(x: Tensor, steps: int) -> Tensor:
    """The same for matrices much wider than high, for a third fewer operations.

    g itself goes through the steps, g <- p^2 g, and x is multiplied by the product of all p at the end. Rounding makes
    g drift from x x^T: with five steps at a stretch it has been seen to explode, with three the result is as exact as
    x's own iteration in bf16.
    """
    a = NEWTON_SCHULZ[0]
    g = x @ x.mT
    rest = _polynomial(g)
    product = rest.clone()
    product.diagonal(dim1=-2, dim2=-1).add_(a)
    for _ in range(steps - 1):
        for _ in range(2):
            g = torch.baddbmm(g, rest, g, beta=a)
        rest = _polynomial(g)
        product = torch.baddbmm(product, rest, product, beta=a)
    return product @ x


class Optimizer:
    """Groups of parameters with their settings, and what is kept of each parameter from step to step."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        """Each group has its "params", its "lr", and what else its optimizer asks for."""
        self.param_groups = groups
        self.state: dict[Parameter, dict[str, Tensor]] = defaultdict(dict)

    def step(self) -> None:
        """Move every parameter by what its gradient says."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        for parameter in self._parameters():
            parameter.grad = None

    def _parameters(self) -> list[Parameter]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def state_dict(self) -> dict[str, Any]:
        """What is kept of each parameter, by its number, and the settings: the form of torch.optim.Optimizer."""
        numbers = {parameter: number for number, parameter in enumerate(self._parameters())}
        groups = [group | {"params": [numbers[p] for p in group["params"]]} for group in self.param_groups]
        kept = {numbers[p]: {name: whole(tensor) for name, tensor in own.items()} for p, own in self.state.items()}
        return {"state": kept, "param_groups": groups}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave for the same groups; the settings are those saved."""
        for number, parameter in enumerate(self._parameters()):
            for name, tensor in saved["state"].get(number, {}).items():
                own = tensor.to(parameter.device, copy=True)
                self.state[parameter][name] = share_of(own, parameter) if tensor.ndim else own
        for group, settings in zip(self.param_groups, saved["param_groups"], strict=True):
            group |= {name: value for name, value in settings.items() if name != "params"}


class AdamW(Optimizer):
    """torch's own AdamW, fused where it can be."""

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            for parameter in parameters:
                if not self.state[parameter]:
                    self.state[parameter] = {
                        "step": torch.zeros((), device=parameter.device),
                        "exp_avg": torch.zeros_like(parameter),
                        "exp_avg_sq": torch.zeros_like(parameter),
                    }
            kept = [self.state[parameter] for parameter in parameters]
            adamw(
                parameters,
                [parameter.grad for parameter in parameters],
                [state["exp_avg"] for state in kept],
                [state["exp_avg_sq"] for state in kept],
                [],
                [state["step"] for state in kept],
                fused=group["fused"],
                amsgrad=False,
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
            )


class Muon(Optimizer):
    """torch.optim.Muon for fewer operations, and with small matrices of one shape worked on together."""

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Parameter]] = {}
            for matrix in group["params"]:
                shapes.setdefault(matrix.shape, []).append(matrix)
            for shape, matrices in shapes.items():
                together = len(matrices) if shape.numel() <= STACKED else 1
                for begin in range(0, len(matrices), together):
                    self._take_step(matrices[begin : begin + together], group)

    def _take_step(self, matrices: list[Parameter], group: dict) -> None:
        """One step of matrices of the same shape."""
        rows, columns = matrices[0].shape
        updates = orthogonalise(torch.stack([whole(self._update(matrix, group["momentum"])) for matrix in matrices]))
        rate = group["lr"] * max(1.0, rows / columns) ** 0.5
        for matrix, update in zip(matrices, updates, strict=True):
            update = share_of(update, matrix)
            matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-rate)

    def _update(self, matrix: Parameter, momentum: float) -> Tensor:
        """Nesterov's: the gradient, and the average of all before it."""
        if not self.state[matrix]:
            self.state[matrix]["momentum_buffer"] = torch.zeros_like(matrix)
        average = self.state[matrix]["momentum_buffer"]
        assert matrix.grad is not None
        average.lerp_(matrix.grad, 1 - momentum)
        return matrix.grad.lerp(average, momentum)


class LowRank(Optimizer):
    """Low-rank adapters (Hu et al. 2022, "LoRA"): of each matrix, only what a product of two narrow ones adds to it is
    learnt, by AdamW. The model has the sum at any moment, and the gradients of the two follow from the sum's."""

    @torch.no_grad()
    def __init__(self, groups: list[dict[str, Any]], rank: int) -> None:
        super().__init__(groups)
        self._base = {matrix: matrix.detach().clone() for matrix in self._parameters()}
        for matrix in self._parameters():
            rows, columns = matrix.shape
            up = torch.zeros(rows, rank, device=matrix.device)
            down = torch.randn(rank, columns, device=matrix.device) / columns**0.5
            self.state[matrix] = {"up": up, "down": down, "step": torch.zeros((), device=matrix.device)}
            for name, part in (("up", up), ("down", down)):
                self.state[matrix] |= {f"{name}_avg": torch.zeros_like(part), f"{name}_avg_sq": torch.zeros_like(part)}

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._take_step(matrix, group)

    def _take_step(self, matrix: Parameter, group: dict) -> None:
        kept, gradient = self.state[matrix], matrix.grad
        assert gradient is not None
        adamw(
            [kept["up"], kept["down"]],
            [gradient @ kept["down"].T, kept["up"].T @ gradient],
            [kept["up_avg"], kept["down_avg"]],
            [kept["up_avg_sq"], kept["down_avg_sq"]],
            [],
            [kept["step"], kept["step"].clone()],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=0.0,
            eps=group["eps"],
            maximize=False,
        )
        matrix.copy_(self._base[matrix]).addmm_(kept["up"], kept["down"])

    def narrow(self, model: LanguageModel) -> dict[str, Tensor]:
        """The two of each matrix, by its name in the model."""
        names = {parameter: name for name, parameter in model.named_parameters()}
        return {f"{names[matrix]}.{side}": kept[side] for matrix, kept in self.state.items() for side in ("up", "down")}


MUON_PER_ADAM = 10  # Muon's rate for a hidden matrix to AdamW's: its steps are of one size whatever the gradient's


def choose_optimizer(config: TrainingConfig) -> tuple[bool, str]:
    """Whether Muon takes the hidden matrices, and why."""
    if config.adapter:
        return False, "an adapter learns by it"
    if config.optimizer != "auto":
        return config.optimizer == "muon", "as asked"
    return True, "it gets further in as many steps, for a little of their speed"


def build_optimizers(model: LanguageModel, config: TrainingConfig) -> list[Optimizer]:
    """One optimizer for each kind of weight; every weight is in exactly one group of one of them."""
    muon, _ = choose_optimizer(config)
    matrices = model.hidden_matrices()
    if config.adapter:
        return [_adapter(model, matrices, config)]
    taken = {id(parameter) for parameter in matrices}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in taken]
    shared = {
        "lr": config.learning_rate,
        "betas": (0.9, 0.95),
        "eps": 1e-8,
        "fused": model.device.type in ("cpu", "cuda"),
    }
    optimizers: list[Optimizer] = [
        AdamW(
            [
                shared | {"params": [p for p in rest if p.ndim >= 2], "weight_decay": config.weight_decay},
                shared | {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
            ]
        )
    ]
    rate, decay = config.matrix_learning_rate, {"weight_decay": config.weight_decay}
    if matrices and muon:
        optimizers.append(Muon([decay | {"params": matrices, "lr": rate, "momentum": 0.95}]))
    elif matrices:
        optimizers.append(AdamW([shared | decay | {"params": matrices, "lr": rate / MUON_PER_ADAM}]))
    grouped = [id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(map(id, model.parameters())), "each weight must be in exactly one group"
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def _adapter(model: LanguageModel, matrices: list[Parameter], config: TrainingConfig) -> LowRank:
    """Raises UsageError where the model names no hidden matrices."""
    if not matrices:
        raise UsageError(f"{named(model.config.kind)} names no hidden matrices, to which an adapter could add")
    model.requires_grad_(False)
    for matrix in matrices:
        matrix.requires_grad_(True)
    rate = config.learning_rate
    group = {"params": matrices, "lr": rate, "peak": rate, "betas": (0.9, 0.95), "eps": 1e-8}
    return LowRank([group], config.adapter)


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
    return whole(torch.nn.utils.clip_grad_norm_(model.parameters(), limit or float("inf"))).item()


class WeightAverage:
    """An exponential moving average of a model's weights: one more copy of them, and one pass over it each step.

    The decay climbs to its value as (1 + step) / (10 + step), so that the start weights are soon forgotten.
    """

    def __init__(self, model: LanguageModel, decay: float) -> None:
        self.decay = decay
        self._own = {name: parameter.data for name, parameter in model.named_parameters()}
        self.weights = {name: own.clone() for name, own in self._own.items()}

    def update(self, step: int) -> None:
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, own in self._own.items():
            self.weights[name].lerp_(own, share)

    def whole_weights(self) -> dict[str, torch.Tensor]:
        return {name: whole(weight) for name, weight in self.weights.items()}

    def restore(self, weights: dict[str, torch.Tensor]) -> None:
        for name, saved in weights.items():
            self.weights[name].copy_(share_of(saved, self.weights[name]))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it the model has the averaged weights, and `weights` holds its own."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, own in self._own.items():
            kept = own.clone()
            own.copy_(self.weights[name])
            self.weights[name].copy_(kept)
