"""Compiled code is checked before it is trusted: what is wrong is found, and training and writing go on right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small import SHAPES, TRAINING, random_run

from janelm.architectures import build_model
from janelm.config import TransformerConfig
from janelm.engines import TorchEngine, choose_engine
from janelm.machine import trust
from janelm.machine.compiler import _instructions
from janelm.machine.hardware import autocast, compiled
from janelm.runs import Run
from janelm.training.distillation import training_loss
from janelm.training.pipeline import train


class Spoiled(torch.autograd.Function):
    """Hands on the loss, and spoils the gradient of one weight."""

    @staticmethod
    def forward(ctx, loss, weight, wrong):
        ctx.wrong = wrong(weight.detach())
        return loss.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient, ctx.wrong, None


# What a compiler may get wrong: in which weight, and what it adds to the gradient there.
WRONG = {
    "not a number": ("blocks.0.attention.query_key_value", lambda weight: torch.full_like(weight, torch.nan)),
    "a tenth too much in one tensor": ("embedding", lambda weight: 0.01 * weight.sign()),
    "only in the last block": ("blocks.1.feed_forward.output", lambda weight: 0.01 * torch.ones_like(weight)),
}


def spoil(where, wrong):
    """In the place of torch.compile: a function that gives the right loss and one wrong gradient."""

    def function(model, *rest):
        loss, state = training_loss(model, *rest)
        return Spoiled.apply(loss, model.get_submodule(where).weight, wrong), state

    return function


def run_of(name, said=None, **settings):
    settings = replace(TRAINING, steps=4, evaluations=2, **settings)
    train(
        SHAPES["transformer"],
        settings,
        name,
        text="A kind aunt wrote a long letter.\n" * 400,
        say=[].append if said is None else said.append,
    )
    return Run(Path(name))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_gradient_is_found_and_training_goes_on_without_compiling(kind, precision, monkeypatch):
    monkeypatch.setattr(trust, "compiled", lambda *arguments, **options: spoil(*WRONG[kind]))
    said = []
    found = run_of("found", said, compile="on", precision=precision)
    plain = run_of("plain", precision=precision)
    lines = [line for line in said if line.startswith("compile:")]
    assert len(lines) == 4 and lines[-1] == "compile: off after all"
    assert all(f"the gradient of {WRONG[kind][0]}.weight is" in line for line in lines[1:3])
    for name, weight in plain.best_weights().items():
        np.testing.assert_array_equal(found.best_weights()[name], weight)


def test_where_only_long_vectors_are_wrong_shorter_ones_are_taken(monkeypatch):
    def by_options(function, many_shapes, **options):
        return training_loss if options.get("cpp.simdlen") == 256 else spoil(*WRONG["only in the last block"])

    monkeypatch.setattr(trust, "compiled", by_options)
    said = []
    run_of("narrow", said, compile="on")
    wrong, right = [line for line in said if line.startswith("compile: ")][1:]
    assert "wrong numbers" in wrong and "with vectors of 256 bits" in right and "right" in right


def test_a_compiler_that_fails_ends_no_training(monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("no such thing")

    monkeypatch.setattr(trust, "compiled", fail)
    said = []
    run_of("failing", said, compile="on")
    assert said.count("compile: off after all") == 1


def test_the_check_leaves_no_trace(monkeypatch):
    """Weights, random numbers, gradients: a run takes the very steps of one without it, dropout included."""
    monkeypatch.setattr(trust, "compiled", lambda function, *arguments, **options: function)
    shape = replace(SHAPES["transformer"], dropout=0.2)
    monkeypatch.setitem(SHAPES, "transformer", shape)
    checked, plain = run_of("checked", compile="on"), run_of("plain", compile="off")
    for name, weight in plain.best_weights().items():
        np.testing.assert_array_equal(checked.best_weights()[name], weight)


BREAKS = {"cpp.march": "x86-64-v4"}  # with g++ 12.2 and torch 2.13: 512-bit vectors in transposes of bf16


def transposed(x, table):
    """The smallest case known: numbers (B, E, T) bf16 turned by a table (2, T, E)."""
    first, second = x.transpose(1, 2).chunk(2, -1)
    cosine, sine = table[0, :, :32], table[1, :, :32]
    a, b = first.float(), second.float()
    return torch.cat((a * cosine + b * sine, b * cosine - a * sine), -1).bfloat16()


@pytest.mark.needs("compiler")
@pytest.mark.skipif("avx512vbmi" not in _instructions(), reason="this processor has no such vectors")
def test_what_gpp_12_makes_of_transposed_bf16_is_found(monkeypatch):
    """The loss is right and nine of ten gradients are wrong, or not a number: on a common machine, training failed."""
    torch.manual_seed(0)
    x, table = torch.randn(64, 64, 256).bfloat16(), torch.randn(2, 256, 64)
    with torch.no_grad():
        breaks = not torch.allclose(compiled(transposed, False, **BREAKS)(x, table), transposed(x, table), 0.05, 0.05)
        shipped = compiled(transposed, False, **trust.ATTEMPTS[0][1])(x, table)
    torch.testing.assert_close(shipped, transposed(x, table), rtol=0.05, atol=0.05)
    model = build_model(TransformerConfig(layers=1, width=128, heads=2), 64)
    rows = torch.randint(64, (16, 257))

    def run(function, count=None, dtype=torch.bfloat16):
        with autocast(model.device, dtype):
            return function(model, rows[:count, :-1], rows[:count, 1:])[0]

    monkeypatch.setattr(trust, "ATTEMPTS", [("with the flags that break it", BREAKS), trust.ATTEMPTS[0]])
    said, settings = [], {"dtype": torch.bfloat16, "rows": 16, "many_shapes": False}
    function = trust.trusted(training_loss, run, model, say=said.append, **settings)
    assert function is not training_loss and "right" in said[-1]
    assert breaks == ("wrong numbers" in said[0])


@pytest.mark.needs("compiler")
@pytest.mark.parametrize("kind", SHAPES)
def test_compiled_steps_that_say_something_else_do_not_write(kind, monkeypatch):
    def off(function, many_shapes, **options):
        return lambda *arguments: torch.utils._pytree.tree_map(lambda x: x + 0.001, function(*arguments))

    monkeypatch.setattr("janelm.engines.torch_engine.compiled", off)
    run, said = random_run(SHAPES[kind]), []
    engine, tokens = choose_engine(run, "torch-compiled", say=said.append), np.ones((1, 3), np.int64)
    logits = engine.step(tokens, engine.initial_state(1))[0]
    np.testing.assert_array_equal(
        logits, TorchEngine(run.model).step(tokens, TorchEngine(run.model).initial_state(1))[0]
    )
    assert len(said) == 3 and "off, where rounding allows" in said[0] and "without compiling" in said[-1]
