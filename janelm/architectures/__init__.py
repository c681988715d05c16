"""The registry of architectures. A new one is one new file, one config and one line here."""

from __future__ import annotations

from ..config import ModelConfig
from .base import LanguageModel, State
from .lstm import LSTM
from .transformer import Transformer

ARCHITECTURES: dict[str, type[LanguageModel]] = {"transformer": Transformer, "lstm": LSTM}


def build_model(config: ModelConfig, vocab_size: int, pad_token: int | None = None) -> LanguageModel:
    """A new model of this shape, its weights drawn from torch's current random state."""
    return ARCHITECTURES[config.kind](config, vocab_size, pad_token)


__all__ = ["ARCHITECTURES", "LanguageModel", "State", "build_model"]
