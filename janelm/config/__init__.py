"""Every setting, written down once: what it means, its unit and its default.

Shapes in this project are written in capitals: B batch, T time (tokens in a row), D width, H heads, V vocabulary.
"""

from .base import Config, check, from_dict, to_dict
from .data import DataConfig
from .models import MODEL_CONFIGS, GPT2Config, LSTMConfig, ModelConfig, TransformerConfig, reach_of
from .sampling import SamplingConfig
from .tokenizers import (
    SPLIT_PATTERN,
    CharacterTokenizerConfig,
    TiktokenTokenizerConfig,
    TokenizerConfig,
    WordTokenizerConfig,
)
from .training import TrainingConfig

__all__ = [
    "MODEL_CONFIGS",
    "SPLIT_PATTERN",
    "CharacterTokenizerConfig",
    "Config",
    "DataConfig",
    "GPT2Config",
    "LSTMConfig",
    "ModelConfig",
    "SamplingConfig",
    "TiktokenTokenizerConfig",
    "TokenizerConfig",
    "TrainingConfig",
    "TransformerConfig",
    "WordTokenizerConfig",
    "check",
    "from_dict",
    "reach_of",
    "to_dict",
]
