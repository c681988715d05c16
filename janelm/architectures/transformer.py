"""A decoder-only transformer, written by hand.

Vaswani et al. 2017, "Attention Is All You Need", as a language model: prenorm blocks, rotary positions (Su et al.
2021), normalised queries and keys (Henry et al. 2020), RMSNorm (Zhang and Sennrich 2019), squared ReLU (So et al.
2021), no biases; and, where the config asks for it, a table of bigrams, in rows that a hash finds (Svenstrup et al.
2017).

Its twins are export/transformer.py, the same as a graph, and `transformer` in engines/native/step.cpp, the same in C++;
tests/engines/ compares what all of them say.

Shapes: B batch, T time, S tokens looked back on (cached ones and these), D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import TransformerConfig, reach_of
from .base import LanguageModel, initialise
from .dropout import Dropout

Past = tuple[Tensor, Tensor] | None  # a layer's keys and values (B, H, S, E), where there is a state


def rms_norm(x: Tensor) -> Tensor:
    """Scale each vector of the last dimension to a root mean square of one."""
    return F.rms_norm(x, (x.size(-1),))


def rotary_table(start: int, length: int, size: int, base: float) -> Tensor:
    """Cosines and sines of positions start to start + length - 1: (2, T, E/2) float32.

    Pair i of a head turns by `position * base ** (-2i / E)` radians (Su et al. 2021, equation 15). The angles are
    computed in float64, so that position 1,000,000 is as exact as position 1.
    """
    frequencies = base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)  # (E/2)
    angles = torch.arange(start, start + length, dtype=torch.float64)[:, None] * frequencies  # (T, E/2)
    return torch.stack((angles.cos(), angles.sin())).float()


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn the pairs (x[i], x[i + E/2]) of x (..., T, E) by the angles of table (2, T, E/2)."""
    cosine, sine = table.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


def visible(queries: int, keys: int, window: int, device: torch.device) -> Tensor:
    """Which of the last `keys` tokens each of the last `queries` tokens sees: itself and window - 1 before it.

    Returns (T, S) bool.
    """
    query = torch.arange(keys - queries, keys, device=device)[:, None]
    key = torch.arange(keys, device=device)
    return (key <= query) & (key > query - window)


class SlidingCache:
    """Keys and values of the last tokens: the transformer's state.

    Rows are appended to a buffer with room for twice the window. When it is full, the last window is copied to the
    front; so text goes on without end at the same cost per token, and reading the cache never copies it. A text starts
    behind window - 1 rows that are never looked at, so that every step of a token has the same shapes.
    Keys are stored turned to their absolute positions: only the distance between two positions matters to attention.
    """

    def __init__(
        self, layers: int, shape: tuple[int, int, int, int], device: torch.device, reach: int, bigrams: bool = False
    ) -> None:
        """`reach` is how many tokens have any part in what is said after them."""
        B, H, window, E = shape
        self.reach = reach
        self.window = window
        self.position = 0  # tokens seen so far
        self.length = window - 1  # rows in use
        self.last = torch.zeros(B, 1, dtype=torch.int64, device=device) if bigrams else None  # the last token
        self.keys = torch.zeros(layers, B, H, 2 * window, E, device=device)
        self.values = torch.zeros_like(self.keys)
        self._written = torch.arange(2 * window, device=device) >= window
        self._table: Tensor | None = None
        self._table_start = 0

    def pass_over(self, count: int) -> None:
        """Stand where `count` more tokens lead, without having read them: what is said is right `reach` tokens on."""
        self.position += count

    def advance(self, count: int) -> None:
        """Make room for `count` more tokens, once for all layers."""
        if count > self.window:
            raise ValueError(f"a chunk of {count} tokens is longer than the window of {self.window}")
        if self.length + count > self.keys.size(3):
            kept = self.window - 1  # what the next token can see besides itself
            for rows in (self.keys, self.values):
                rows[:, :, :, :kept] = rows[:, :, :, self.length - kept : self.length].clone()
            self.length = kept
        self.length += count
        self.position += count

    def table(self, count: int, base: float) -> Tensor:
        """The rotary table (2, T, E/2) of the last `count` tokens, computed once for all rows of the buffer."""
        start = self.position - self.length  # position of the first row
        if self._table is None or start != self._table_start:
            rows, E = self.keys.shape[3:]
            self._table, self._table_start = rotary_table(start, rows, E, base).to(self.keys.device), start
        return self._table[:, self.length - count : self.length]

    def visible(self, count: int) -> Tensor:
        """What the last `count` tokens see of all that they may look back on: (T, S) bool."""
        if count == 1:
            return self._written.narrow(0, min(self.position, self.window), self.window)[None]
        S = self.window - 1 + count
        mask = visible(count, S, self.window, self.keys.device)
        mask[:, : max(0, S - self.position)] = False
        return mask

    def past(self, count: int) -> list[Past]:
        """For each layer the keys and values that the last `count` tokens may look back on, their own as the last rows,
        which are still to be written."""
        S = self.window - 1 + count
        keys, values = (rows.narrow(3, self.length - S, S) for rows in (self.keys, self.values))
        return [(keys[layer], values[layer]) for layer in range(len(keys))]


