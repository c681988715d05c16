"""JaneLM: your text, your model, your page.

import janelm

run = janelm.load_run("model")
for piece in janelm.generate(run, "Elizabeth", num_tokens=200):
    print(piece, end="")

size, training = janelm.model_preset("lstm", "tiny"), janelm.training_preset("lstm", "tiny")
finished = janelm.train(size, training, "models/mine", text=my_text)
run = finished.run.load()
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "train": "pipeline",
    "resume": "pipeline",
    "Finished": "pipeline",
    "model_preset": "presets",
    "training_preset": "presets",
    "load_run": "runs",
    "load_pair": "runs",
    "Run": "runs",
    "LoadedRun": "runs",
    "generate": "generation",
    "TransformerConfig": "config",
    "LSTMConfig": "config",
    "TrainingConfig": "config",
    "DataConfig": "config",
    "SamplingConfig": "config",
    "CharacterTokenizerConfig": "config",
    "TiktokenTokenizerConfig": "config",
    "JaneLMError": "errors",
    "UsageError": "errors",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import what is asked for and no more: `janelm --help` need not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'janelm' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
