"""GPT-2 as `transformers` and most others know it: GPT2LMHeadModel.

Its linear layers are stored as (in, out), ours as (out, in). Its config.json leaves out what is as it was in 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import numpy as np

from ..config import GPT2Config, check
from ..errors import JaneLMError
from .loaded import check_weights
from .nanochat import shapes_of

MODEL_TYPE, CLASS = "gpt2", "GPT2LMHeadModel"
# Theirs to ours: of the whole model, and of a block.
WHOLE = {"wte.weight": "embedding.weight", "wpe.weight": "positions.weight"} | {
    f"ln_f.{part}": f"norm.{part}" for part in ("weight", "bias")
}
BLOCK = {
    "ln_1": "attention_norm",
    "attn.c_attn": "attention.query_key_value",
    "attn.c_proj": "attention.output",
    "ln_2": "feed_forward_norm",
    "mlp.c_fc": "feed_forward.widen",
    "mlp.c_proj": "feed_forward.output",
}
MASKS = (".attn.bias", ".attn.masked_bias")  # no weights: which tokens see which, in old files
GELU = ("gelu_new", "gelu_pytorch_tanh")


class Stored(TypedDict):
    """What a config.json holds; what it lacks is GPT-2's of 124 million parameters."""

    vocab_size: NotRequired[int]
    n_positions: NotRequired[int]
    n_ctx: NotRequired[int]
    n_embd: NotRequired[int]
    n_layer: NotRequired[int]
    n_head: NotRequired[int]
    n_inner: NotRequired[int | None]
    layer_norm_epsilon: NotRequired[float]
    resid_pdrop: NotRequired[float | int]
    activation_function: NotRequired[str]
    tie_word_embeddings: NotRequired[bool]


# What changes how a GPT-2 computes, and what it must be.
EXPECTED = {
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "reorder_and_upcast_attn": False,
    "add_cross_attention": False,
}


def to_config(config: GPT2Config, vocab_size: int) -> dict[str, Any]:
    """The config.json of a model of this shape."""
    return {
        "model_type": MODEL_TYPE,
        "architectures": [CLASS],
        "vocab_size": vocab_size,
        "n_positions": config.context_length,
        "n_ctx": config.context_length,
        "n_embd": config.width,
        "n_layer": config.layers,
        "n_head": config.heads,
        "n_inner": None,
        "activation_function": GELU[0],
        "layer_norm_epsilon": config.epsilon,
        "embd_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "attn_pdrop": 0.0,
        "tie_word_embeddings": config.tied,
    }


def from_config(values: Stored) -> GPT2Config:
    """The inverse of `to_config`. Raises JaneLMError for a GPT-2 that computes otherwise, and UsageError for a shape
    that makes no sense."""
    width = values.get("n_embd", 768)
    given: dict[str, Any] = EXPECTED | dict(values)
    wrong = [name for name, value in EXPECTED.items() if given[name] != value]
    if values.get("activation_function", GELU[0]) not in GELU:
        wrong.append("activation_function")
    if values.get("n_inner") not in (None, 4 * width):
        wrong.append("n_inner")
    if wrong:
        raise JaneLMError(f"its {wrong[0]} is {given[wrong[0]]!r}, and JaneLM's GPT-2 has no such thing")
    config = GPT2Config(
        context_length=values.get("n_positions", values.get("n_ctx", 1024)),
        layers=values.get("n_layer", 12),
        width=width,
        heads=values.get("n_head", 12),
        dropout=float(values.get("resid_pdrop", 0.1)),
        tied=values.get("tie_word_embeddings", True),
        epsilon=values.get("layer_norm_epsilon", 1e-5),
    )
    check(config)
    return config


def to_weights(config: GPT2Config, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our weights by their names and in their order there."""
    found = {f"transformer.{theirs}": weights[ours] for theirs, ours in WHOLE.items()}
    for i in range(config.layers):
        for theirs, ours in BLOCK.items():
            for part in ("weight", "bias"):  # .T of a vector is itself
                found[f"transformer.h.{i}.{theirs}.{part}"] = weights[f"blocks.{i}.{ours}.{part}"].T
    return found if config.tied else found | {"lm_head.weight": weights["head.weight"]}


def from_weights(config: GPT2Config, vocab_size: int, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `to_weights`, of a file with or without the part "transformer." of the names, with or without
    masks and a head that is the embedding again. Raises JaneLMError where a weight is missing, left over or of another
    shape."""
    given = {}
    for name, array in weights.items():
        if not name.endswith(MASKS) and not (config.tied and name == "lm_head.weight"):
            given[name if name.startswith(("transformer.", "lm_head.")) else f"transformer.{name}"] = array
    check_weights(shapes_of(to_weights, config, vocab_size), given)
    found = {ours: given[f"transformer.{theirs}"] for theirs, ours in WHOLE.items()}
    for i in range(config.layers):
        for theirs, ours in BLOCK.items():
            for part in ("weight", "bias"):
                found[f"blocks.{i}.{ours}.{part}"] = given[f"transformer.h.{i}.{theirs}.{part}"].T
    return found if config.tied else found | {"head.weight": given["lm_head.weight"]}