class CausalSelfAttention(nn.Module):
    """Multi-head attention in which no token sees a later one."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query_key_value = nn.Linear(config.width, 3 * config.width, bias=False)
        self.output = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: Tensor, table: Tensor, mask: Tensor, past: Past) -> Tensor:
        """x (B, T, D), table (2, T, E/2), mask broadcastable to (B, H, T, S) with True where to look, past keys and
        values (B, H, S, E), the last T rows of which are written -> (B, T, D)."""
        B, T, D = x.shape
        E = D // self.heads
        q, k, v = self.query_key_value(x).view(B, T, 3, self.heads, E).permute(2, 0, 3, 1, 4)  # (B, H, T, E) each
        q, k = rotate(rms_norm(q), table), rotate(rms_norm(k), table)
        if past is not None:
            for seen, new in zip(past, (k, v), strict=True):
                seen[:, :, -T:].copy_(new)
            k, v = past  # (B, H, S, E)
        scores = q @ k.transpose(-2, -1) * E**-0.5  # (B, H, T, S)
        weights = F.softmax(scores.masked_fill(~mask, float("-inf")), dim=-1, dtype=torch.float32).to(v.dtype)
        return self.output((weights @ v).transpose(1, 2).reshape(B, T, D))


class FeedForward(nn.Module):
    """Each token on its own: widen four times, square what is positive, narrow again."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.widen = nn.Linear(config.width, 4 * config.width, bias=False)
        self.output = nn.Linear(4 * config.width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(F.relu(self.widen(x)).square())


class Block(nn.Module):
    """Attention, then the feed-forward part; each reads a normalised stream and adds to the plain one (prenorm)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention = CausalSelfAttention(config)
        self.feed_forward = FeedForward(config)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, table: Tensor, mask: Tensor, past: Past) -> Tensor:
        x = x + self.dropout(self.attention(rms_norm(x), table, mask, past))
        return x + self.dropout(self.feed_forward(rms_norm(x)))


class Transformer(LanguageModel):
    """Embedding, dropout, prenorm blocks, norm, head."""

    compile_pays = True
    step_part = "through"
    table: Tensor
    causal: Tensor

    def __init__(self, config: TransformerConfig, vocab_size: int, pad_token: int | None = None) -> None:
        super().__init__(config, vocab_size, pad_token)
        self.embedding = nn.Embedding(vocab_size, config.width)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.head = nn.Linear(config.width, vocab_size, bias=False)
        initialise(self, embedding_deviation=0.02, residual_outputs=("attention.output", "feed_forward.output"))
        if config.tied:
            self.head.weight = self.embedding.weight
        if config.bigrams:
            self.bigrams = nn.Embedding(config.bigrams, config.width)
            nn.init.zeros_(self.bigrams.weight)
            self.bigram_shares = nn.Parameter(torch.full((config.layers,), 0.1))
        T, E = config.context_length, config.width // config.heads
        self.register_buffer("table", rotary_table(0, T, E, config.rotary_base), persistent=False)
        self.register_buffer("causal", visible(T, T, T, self.table.device), persistent=False)

    def features(self, tokens: Tensor, state: SlidingCache | None = None) -> tuple[Tensor, SlidingCache | None]:
        places = self._alone(tokens) if state is None else self._after(state, tokens.size(1))
        return self.through(tokens, *places, self._before(tokens, state)), state

    def through(
        self, tokens: Tensor, table: Tensor, mask: Tensor, past: list[Past], before: Tensor | None = None
    ) -> Tensor:
        """tokens (B, T), and where bigrams count those before each -> (B, T, D): all of `features` that is the same at
        every step of as many tokens."""
        x = self.dropout(rms_norm(self.embedding(tokens)))  # (B, T, D)
        bigrams = None if before is None else self._bigrams_of(before, tokens)
        for i, (block, rows) in enumerate(zip(self.blocks, past, strict=True)):
            x = x if bigrams is None else x + self.bigram_shares[i] * bigrams
            x = block(x, table, mask, rows)
        return rms_norm(x)

    def _bigrams_of(self, before: Tensor, tokens: Tensor) -> Tensor:
        """What the table has of each token and the one before it (B, T) -> (B, T, D). Several bigrams may share a row;
        before the first token of a text stands token 0."""
        return self.bigrams((before * self.config.bigram_factor + tokens) % self.config.bigrams)

    def _before(self, tokens: Tensor, state: SlidingCache | None) -> Tensor | None:
        """The token before each (B, T), where bigrams count."""
        if not self.config.bigrams:
            return None
        if state is None or state.last is None:
            return F.pad(tokens, (1, 0))[:, :-1]
        before = torch.cat((state.last, tokens), dim=1)
        state.last = before[:, -1:]
        return before[:, :-1]

    def _alone(self, tokens: Tensor) -> tuple[Tensor, Tensor, list[Past]]:
        """The rotary table of these tokens' positions, what each may look at, and no past."""
        T, window = tokens.size(1), self.config.context_length
        table, mask = self.table[:, :T], self.causal[:T, :T]
        if window < T:
            E = self.config.width // self.config.heads
            table = rotary_table(0, T, E, self.config.rotary_base).to(tokens.device)
            mask = visible(T, T, window, tokens.device)
        if self.pad_token is not None:
            seen = (tokens != self.pad_token)[:, None, None, :]  # (B, 1, 1, S): padding is never looked at,
            itself = torch.eye(T, dtype=torch.bool, device=tokens.device)  # but by itself, or softmax has nothing
            mask = mask & (seen | itself)
        return table, mask, [None] * len(self.blocks)

    def _after(self, state: SlidingCache, count: int) -> tuple[Tensor, Tensor, list[Past]]:
        """The same for the next `count` tokens of a text, and the past of each layer."""
        state.advance(count)
        return state.table(count, self.config.rotary_base), state.visible(count), state.past(count)

    def initial_state(self, batch_size: int, memory: int | None = None) -> SlidingCache:
        config = self.config
        window = min(config.context_length, memory + 1) if memory else config.context_length
        shape = (batch_size, config.heads, window, config.width // config.heads)
        return SlidingCache(config.layers, shape, self.device, reach_of(config, window - 1), bool(config.bigrams))

    def parts(self) -> list[nn.Module]:
        return list(self.blocks)

    def hidden_matrices(self) -> list[nn.Parameter]:
        return list(self.blocks.parameters())
