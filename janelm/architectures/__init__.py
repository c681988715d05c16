"""Language models: a function from tokens and a state to logits and a state. A new one is a file here, with its config,
and one line that registers it."""

from __future__ import annotations

from ..config import MODEL_CONFIGS, GPT2Config, LSTMConfig, ModelConfig, TransformerConfig
from .base import LanguageModel, State
from .gpt2 import GPT2
from .lstm import LSTM
from .transformer import Transformer

ARCHITECTURES: dict[str, type[LanguageModel]] = {}


def register(config: type[ModelConfig], model: type[LanguageModel]) -> None:
    """Make an architecture known by the `kind` of its config: to training, evaluation, writing and comparison."""
    MODEL_CONFIGS[config.kind], ARCHITECTURES[config.kind] = config, model


register(TransformerConfig, Transformer)
register(LSTMConfig, LSTM)
register(GPT2Config, GPT2)


def build_model(config: ModelConfig, vocab_size: int, pad_token: int | None = None) -> LanguageModel:
    """A new model of this shape, its weights drawn from torch's current random state."""
    return ARCHITECTURES[config.kind](config, vocab_size, pad_token)


__all__ = ["ARCHITECTURES", "LanguageModel", "State", "build_model", "register"]
