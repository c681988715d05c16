"""The LSTM against a cell written from its equations."""

import torch

from janelm.architectures import build_model
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


def test_roll_padding_right_and_back():
    tokens = torch.tensor([[0, 0, 5, 6], [7, 8, 9, 0], [1, 2, 3, 4]])
    rolled, back = roll_padding_right(tokens, 0)
    assert rolled.tolist() == [[5, 6, 0, 0], [7, 8, 9, 0], [1, 2, 3, 4]]
    assert rolled.gather(1, back).tolist() == tokens.tolist()
