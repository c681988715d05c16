"""Language models: a function from tokens and a state to logits and a state. A new one is a file here, with its config,
and one line that registers it."""

from __future__ import annotations

from ..config import GPT2Config, LSTMConfig, TransformerConfig
from .base import LanguageModel, State
from .gpt2 import GPT2
from .lstm import LSTM
from .own import OwnConfig, load_architecture
from .registry import ARCHITECTURES, build_model, register
from .transformer import Transformer

register(TransformerConfig, Transformer)
register(LSTMConfig, LSTM)
register(GPT2Config, GPT2)

__all__ = ["ARCHITECTURES", "LanguageModel", "OwnConfig", "State", "build_model", "load_architecture", "register"]
