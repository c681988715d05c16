"""The LSTM baseline: embedding, dropout, LSTM layers, dropout, linear.

Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

Its twins are export/lstm.py, the same as a graph, and `lstm` in engines/native/step.cpp, the same in C++;
tests/engines/ compares what all of them say.

Shapes: B batch, T time, D width, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import LSTMConfig
from .base import LanguageModel, initialise
from .dropout import Dropout, LockedDropout

LSTMState = tuple[Tensor, Tensor]  # hidden and cell, each (layers, B, D)


class LSTM(LanguageModel):
    """Embedding, dropout, LSTM layers with dropout between them, dropout, head; torch.compile leaves nn.LSTM as it
    is."""

    def __init__(self, config: LSTMConfig, vocab_size: int, pad_token: int | None = None) -> None:
        super().__init__(config, vocab_size, pad_token)
        D = config.width
        self.embedding = nn.Embedding(vocab_size, D)
        self.dropout = LockedDropout(config.dropout) if config.locked_dropout else Dropout(config.dropout)
        between = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(D, D, config.layers, batch_first=True, dropout=between)
        self.head = nn.Linear(D, vocab_size)
        initialise(self, embedding_deviation=0.1)
        if config.tied:
            self.head.weight = self.embedding.weight

    def features(self, tokens: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState | None]:
        shift = None
        if self.pad_token is not None and state is None:
            tokens, shift = roll_padding_right(tokens, self.pad_token)
        x = self.dropout(self.embedding(tokens))  # (B, T, D)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
            state = None if state is None else (state[0].to(x.dtype), state[1].to(x.dtype))
        drops = self.config.locked_dropout or self.config.weight_dropout
        x, after = self._lstm_with_drops(x, state) if self.training and drops else self.lstm(x, state)
        if shift is not None:
            x = x.gather(1, shift[:, :, None].expand_as(x))
        return self.dropout(x), None if state is None else after

    def _lstm_with_drops(self, x: Tensor, state: LSTMState | None) -> tuple[Tensor, LSTMState]:
        """What `self.lstm` does, with the two kinds of dropout that torch's own module lacks."""
        before = self.initial_state(x.size(0)) if state is None else state
        hidden, cell = (part.to(x.dtype) for part in before)
        after = []
        for layer, (w_input, w_hidden, b_input, b_hidden) in enumerate(self.lstm.all_weights):
            weights = [w_input, F.dropout(w_hidden, self.config.weight_dropout), b_input, b_hidden]
            start = [part[layer : layer + 1] for part in (hidden, cell)]
            x = self.dropout(x) if layer else x
            x, *end = torch.lstm(x, start, weights, True, 1, 0.0, True, False, True)
            after.append(end)
        hidden, cell = (torch.cat(parts) for parts in zip(*after, strict=True))
        return x, (hidden, cell)

    def initial_state(self, batch_size: int, memory: int | None = None) -> LSTMState:
        zero = torch.zeros(self.config.layers, batch_size, self.config.width, device=self.device)
        return zero, zero.clone()

    def hand_on(self, state: LSTMState, fresh: Tensor) -> LSTMState:
        hidden, cell = (part.detach().to(fresh.device).masked_fill(fresh[:, None], 0.0) for part in state)
        return hidden, cell

    def hidden_matrices(self) -> list[nn.Parameter]:
        return [weight for weight in self.lstm.parameters() if weight.ndim == 2]


def roll_padding_right(tokens: Tensor, pad_token: int) -> tuple[Tensor, Tensor]:
    """Turn each row of tokens (B, T) until its leading padding stands at its end.

    Padding behind a text cannot change what an LSTM makes of it; padding before it would. Returns the turned rows and
    the index (B, T) that gathers what was computed back to the places the tokens came from.
    """
    T = tokens.size(1)
    leading = (tokens != pad_token).int().argmax(1, keepdim=True)  # (B, 1)
    place = torch.arange(T, device=tokens.device)
    return tokens.gather(1, (place + leading) % T), (place - leading) % T
