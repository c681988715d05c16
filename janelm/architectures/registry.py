"""Which architectures there are, by the `kind` of their config."""

from __future__ import annotations

from ..config import MODEL_CONFIGS, ModelConfig
from .base import LanguageModel

ARCHITECTURES: dict[str, type[LanguageModel]] = {}


def register(config: type[ModelConfig], model: type[LanguageModel]) -> None:
    """Make an architecture known by the `kind` of its config: to training, evaluation, writing and comparison."""
    MODEL_CONFIGS[config.kind], ARCHITECTURES[config.kind] = config, model


def build_model(config: ModelConfig, vocab_size: int, pad_token: int | None = None) -> LanguageModel:
    """A new model of this shape, its weights drawn from torch's current random state."""
    return ARCHITECTURES[config.kind](config, vocab_size, pad_token)
