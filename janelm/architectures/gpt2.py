"""GPT-2, written by hand, so that its published weights can be read, trained on and taken along.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners": prenorm blocks, learned positions, LayerNorm
with weight and bias (Ba et al. 2016), biases, the tanh form of GELU (Hendrycks and Gimpel 2016), a tied head.

A learned position has no successor: past the last one nothing can slide. The rule is: **when a window is full, its
second half is read again as the beginning of the next one.** So a token looks back on at least half a window, what is
said depends on the text alone and not on the chunks it came in, and a token costs twice as much at most.

Its twins are export/gpt2.py, the same as a graph, and runs/gpt2.py, which names its weights as others do.

Shapes: B batch, T time, S tokens looked back on (cached ones and these), D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import GPT2Config
from .base import LanguageModel, initialise
from .dropout import Dropout

Past = tuple[Tensor, Tensor] | None  # a layer's keys and values (B, H, S, E), where there is a state


class WindowCache:
    """Keys and values of the tokens of one window, and these tokens: GPT-2's state."""

    def __init__(self, layers: int, shape: tuple[int, int, int, int], device: torch.device) -> None:
        B, H, window, E = shape
        self.window, self.kept = window, window // 2
        self.length = 0  # tokens in the window
        self.tokens = torch.zeros(B, window, dtype=torch.int64, device=device)
        self.keys = torch.zeros(layers, B, H, window, E, device=device)
        self.values = torch.zeros_like(self.keys)
        self._places = torch.arange(window, device=device)

    @property
    def reach(self) -> int:
        """How many tokens have any part in what is said after them, once the window has begun anew among them."""
        return self.window

    def pass_over(self, count: int) -> None:
        """Stand where `count` more tokens lead, without having read them: what is said is right `reach` tokens on."""
        over = self.length + count - self.window
        self.length = self.length + count if over <= 0 else self.kept + 1 + (over - 1) % (self.window - self.kept)

    def begin_anew(self) -> Tensor:
        """Empty the window; returns the tokens (B, window // 2) that the next one begins with, to be read first."""
        kept = self.tokens[:, self.length - self.kept : self.length].clone()
        self.length = 0
        return kept

    def take_in(self, tokens: Tensor) -> tuple[Tensor, Tensor, list[Past]]:
        """Make room for tokens (B, T) that fit into the window: their positions (T), what each sees of the rows that
        are handed out (T, S) bool, and these rows of each layer, theirs still to be written.

        A single token is given all rows, so that such steps have the same shapes.
        """
        T = tokens.size(1)
        begin, self.length = self.length, self.length + T
        self.tokens[:, begin : self.length] = tokens
        S = self.window if T == 1 else self.length
        positions = self._places[begin : self.length]
        keys, values = (rows[:, :, :, :S] for rows in (self.keys, self.values))
        past: list[Past] = [(keys[layer], values[layer]) for layer in range(len(keys))]
        return positions, self._places[:S] <= positions[:, None], past


