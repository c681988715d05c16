"""What every architecture must do: the interface, causality, state, padding, dropout."""

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import SHAPES

from janelm.architectures import ARCHITECTURES, build_model
from janelm.config import MODEL_CONFIGS

V = 23


def lively(shape, pad_token=None, seed=0):
    """A model whose weights are all random: after the real start, whole parts of it output zero."""
    torch.manual_seed(seed)
    model = build_model(shape, V, pad_token).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


def test_the_registry_and_the_configs_name_the_same_architectures():
    assert set(ARCHITECTURES) == set(MODEL_CONFIGS) == set(SHAPES)
    assert all(MODEL_CONFIGS[name].kind == name for name in MODEL_CONFIGS)


@pytest.mark.parametrize("tied", [True, False])
def test_a_config_knows_the_shapes_of_its_models_weights(shape, tied):
    """Runs are checked and exported by them, without a model."""
    shape = replace(shape, tied=tied, layers=3)
    learned = {name: tuple(weight.shape) for name, weight in build_model(shape, V).named_parameters()}
    assert shape.weight_shapes(V) == learned


def test_a_change_to_a_future_token_leaves_earlier_logits_unchanged(shape):
    model = lively(shape)
    tokens = torch.randint(V, (2, 12))
    before = model(tokens)[0]
    for place in range(1, 12):
        changed = tokens.clone()
        changed[:, place] = (changed[:, place] + 1) % V
        after = model(changed)[0]
        assert torch.equal(before[:, :place], after[:, :place])
        assert not torch.allclose(before[:, place], after[:, place])


@pytest.mark.parametrize("kind", list(SHAPES))
@settings(max_examples=25, deadline=None)
@given(chunks=st.lists(st.integers(1, 16), min_size=1, max_size=8))
def test_stateful_equals_whole_sequence_at_any_chunking_and_beyond_the_context(kind, chunks):
    model = lively(SHAPES[kind])
    tokens = torch.randint(V, (2, sum(chunks)))
    whole = model(tokens)[0]
    state, parts, begin = model.initial_state(2), [], 0
    for size in chunks:
        logits, state = model(tokens[:, begin : begin + size], state)
        parts.append(logits)
        begin += size
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=2e-4, rtol=1e-4)


def test_one_token_at_a_time_slides_far_beyond_the_context(shape):
    model = lively(shape)
    tokens = torch.randint(V, (1, 100))
    state = model.initial_state(1)
    steps = []
    for place in range(100):
        logits, state = model(tokens[:, place : place + 1], state)
        steps.append(logits)
    torch.testing.assert_close(torch.cat(steps, 1), model(tokens)[0], atol=2e-4, rtol=1e-4)


@torch.no_grad()
def test_a_copied_state_can_be_gone_back_to(shape):
    model = lively(shape)
    _, state = model(torch.randint(V, (1, 10)), model.initial_state(1))
    kept = copy.deepcopy(state)
    first, _ = model(torch.tensor([[1]]), state)
    second, _ = model(torch.tensor([[1]]), kept)
    assert torch.equal(first, second)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(shape, side):
    """Padding used to reach attention, and turned the LSTM's state before the text began."""
    pad = V - 1
    model = lively(shape, pad_token=pad)
    tokens = torch.randint(V - 1, (1, 7))
    alone = model(tokens)[0]
    padding = torch.full((1, 5), pad)
    rows = [padding, tokens] if side == "left" else [tokens, padding]
    other = torch.randint(V - 1, (1, 12))
    together = model(torch.cat([torch.cat(rows, 1), other]))[0]
    place = slice(5, 12) if side == "left" else slice(0, 7)
    torch.testing.assert_close(together[:1, place], alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together[1:], model(other)[0], atol=1e-5, rtol=1e-5)
    assert torch.isfinite(together).all()


def test_no_gradient_comes_from_padding(shape):
    pad = V - 1
    model = lively(shape, pad_token=pad)
    tokens = torch.cat([torch.full((1, 4), pad), torch.randint(V - 1, (1, 6))], 1)
    logits, _ = model(tokens)
    model.zero_grad()
    logits[:, 4:].log_softmax(-1)[..., 0].sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
    if not model.config.tied:
        assert model.embedding.weight.grad[pad].abs().max() == 0


def test_dropout_acts_in_training_and_never_in_evaluation(shape):
    from dataclasses import replace

    model = lively(replace(shape, dropout=0.5))
    tokens = torch.randint(V, (2, 8))
    assert torch.equal(model(tokens)[0], model(tokens)[0])
    model.train()
    assert not torch.equal(model(tokens)[0], model(tokens)[0])


@pytest.mark.parametrize("tied", [True, False])
def test_tied_weights_are_one_tensor_and_count_once(shape, tied):
    from dataclasses import replace

    model = build_model(replace(shape, tied=tied), V)
    assert (model.head.weight is model.embedding.weight) == tied
    both = build_model(replace(shape, tied=not tied), V)
    difference = V * shape.width * (-1 if tied else 1)
    assert model.parameter_count() - both.parameter_count() == difference


def test_the_untrained_model_is_unsure_but_not_wrong(shape):
    """A start that is too loud costs the first hundred steps: the loss must begin near log(V)."""
    torch.manual_seed(0)
    model = build_model(shape, 100)
    tokens = torch.randint(100, (8, 17))
    logits = model(tokens[:, :-1])[0]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    assert abs(loss.item() - torch.tensor(100.0).log().item()) < 0.5
