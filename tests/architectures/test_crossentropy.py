"""The loss in pieces against the loss at once."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from janelm.architectures import crossentropy
from janelm.architectures.crossentropy import IGNORED, cross_entropy

V, D, SMALL = 101, 16, 1000  # in pieces of at most SMALL logits: nine tokens each


def example(dtype=torch.float32, bias=True):
    torch.manual_seed(0)
    head = nn.Linear(D, V, bias=bias)
    nn.init.normal_(head.weight)
    x = torch.randn(4, 16, D, dtype=dtype, requires_grad=True)
    targets = torch.randint(V, (4, 16))
    targets[1, 5:] = IGNORED
    return head, x, targets


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_loss_in_pieces_and_its_gradients_are_those_of_the_loss_at_once(dtype, bias, monkeypatch):
    results = []
    for limit in (10**9, SMALL):
        monkeypatch.setattr(crossentropy, "LOGITS_AT_ONCE", limit)
        head, x, targets = example(dtype, bias)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = cross_entropy(head, x, targets) / 7
        loss.backward()
        results.append([loss.detach(), x.grad, *(weight.grad for weight in head.parameters())])
    exact = dtype == torch.float32
    for whole, parts in zip(*results, strict=True):
        assert whole.dtype == parts.dtype
        torch.testing.assert_close(parts, whole, rtol=1e-5 if exact else 2e-2, atol=1e-5 if exact else 2e-2)


def test_it_is_torchs_own_sum():
    head, x, targets = example()
    expected = F.cross_entropy(head(x).transpose(1, 2), targets, ignore_index=IGNORED, reduction="sum")
    torch.testing.assert_close(cross_entropy(head, x, targets), expected)


def test_torch_compile_leaves_the_pieces_alone_and_gets_the_same(monkeypatch):
    """Unrolled and compiled, each piece would take seconds."""
    monkeypatch.setattr(crossentropy, "LOGITS_AT_ONCE", SMALL)
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph

    head, x, targets = example()
    torch._dynamo.reset()
    found = torch.compile(cross_entropy, backend=backend)(head, x, targets)
    torch.testing.assert_close(found, cross_entropy(head, x, targets))
    assert not any("logsumexp" in graph.code or "PiecewiseCrossEntropy" in graph.code for graph in graphs)


class Largest(TorchDispatchMode):
    """The size of the largest tensor that any operation within returns."""

    size = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for value in out if isinstance(out, tuple | list) else [out]:
            if isinstance(value, torch.Tensor):
                self.size = max(self.size, value.numel())
        return out


def test_no_tensor_is_larger_than_a_piece_or_the_weights(monkeypatch):
    head, x, targets = example()
    for limit, expected in ((10**9, 64 * V), (SMALL, max(9 * V, D * V))):
        monkeypatch.setattr(crossentropy, "LOGITS_AT_ONCE", limit)
        with Largest() as largest:
            cross_entropy(head, x, targets).backward()
        assert largest.size == expected
