"""A model spread over the processes that train it: FSDP2 (Zhao et al. 2023, "PyTorch FSDP").

Each process keeps its share of every weight, gradient and optimizer state, and has whole weights only for the part of
the model that is being worked on. All else in this package knows two things of that: `whole` gives all of a tensor, and
`share_of` the share that goes with another one. Of a tensor that is not shared, both are the tensor itself.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


def shard(model: nn.Module, parts: list[nn.Module], processes: int) -> None:
    """Spread the weights over all processes; those of `parts` come together one part after the other."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    mesh = init_device_mesh(next(model.parameters()).device.type, (processes,))
    for part in (*parts, model):
        fully_shard(part, mesh=mesh)
    register_fsdp_forward_method(model, "features")


def settle(model: nn.Module) -> None:
    """Let go of whole weights that are left from a look at the model, since they may change meanwhile."""
    reshard: Callable[[], None] | None = getattr(model, "reshard", None)
    if reshard is not None:
        reshard()


def shared(tensor: Tensor) -> bool:
    """Whether this process holds but a share of it."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Tensor) -> Tensor:
    """All of the tensor; where it is shared, all processes must ask for it together."""
    full_tensor: Callable[[], Tensor] | None = getattr(tensor, "full_tensor", None)
    return tensor if full_tensor is None else full_tensor()


def share_of(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's share of a whole tensor, shared out as `like` is; all processes must ask together."""
    if not shared(like):
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
