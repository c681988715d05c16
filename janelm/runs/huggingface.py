"""Models as `transformers` keeps them: a folder with config.json, weights and tokenizer files, or a name at the hub."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from . import nanochat

DIALECTS: Mapping[str, ModuleType] = {"transformer": nanochat}  # by the kind of our config
