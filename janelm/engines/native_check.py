"""Whether a compiled library computes what the models compute: python -m janelm.engines.native_check LIBRARY

Small models with random weights, of each architecture and in each precision, read some tokens beyond their context. The
models in float64 say what is right, and the models in float32 how far from it rounding takes a right answer.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from ..architectures import LanguageModel, build_model
from ..config import LSTMConfig, ModelConfig, TransformerConfig
from ..export.rounding import rounded
from .native_engine import PRECISIONS, NativeEngine

VOCAB_SIZE = 50
SHAPES: list[ModelConfig] = [
    TransformerConfig(context_length=24, layers=2, width=72, heads=3),
    TransformerConfig(context_length=24, layers=1, width=64, heads=2, tied=False, bigrams=200),
    LSTMConfig(context_length=24, layers=2, width=72),
    LSTMConfig(context_length=24, layers=1, width=64, tied=False),
]
CHUNKS = [1, 1, 7, *[1] * 5, 16, *[1] * 10]  # in which the tokens are read: 40 of them
TIMES_NOISE = 20.0  # the right ones were at 0.5 to 2


def problem(library: Path) -> str:
    """What is wrong with a library, in a few words, or nothing."""
    for config in SHAPES:
        for precision in PRECISIONS:
            model = _random_model(config, precision)
            weights = {name: weight.detach().numpy() for name, weight in model.named_parameters()}
            run: Any = SimpleNamespace(
                config=SimpleNamespace(model=config), tokenizer=SimpleNamespace(vocab_size=VOCAB_SIZE), weights=weights
            )
            engine = NativeEngine(run, precision, made=library)
            tokens = np.random.default_rng(1).integers(0, VOCAB_SIZE, (3, sum(CHUNKS)))
            state, at, said = engine.initial_state(len(tokens)), 0, []
            for size in CHUNKS:
                logits, state = engine.step(tokens[:, at : at + size], state)
                at += size
                said.append(logits)
            wanted, rounded_differently = _logits(model.double(), tokens), _logits(model.float(), tokens)
            length, allowed = np.linalg.norm(wanted), TIMES_NOISE * np.linalg.norm(rounded_differently - wanted)
            apart = np.linalg.norm(np.stack(said) - wanted)
            if not apart <= allowed:
                return (
                    f"the {config.kind} in {precision} is {apart / length:.2g} off, where rounding allows "
                    f"{allowed / length:.2g}"
                )
    return ""


def _random_model(config: ModelConfig, precision: str) -> LanguageModel:
    """Its weights are what the precision can say of them."""
    torch.manual_seed(0)
    model = build_model(config, VOCAB_SIZE).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
        if precision != "fp32" and weight.ndim == 2:
            small, scale = rounded(weight.detach().numpy(), -1, precision)
            weight.data = torch.from_numpy(small * scale)
    return model


@torch.no_grad()
def _logits(model: LanguageModel, tokens: np.ndarray) -> np.ndarray:
    """What the model expects after each chunk, computed from the whole text: (chunks, B, V)."""
    logits, _ = model(torch.from_numpy(tokens))
    return logits[:, np.cumsum(CHUNKS) - 1].transpose(0, 1).double().numpy()


if __name__ == "__main__":
    sys.exit(problem(Path(sys.argv[1])) or None)  # a text is printed, and the status is 1
