"""Low-rank adapters: what they change, what they leave, and which base they fit."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from small import SHAPES, TRAINING, quiet, write_text

from janelm.architectures import build_model
from janelm.config import DataConfig, TrainingConfig
from janelm.errors import JaneLMError, UsageError
from janelm.runs import find_run, load_pair, sample_run
from janelm.runs.pair import write_pair
from janelm.training.optimizers import LowRank, build_optimizers
from janelm.training.pipeline import resume, train

SHORT = replace(TRAINING, steps=8, evaluations=2, ancestor="models/old", adapter=2, decay=0.0, learning_rate=0.003)
OF_ANY_SHAPE = pytest.mark.parametrize("shape", [SHAPES["lstm"]], ids=["lstm"])  # what is about files and settings


@pytest.fixture
def old(shape, text, made_once):
    """A run that adapters are for, and another text."""

    def make(folder: Path) -> None:
        (folder / "old.txt").write_text(text)
        train(shape, TRAINING, folder / "old", data=DataConfig((str(folder / "old.txt"),)), say=quiet)

    shutil.copytree(made_once(f"adapted {shape.kind}", make), "models")
    Path("new.txt").write_text(write_text(1500, seed=9).replace("the lamp", "a lamp and a lamp"))
    return find_run("models/old")


def adapt(shape, name="mine", **changes):
    return train(shape, replace(SHORT, **changes), f"models/{name}", data=DataConfig(("new.txt",)), say=quiet)


def test_only_narrow_additions_are_learnt_and_kept_and_merged_at_load(old, shape):
    finished = adapt(shape)
    told = finished.results["ancestor"]
    assert told["after"]["new"] < told["before"]["new"]
    assert not (finished.run.folder / "best.safetensors").exists()
    base, merged = old.load().weights, find_run("models/mine").load().weights
    model = build_model(shape, old.tokenizer().vocab_size)
    hidden = {id(matrix) for matrix in model.hidden_matrices()}
    for name, parameter in model.named_parameters():
        added = merged[name] - base[name]
        assert np.linalg.matrix_rank(added, tol=1e-5) == 2 if id(parameter) in hidden else not added.any()
    write_pair(finished.run, Path("whole.pth"), Path("whole.pkl"))
    whole = load_pair(Path("whole.pth"), Path("whole.pkl")).weights
    assert all(np.array_equal(whole[name], merged[name]) for name in merged)


def test_resumed_equals_uninterrupted(old, shape):
    adapt(shape, "whole")
    adapt(shape, "parts", steps=4, evaluations=1)
    resume(Path("models/parts"), budget={"steps": 8}, changes={"evaluations": 2}, say=quiet)
    parts = [load_file(f"models/{name}/adapter.safetensors") for name in ("whole", "parts")]
    for name in parts[0]:
        np.testing.assert_allclose(parts[0][name], parts[1][name], atol=2e-3)


@OF_ANY_SHAPE
def test_an_adapter_for_another_base_is_one_sentence(old, shape):
    adapt(shape)
    other = replace(TRAINING, seed=5, steps=2)
    shutil.rmtree("models/old")
    with pytest.raises(JaneLMError, match="there is no run at models/old"):
        find_run("models/mine").load()
    train(shape, other, "models/old", data=DataConfig(("new.txt",)), say=quiet)
    with pytest.raises(JaneLMError, match="is an adapter for another model than models/old is now: restore that"):
        find_run("models/mine").load()
    with pytest.raises(JaneLMError, match="is an adapter for another model"):
        resume(Path("models/mine"), budget={"steps": 9}, say=quiet)


@OF_ANY_SHAPE
def test_a_damaged_adapter_is_one_sentence(old, shape):
    path = adapt(shape).run.folder / "adapter.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(JaneLMError, match=r"adapter\.safetensors is damaged"):
        find_run("models/mine").load()


@OF_ANY_SHAPE
def test_adapters_that_go_back_to_each_other_are_one_sentence(old, shape):
    """Loading one would never end."""
    adapt(shape, "first")
    adapt(shape, "second", ancestor="models/first")
    path = Path("models/first/config.json")
    path.write_text(path.read_text().replace('"models/old"', '"models/second"'))
    for name in ("first", "second"):
        with pytest.raises(JaneLMError, match=r"goes back to .* again and again"):
            find_run(f"models/{name}").load()


@OF_ANY_SHAPE
@pytest.mark.parametrize("change", ["more", "shape", "names"])
def test_an_adapter_of_other_arrays_is_one_sentence(old, shape, change):
    path = adapt(shape).run.folder / "adapter.safetensors"
    parts = load_file(path)
    name = next(name for name in parts if name.endswith(".up"))
    if change == "more":
        parts["elsewhere.up"] = parts["elsewhere.down"] = parts[name]
    elif change == "shape":
        parts[name] = parts[name][:-1]
    else:
        parts["other"] = parts.pop(name)
    save_file(parts, path)
    with pytest.raises(JaneLMError, match=r"adapter\.safetensors is damaged"):
        find_run("models/mine").load()


@OF_ANY_SHAPE
def test_what_an_adapter_cannot_hold_is_refused(old, shape):
    for changes, sentence in (
        ({"ema": 0.9}, "ema changes more than an adapter can hold"),
        ({"extend_vocab": 5}, "extend_vocab changes more than an adapter can hold"),
        ({"ancestor": None}, "adapter needs a run to go on from"),
    ):
        with pytest.raises(UsageError, match=sentence):
            adapt(shape, **changes)
    with pytest.raises(UsageError, match="an adapter has the tokens of a run"):
        train(shape, SHORT, "models/mine", data=DataConfig(("new.txt",), documents="lines"), say=quiet)
    assert not Path("models/mine").exists()


def test_its_gradients_are_those_of_the_narrow_matrices(shape):
    """The chain rule done by hand, against autograd."""
    torch.manual_seed(0)
    model = build_model(shape, 20)
    (optimizer,) = build_optimizers(model, TrainingConfig(steps=1, ancestor="a", adapter=3))
    assert isinstance(optimizer, LowRank)
    matrix = model.hidden_matrices()[0]
    kept = optimizer.state[matrix]
    kept["up"].normal_()
    up, down = kept["up"].clone().requires_grad_(), kept["down"].clone().requires_grad_()
    target = torch.randn_like(matrix)
    ((matrix.detach() + up @ down) * target).sum().backward()
    matrix.grad = target
    before = {side: kept[side].clone() for side in ("up", "down")}
    for group in optimizer.param_groups:
        group["lr"] = 1e-3
    optimizer.step()
    for side, gradient in (("up", up.grad), ("down", down.grad)):  # Adam's first step is the gradient's sign
        torch.testing.assert_close(kept[side] - before[side], -1e-3 * gradient.sign(), atol=1e-5, rtol=1e-3)


def test_of_the_shipped_model_rank_four_is_under_300_kb():
    run = sample_run("transformer")
    with torch.device("meta"):
        model = build_model(run.config().model, 1024)
    assert sum(2 * 4 * sum(matrix.shape) for matrix in model.hidden_matrices()) < 290_000
