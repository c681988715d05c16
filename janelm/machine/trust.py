"""A compiled step is checked before it is trusted.

A compiler can be wrong without a word. One g++ (12.2), allowed 512-bit vectors, garbles the transposed bf16 numbers of
a backward pass: the loss is right, and the gradients are not. So before the first step the compiled step's loss and
each of its gradients are held against the plain step's, on a real batch. How far apart they may be is measured, not
guessed: it follows from how far the plain step itself is from one in the next wider number format.
"""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .hardware import compiled

Found = dict[str, Tensor]  # the loss of a step, and the gradient of each weight by its name

# What is tried in turn. The vectoriser of straight-line code is what g++ 12.2 has wrong, and gains nothing here, where
# torch's compiler writes vectors itself. Should something else be wrong, shorter vectors make another program of it.
_NO_STRAIGHT_LINE_VECTORS = {"cpp.march": "native -fno-tree-slp-vectorize"}
_HAS_FLAG = platform.system() == "Linux" and platform.machine() == "x86_64"
ATTEMPTS: list[tuple[str, dict[str, Any]]] = [
    ("as it is", _NO_STRAIGHT_LINE_VECTORS if _HAS_FLAG else {}),
    ("with vectors of 256 bits", {"cpp.simdlen": 256}),
]
TIMES_NOISE = 4.0  # right compiled steps were at 0.9 to 1.5 times the noise (docs/experiments.md), a wrong one at 50
WIDER = {torch.bfloat16: torch.float32, torch.float32: torch.float64}


class RunStep(Protocol):
    """Runs a loss function on the batch of the check and returns the loss."""

    def __call__(self, function: Callable, rows: int | None = None, dtype: torch.dtype | None = None) -> Tensor:
        """`rows` takes but the first rows of the batch, and `dtype` other than the usual number format for products;
        states that are carried are left out then."""


def trusted(
    plain: Callable,
    run: RunStep,
    model: nn.Module,
    *,
    dtype: torch.dtype,
    rows: int,
    many_shapes: bool,
    say: Callable[[str], None],
) -> Callable:
    """`plain`, a function that gives the loss, by torch.compile; or itself where no compiled one gives what it gives.

    `run` runs it on a real batch of so many `rows`, with products in `dtype`. Uses up no random numbers and leaves the
    weights as they are, without gradients; `say` hears in one line what was found.
    """
    with _no_zeros(model):
        wanted = found = None
        for name, options in ATTEMPTS:
            try:
                function = compiled(plain, many_shapes, fallback_random=True, **options)
                found = _one_step(model, partial(run, function))
                if wanted is None:
                    wanted, noise = _one_step(model, partial(run, plain)), _noise(plain, run, model, dtype, rows)
            except Exception as error:  # the compiler's own have no common class
                say(f"compile: {name} it failed with {type(error).__name__}")
                continue
            wrong, largest = difference(found, wanted, noise)
            if wrong is None:
                say(f"compile: {name} its gradients are right ({largest})")
                return function
            say(f"compile: {name} it computes wrong numbers here ({wrong})")
    say("compile: off after all")
    return plain


def difference(found: Found, wanted: Found, noise: dict[str, float]) -> tuple[str | None, str]:
    """What is wrong with `found`, if anything is, and how far it is from `wanted` at most.

    `noise` is the relative norm of what rounding alone does to each.
    """
    usual, largest, largest_name = statistics.median(noise.values()), 0.0, ""
    for name, right in wanted.items():
        ours = found[name]
        if not torch.isfinite(ours).all():
            return f"{name} is not finite", ""
        apart = relative_norm(ours - right, right)
        allowed = TIMES_NOISE * max(usual, noise[name])
        if apart > allowed:
            cosine = torch.cosine_similarity(ours.flatten().double(), right.flatten().double(), dim=0).item()
            return f"{name} is {apart:.1%} off, cosine {cosine:.3f}, where rounding allows {allowed:.1%}", ""
        if apart >= largest:
            largest, largest_name = apart, name
    return None, f"at most {largest:.2g} off in {largest_name}; rounding alone makes {noise[largest_name]:.2g}"


def relative_norm(difference: Tensor, whole: Tensor) -> float:
    """The norm of a difference as a share of the norm of what is compared, 0 where both are 0."""
    size, apart = whole.double().norm().item(), difference.double().norm().item()
    return apart / size if size else apart


def _one_step(model: nn.Module, loss: Callable[[], Tensor]) -> Found:
    """The loss and the gradients. Random numbers are the same each time, and are not used up."""
    with torch.random.fork_rng():
        value = loss()
        value.backward()
    found = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    return {"the loss": value.detach(), **{f"the gradient of {name}": gradient for name, gradient in found.items()}}


def _noise(plain: Callable, run: RunStep, model: nn.Module, dtype: torch.dtype, rows: int) -> dict[str, float]:
    """What rounding does to each number of a step: an eighth of the batch in `dtype` and in the next wider format."""
    some, wider = max(1, rows // 8), WIDER[dtype]
    narrow = _one_step(model, lambda: run(plain, some, dtype))
    try:
        exact = _one_step(model.to(wider), lambda: run(plain, some, wider))
    finally:
        model.to(torch.float32)
    return {name: relative_norm(narrow[name] - right, right) for name, right in exact.items()}


@contextmanager
def _no_zeros(model: nn.Module) -> Iterator[None]:
    """Within it no weight is zero throughout, as some are at first: what lies before them would have no gradient."""
    random = torch.Generator().manual_seed(0)
    filled = [weight for weight in model.parameters() if not weight.any()]
    try:
        for weight in filled:
            weight.data.copy_(torch.empty(weight.shape).normal_(0, 0.02, generator=random))
        yield
    finally:
        for weight in filled:
            weight.data.zero_()