class CausalSelfAttention(nn.Module):
    """Multi-head attention in which no token sees a later one."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.output = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor, past: Past) -> Tensor:
        """x (B, T, D), positions (T) int64 of these tokens' rows in the past, mask broadcastable to (B, H, T, S) with
        True where to look, past keys and values (B, H, S, E), in which these rows are written -> (B, T, D)."""
        B, T, D = x.shape
        E = D // self.heads
        q, k, v = self.query_key_value(x).view(B, T, 3, self.heads, E).permute(2, 0, 3, 1, 4)  # (B, H, T, E) each
        if past is not None:
            for seen, new in zip(past, (k, v), strict=True):
                seen.index_copy_(2, positions, new.detach().to(seen.dtype))
            k, v = past  # (B, H, S, E)
        scores = q @ k.transpose(-2, -1) * E**-0.5  # (B, H, T, S)
        weights = F.softmax(scores.masked_fill(~mask, float("-inf")), dim=-1, dtype=torch.float32).to(v.dtype)
        return self.output((weights @ v).transpose(1, 2).reshape(B, T, D))


class FeedForward(nn.Module):
    """Each token on its own: widen four times, GELU, narrow again."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.widen = nn.Linear(config.width, 4 * config.width)
        self.output = nn.Linear(4 * config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(F.gelu(self.widen(x), approximate="tanh"))


class Block(nn.Module):
    """Attention, then the feed-forward part; each reads a normalised stream and adds to the plain one (prenorm)."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width, config.epsilon)
        self.attention = CausalSelfAttention(config)
        self.feed_forward_norm = nn.LayerNorm(config.width, config.epsilon)
        self.feed_forward = FeedForward(config)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor, past: Past) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x), positions, mask, past))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class GPT2(LanguageModel):
    """Embeddings of tokens and positions, dropout, prenorm blocks, norm, head."""

    compile_pays = True
    step_part = "through"
    causal: Tensor

    def __init__(self, config: GPT2Config, vocab_size: int, pad_token: int | None = None) -> None:
        super().__init__(config, vocab_size, pad_token)
        self.embedding = nn.Embedding(vocab_size, config.width)
        self.positions = nn.Embedding(config.context_length, config.width)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width, config.epsilon)
        self.head = nn.Linear(config.width, vocab_size, bias=False)
        initialise(self, embedding_deviation=0.02, residual_outputs=("attention.output", "feed_forward.output"))
        if config.tied:
            self.head.weight = self.embedding.weight
        T = config.context_length
        self.register_buffer("causal", torch.ones(T, T, dtype=torch.bool).tril(), persistent=False)

    def features(self, tokens: Tensor, state: WindowCache | None = None) -> tuple[Tensor, WindowCache | None]:
        if state is None and tokens.size(1) <= self.config.context_length:
            return self.through(tokens, *self._alone(tokens)), None
        cache = self.initial_state(len(tokens)) if state is None else state
        read = []
        while tokens.size(1):
            if cache.length == cache.window:
                again = cache.begin_anew()
                type(self).through(self, again, *cache.take_in(again))  # that of the object may be for single tokens
            part, tokens = tokens.tensor_split([cache.window - cache.length], dim=1)
            read.append(self.through(part, *cache.take_in(part)))
        return torch.cat(read, 1) if len(read) > 1 else read[0], state

    def through(self, tokens: Tensor, positions: Tensor, mask: Tensor, past: list[Past]) -> Tensor:
        """tokens (B, T) -> (B, T, D): all of `features` that is the same at every step of as many tokens."""
        x = self.dropout(self.embedding(tokens) + self.positions(positions))  # (B, T, D)
        for block, rows in zip(self.blocks, past, strict=True):
            x = block(x, positions, mask, rows)
        return self.norm(x)

    def _alone(self, tokens: Tensor) -> tuple[Tensor, Tensor, list[Past]]:
        """The positions of these tokens, (T) or, where rows are padded, (B, T); what each may look at; and no past."""
        T = tokens.size(1)
        positions, mask = torch.arange(T, device=tokens.device), self.causal[:T, :T]
        if self.pad_token is not None:
            text = tokens != self.pad_token  # (B, T)
            positions = (text.cumsum(1) - 1).clamp(min=0)  # padding before a text does not move it
            itself = torch.eye(T, dtype=torch.bool, device=tokens.device)  # or softmax of padding has nothing
            mask = mask & (text[:, None, None, :] | itself)
        return positions, mask, [None] * len(self.blocks)

    def initial_state(self, batch_size: int, memory: int | None = None) -> WindowCache:
        config = self.config
        window = min(config.context_length, memory + 1) if memory else config.context_length
        shape = (batch_size, config.heads, window, config.width // config.heads)
        return WindowCache(config.layers, shape, self.device)

    def parts(self) -> list[nn.Module]:
        return list(self.blocks)

    def hidden_matrices(self) -> list[nn.Parameter]:
        return [weight for weight in self.blocks.parameters() if weight.ndim == 2]
