"""Several processes that train one model together, started by `torchrun --nproc_per_node 2 traineval.py`.

Each process has the whole model and takes its share of the rows of a batch; the gradients are summed, so that all take
the same step, the one that a single process would take with the whole batch. The first process alone decides when
training ends, and it alone measures, writes and prints.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ..architectures.crossentropy import IGNORED

# How long one process waits for the others. The first alone learns the tokens of a text and evaluates, which may take
# longer than the ten or thirty minutes that torch allows; torchrun ends them all anyway where one of them fails.
PATIENCE = timedelta(days=1)


class Team:
    """This process among those that train together; alone, it does nothing."""

    def __init__(self, rank: int = 0, size: int = 1, device: torch.device | None = None) -> None:
        self.rank, self.size, self.device = rank, size, device or torch.device("cpu")

    @property
    def first(self) -> bool:
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """Which of a batch's rows are this process's; where there are fewer rows than processes, the first again."""
        return slice(self.rank, None, self.size) if self.rank < count else slice(0, 1)

    def share(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """This process's rows of a batch (B, T); a row that another process has, too, counts for nothing here."""
        mine = self.rows(len(inputs))
        if self.rank >= len(inputs):
            return inputs[mine], torch.full_like(targets[mine], IGNORED)
        return inputs[mine], targets[mine]

    def backward(self, loss: Tensor, parameters: Iterable[torch.nn.Parameter], sharded: bool = False) -> Tensor:
        """Give the parameters the gradients of the sum of all processes' losses; returns that sum.

        Where the model is `sharded`, its own backward already puts the mean over the processes into the gradients.
        """
        (loss * self.size if sharded else loss).backward()
        if self.size == 1:
            return loss
        gradients = [] if sharded else [parameter.grad for parameter in parameters if parameter.grad is not None]
        together = torch.cat([loss.detach().reshape(1), *(gradient.flatten() for gradient in gradients)])
        dist.all_reduce(together)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, summed in zip(gradients, together[1:].split(sizes), strict=True):
            gradient.copy_(summed.view_as(gradient))
        return together[0]

    def tell(self, value: Any) -> Any:
        """What the first process says."""
        if self.size == 1:
            return value
        said = [value]
        dist.broadcast_object_list(said, src=0, device=self.device)
        return said[0]

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        return bool(flags)

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The others do what is within once the first has: what it leaves in the cache they find there."""
        if self.size > 1 and not self.first:
            dist.barrier()
        yield
        if self.size > 1 and self.first:
            dist.barrier()


def in_first_process() -> bool:
    """Whether this process is the first, or the only one, before it has joined the others."""
    return os.environ.get("RANK", "0") == "0"


def join_team(device: torch.device) -> Team:
    """The team that torchrun started this process in, or one of its own."""
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        return Team()
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    return Team(dist.get_rank(), size, device)


def leave_team() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
