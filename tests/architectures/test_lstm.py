"""The LSTM against a cell written from its equations."""

import pytest
import torch

from janelm.architectures import build_model
from janelm.architectures.dropout import LockedDropout
from janelm.architectures.lstm import roll_padding_right
from janelm.config import LSTMConfig


def reference_step(x, hidden, cell, weights):
    """One step of an LSTM cell (Gers et al. 2000, with biases as in torch): x, hidden and cell are (B, D)."""
    w_input, w_hidden, b_input, b_hidden = weights
    gates = x @ w_input.T + b_input + hidden @ w_hidden.T + b_hidden  # (B, 4D)
    enter, forget, candidate, leave = gates.chunk(4, dim=1)
    cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
    return torch.sigmoid(leave) * torch.tanh(cell), cell


def test_the_model_equals_the_reference_cell():
    torch.manual_seed(0)
    model = build_model(LSTMConfig(layers=3, width=8), 11).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    tokens = torch.randint(11, (2, 9))
    state = [(torch.zeros(2, 8), torch.zeros(2, 8)) for _ in range(3)]
    expected = []
    for place in range(9):
        x = model.embedding.weight[tokens[:, place]]
        for layer in range(3):
            state[layer] = reference_step(x, *state[layer], model.lstm.all_weights[layer])
            x = state[layer][0]
        expected.append(x @ model.head.weight.T + model.head.bias)
    torch.testing.assert_close(model(tokens)[0], torch.stack(expected, 1), atol=1e-5, rtol=1e-5)


def test_the_forget_gate_starts_open():
    lstm = build_model(LSTMConfig(layers=2, width=8), 11).lstm
    for layer in range(2):
        bias = getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")
        assert bias.tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_path_with_drops_computes_what_the_plain_one_does(dtype):
    """With a probability of nearly zero nothing is dropped, and outputs, states and gradients are the same."""
    torch.manual_seed(0)
    plain = build_model(LSTMConfig(layers=2, width=16), 11)
    drops = build_model(LSTMConfig(layers=2, width=16, weight_dropout=1e-9, locked_dropout=True), 11)
    drops.load_state_dict(plain.state_dict())
    tokens = torch.randint(11, (3, 9))
    results = []
    for model in (plain, drops):
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            logits, state = model(tokens, model.initial_state(3))
            alone, _ = model(tokens)
        (logits.float().square().mean() + alone.float().square().mean()).backward()
        results.append([logits, alone, *state, *(weight.grad for weight in model.parameters())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5 if dtype == torch.float32 else 2e-2)


def test_dropped_weights_are_others_each_step_and_none_in_evaluation():
    torch.manual_seed(0)
    model = build_model(LSTMConfig(layers=1, width=16, weight_dropout=0.5), 11)
    tokens = torch.randint(11, (1, 9)).expand(2, 9)
    (first, second), (third, _) = model(tokens)[0], model(tokens)[0]
    assert torch.equal(first, second), "one mask for all rows of a step"
    assert not torch.allclose(first, third)
    model(tokens)[0].sum().backward()
    gradient = model.lstm.weight_hh_l0.grad
    assert 0.3 < (gradient == 0).float().mean() < 0.7, "what was dropped has no gradient"
    model.eval()
    assert torch.equal(model(tokens)[0], model(tokens)[0])


def test_locked_dropout_takes_the_same_numbers_at_all_tokens():
    torch.manual_seed(0)
    x = LockedDropout(0.5)(torch.ones(2, 7, 100))
    assert torch.equal(x, x[:, :1].expand_as(x)) and set(x.unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(x[0], x[1])


def test_roll_padding_right_and_back():
    tokens = torch.tensor([[0, 0, 5, 6], [7, 8, 9, 0], [1, 2, 3, 4]])
    rolled, back = roll_padding_right(tokens, 0)
    assert rolled.tolist() == [[5, 6, 0, 0], [7, 8, 9, 0], [1, 2, 3, 4]]
    assert rolled.gather(1, back).tolist() == tokens.tolist()


def test_one_hot_input_is_an_embedding():
    """An LSTM over one-hot vectors computes what one over an embedding does, whose table is then part of its first
    matrix: so only the embedding is built."""
    torch.manual_seed(0)
    V, D = 13, 8
    embedding, lstm = torch.nn.Embedding(V, D), torch.nn.LSTM(D, D, batch_first=True)
    over_one_hot = torch.nn.LSTM(V, D, batch_first=True)
    over_one_hot.load_state_dict(
        lstm.state_dict() | {"weight_ih_l0": lstm.weight_ih_l0.detach() @ embedding.weight.detach().T}
    )
    tokens = torch.randint(V, (3, 11))
    one_hot = torch.nn.functional.one_hot(tokens, V).float()
    torch.testing.assert_close(over_one_hot(one_hot)[0], lstm(embedding(tokens))[0])
