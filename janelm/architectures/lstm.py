"""The LSTM baseline: embedding, dropout, LSTM layers, dropout, linear.

Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

Shapes: B batch, T time, D width, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..config import LSTMConfig
from .base import LanguageModel, initialise

LSTMState = tuple[Tensor, Tensor]  # hidden and cell, each (layers, B, D)


class LSTM(LanguageModel):
    """Embedding, dropout, LSTM layers with dropout between them, dropout, head."""

    compile_pays = False  # torch.compile leaves nn.LSTM as it is
    bounded_memory = False
    export_seconds = 0.1

    def __init__(self, config: LSTMConfig, vocab_size: int, pad_token: int | None = None) -> None:
        super().__init__(config, vocab_size, pad_token)
        D = config.width
        self.embedding = nn.Embedding(vocab_size, D)
        self.dropout = nn.Dropout(config.dropout)
        between = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(D, D, config.layers, batch_first=True, dropout=between)
        self.head = nn.Linear(D, vocab_size)
        initialise(self, embedding_deviation=0.1)
        if config.tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState | None]:
        shift = None
        if self.pad_token is not None and state is None:
            tokens, shift = roll_padding_right(tokens, self.pad_token)
        x = self.dropout(self.embedding(tokens))  # (B, T, D)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
            state = None if state is None else tuple(part.to(x.dtype) for part in state)
        x, after = self.lstm(x, state)
        logits = self.head(self.dropout(x))  # (B, T, V)
        if shift is not None:
            logits = logits.gather(1, shift[:, :, None].expand_as(logits))
        return logits, None if state is None else after

    def initial_state(self, batch_size: int, memory: int | None = None) -> LSTMState:
        zero = torch.zeros(self.config.layers, batch_size, self.config.width, device=self.device)
        return zero, zero.clone()

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
