"""The registry of architectures. A new one is one new file, one config and one line here."""

from __future__ import annotations

from ..config import LSTMConfig, ModelConfig, TransformerConfig
from .base import LanguageModel
from .lstm import LSTM
from .transformer import Transformer

ARCHITECTURES: dict[str, type[LanguageModel]] = {"transformer": Transformer, "lstm": LSTM}
MODEL_CONFIGS: dict[str, type[ModelConfig]] = {"transformer": TransformerConfig, "lstm": LSTMConfig}


def build_model(config: ModelConfig, vocab_size: int, pad_token: int | None = None) -> LanguageModel:
    """A new model of this shape, its weights drawn from torch's current random state."""
    return ARCHITECTURES[config.kind](config, vocab_size, pad_token)


__all__ = ["ARCHITECTURES", "MODEL_CONFIGS", "LanguageModel", "build_model"]
