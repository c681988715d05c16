"""The shapes of the architectures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import positive


@dataclass(frozen=True)
class TransformerConfig:
    """Shape of the decoder-only transformer."""

    kind: ClassVar[str] = "transformer"
    bounded_memory: ClassVar[bool] = True
    """Whether a prediction looks back no further than the context length."""

    bigram_factor: ClassVar[int] = 31_337
    """A bigram's row is (factor x first token + second token) modulo rows: a prime spreads them over the table."""

    context_length: int = 256
    """Tokens that a prediction can look back on."""
    layers: int = 6
    """Blocks, each attention and a feed-forward part."""
    width: int = 256
    """Numbers that stand for a token inside the model."""
    heads: int = 4
    """Attention heads in each block; they divide the width among them."""
    dropout: float = 0.0
    """Probability, on the embedding and on what each block adds; never inside attention."""
    tied: bool = True
    """The head shares the embedding's weights."""
    rotary_base: float = 10_000.0
    """Longest wavelength of the rotary positions, in tokens over 2 pi."""
    bigrams: int | None = 0
    """Rows of a table of bigrams that is looked up before each block; None: 4,096 for characters, else none."""

    def weight_shapes(self, vocab_size: int) -> dict[str, tuple[int, ...]]:
        """What a model of this shape learns: the shapes of its weights by name; tied weights have one name."""
        D = self.width
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (vocab_size, D)}
        for i in range(self.layers):
            shapes[f"blocks.{i}.attention.query_key_value.weight"] = (3 * D, D)
            shapes[f"blocks.{i}.attention.output.weight"] = (D, D)
            shapes[f"blocks.{i}.feed_forward.widen.weight"] = (4 * D, D)
            shapes[f"blocks.{i}.feed_forward.output.weight"] = (D, 4 * D)
        if self.bigrams:
            shapes |= {"bigrams.weight": (self.bigrams, D), "bigram_shares": (self.layers,)}
        return shapes if self.tied else shapes | {"head.weight": (vocab_size, D)}

    def problems(self) -> list[str]:
        """What is wrong with these values, a sentence for each."""
        found = _shape_problems(self)
        if (self.bigrams or 0) < 0:
            found.append(f"bigrams is {self.bigrams}, but must be at least 0")
        if not positive(self.rotary_base):
            found.append(f"rotary_base is {self.rotary_base}, but must be a number above 0")
        if self.heads < 1:
            found.append(f"heads is {self.heads}, but must be at least 1")
        elif self.width % (2 * self.heads):
            found.append(
                f"width {self.width} does not divide into {self.heads} heads of an even size "
                f"(a multiple of {2 * self.heads} does)"
            )
        return found


@dataclass(frozen=True)
class GPT2Config:
    """Shape of a GPT-2; its published ones come with their weights."""

    kind: ClassVar[str] = "gpt2"
    bounded_memory: ClassVar[bool] = True

    context_length: int = 256
    """Positions that are learned; the published models have 1,024."""
    layers: int = 6
    """Blocks, each attention and a feed-forward part."""
    width: int = 256
    """Numbers that stand for a token inside the model."""
    heads: int = 4
    """Attention heads in each block; they divide the width among them."""
    dropout: float = 0.0
    """Probability, on the embedding and on what each block adds; never inside attention."""
    tied: bool = True
    """The head shares the embedding's weights."""
    epsilon: float = 1e-5
    """What LayerNorm adds under its root."""

    def weight_shapes(self, vocab_size: int) -> dict[str, tuple[int, ...]]:
        """What a model of this shape learns: the shapes of its weights by name; tied weights have one name."""
        D = self.width
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (vocab_size, D)}
        shapes["positions.weight"] = (self.context_length, D)
        linears = {"attention.query_key_value": (3 * D, D), "attention.output": (D, D)}
        linears |= {"feed_forward.widen": (4 * D, D), "feed_forward.output": (D, 4 * D)}
        norms = [f"blocks.{i}.{part}_norm" for i in range(self.layers) for part in ("attention", "feed_forward")]
        for name in [*norms, "norm"]:
            shapes |= {f"{name}.weight": (D,), f"{name}.bias": (D,)}
        for i in range(self.layers):
            for name, shape in linears.items():
                shapes |= {f"blocks.{i}.{name}.weight": shape, f"blocks.{i}.{name}.bias": shape[:1]}
        return shapes if self.tied else shapes | {"head.weight": (vocab_size, D)}

    def problems(self) -> list[str]:
        """What is wrong with these values, a sentence for each."""
        found = _shape_problems(self)
        if not positive(self.epsilon):
            found.append(f"epsilon is {self.epsilon}, but must be a number above 0")
        if self.heads < 1 or self.width % self.heads:
            found.append(f"width {self.width} does not divide into {self.heads} heads")
        return found


@dataclass(frozen=True)
class LSTMConfig:
    """Shape of the LSTM baseline: embedding, dropout, layers, dropout, linear."""

    kind: ClassVar[str] = "lstm"
    bounded_memory: ClassVar[bool] = False

    context_length: int = 256
    """Tokens in a training window; the state itself has no such limit."""
    layers: int = 2
    """LSTM layers, one on top of the other."""
    width: int = 512
    """Hidden size, and the embedding's."""
    dropout: float = 0.0
    """Probability, on the embedding, between the layers and before the head."""
    locked_dropout: bool = False
    """Dropout takes away the same numbers at all tokens of a window (Gal and Ghahramani 2016), instead of others at
    each."""
    weight_dropout: float = 0.0
    """Probability, on the weights from the hidden state to itself, drawn once for each step (Merity et al. 2018)."""
    tied: bool = True
    """The head shares the embedding's weights."""

    def weight_shapes(self, vocab_size: int) -> dict[str, tuple[int, ...]]:
        """The same for the LSTM: a layer's gates, four times the width, lie one below the other."""
        D = self.width
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (vocab_size, D), "head.bias": (vocab_size,)}
        for i in range(self.layers):
            shapes |= {f"lstm.weight_ih_l{i}": (4 * D, D), f"lstm.weight_hh_l{i}": (4 * D, D)}
            shapes |= {f"lstm.bias_ih_l{i}": (4 * D,), f"lstm.bias_hh_l{i}": (4 * D,)}
        return shapes if self.tied else shapes | {"head.weight": (vocab_size, D)}

    def problems(self) -> list[str]:
        """What is wrong with these values, a sentence for each."""
        found = _shape_problems(self)
        if not 0 <= self.weight_dropout < 1:
            found.append(f"weight_dropout is {self.weight_dropout}, but must be at least 0 and under 1")
        return found


ModelConfig = TransformerConfig | LSTMConfig | GPT2Config
MODEL_CONFIGS: dict[str, type[ModelConfig]] = {
    config.kind: config for config in (TransformerConfig, LSTMConfig, GPT2Config)
}


def reach_of(config: ModelConfig, memory: int) -> int:
    """How many tokens have any part in what an attention that looks back on `memory` of them says, through all layers
    and, where bigrams count, the token before the first."""
    return config.layers * memory + 1 + bool(getattr(config, "bigrams", 0))


def _shape_problems(config: ModelConfig) -> list[str]:
    found = [
        f"{name} is {getattr(config, name)}, but must be from {least:,} to {most:,}"
        for name, least, most in (("context_length", 2, 1 << 20), ("layers", 1, 1000), ("width", 1, 1 << 17))
        if not least <= getattr(config, name) <= most
    ]
    if not 0 <= config.dropout < 1:
        found.append(f"dropout is {config.dropout}, but must be at least 0 and under 1")
    return found
