"""Dropout with cheap random numbers: what torch's own does."""

import pytest
import torch

from janelm.architectures.dropout import Dropout, random_bytes


def test_random_bytes_are_uniform_and_differ_from_call_to_call():
    torch.manual_seed(1)
    x = torch.zeros(3, 7, 1001)
    counts = torch.bincount(torch.cat([random_bytes(x).flatten() for _ in range(20)]).int(), minlength=256).double()
    expected = 20 * x.numel() / 256
    chi_squared = ((counts - expected) ** 2 / expected).sum().item()
    assert 160 < chi_squared < 370  # 255 degrees of freedom, one chance in 100,000 on either side
    assert (random_bytes(x) != random_bytes(x)).float().mean() > 0.99


def test_every_place_of_eight_is_dropped_alike():
    """Eight bytes come from one draw of 64 bits: none of them, the sign's least of all, may have less randomness."""
    torch.manual_seed(1)
    kept = (Dropout(0.5).train()(torch.ones(200_000)) != 0).view(-1, 8).double().mean(0)
    assert (kept - 0.5).abs().max() < 0.02


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_mean_stays_and_the_share_is_the_probability_to_a_256th(p):
    torch.manual_seed(1)
    x = torch.ones(400, 1000, requires_grad=True)
    y = Dropout(p).train()(x)
    assert (y == 0).double().mean().item() == pytest.approx(p, abs=1 / 256)
    assert y.mean().item() == pytest.approx(1.0, abs=0.02)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())  # the gradient goes where the number went, scaled alike


def test_without_training_or_probability_nothing_happens():
    x = torch.randn(4, 5)
    assert Dropout(0.5).eval()(x) is x and Dropout(0.0).train()(x) is x


def test_a_probability_next_to_one_leaves_something():
    assert Dropout(0.9999).train()(torch.ones(10_000)).isfinite().all()


def test_the_same_seed_drops_the_same():
    x = torch.ones(50, 50)
    torch.manual_seed(7)
    first = Dropout(0.3).train()(x)
    torch.manual_seed(7)
    assert torch.equal(Dropout(0.3).train()(x), first)
