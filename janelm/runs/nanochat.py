"""JaneLM's transformer as `transformers` knows it: NanoChatForCausalLM, which computes the same.

Its blocks are those of architectures/transformer.py: RMSNorm without weights before attention and feed-forward part, at
the start and at the end, rotary positions by halves, normalised queries and keys, squared ReLU, no biases. It turns the
other way, which rows of the opposite sign undo, and bounds its logits, unless told not to. It has no sliding window: up
to the context length both are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import numpy as np

from ..config import TransformerConfig, check
from ..errors import JaneLMError
from .loaded import check_weights

MODEL_TYPE, CLASS = "nanochat", "NanoChatForCausalLM"
EPSILON = float(np.finfo(np.float32).eps)  # what F.rms_norm adds under the root
# Ours to theirs, of a block; queries, keys and values are one matrix here.
BLOCK = {
    "attention.output": "self_attn.o_proj",
    "feed_forward.widen": "mlp.fc1",
    "feed_forward.output": "mlp.fc2",
}
PARTS = ("q_proj", "k_proj", "v_proj")


class Stored(TypedDict):
    """What a config.json must hold."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int
    tie_word_embeddings: bool
    rope_parameters: dict


def refuse_bigrams(config: TransformerConfig) -> None:
    """Raises JaneLMError where the model has what no architecture of other people has."""
    if config.bigrams:
        raise JaneLMError(
            "a transformer with a table of bigrams, as the smallest sizes have it for characters, cannot go into other "
            "people's formats, which have none: train it with --bigrams 0, or with --tokenization tiktoken"
        )


def to_config(config: TransformerConfig, vocab_size: int) -> dict[str, Any]:
    """The config.json of a model of this shape. Raises JaneLMError where it has bigrams."""
    refuse_bigrams(config)
    return {
        "model_type": MODEL_TYPE,
        "architectures": [CLASS],
        "vocab_size": vocab_size,
        "hidden_size": config.width,
        "intermediate_size": 4 * config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads,
        "max_position_embeddings": config.context_length,
        "hidden_act": "relu2",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "final_logit_softcapping": None,
        "rms_norm_eps": EPSILON,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rotary_base},
        "tie_word_embeddings": config.tied,
    }


def from_config(values: Stored) -> TransformerConfig:
    """The inverse of `to_config`. Raises JaneLMError for a NanoChat that JaneLM's transformer does not compute."""
    expected = {
        "hidden_act": "relu2",
        "attention_bias": False,
        "final_logit_softcapping": None,
        "num_key_value_heads": values["num_attention_heads"],
        "intermediate_size": 4 * values["hidden_size"],
    }
    rope = values["rope_parameters"]
    wrong = [name for name, value in expected.items() if values.get(name, ...) != value]
    if rope.get("rope_type") != "default" or not isinstance(rope.get("rope_theta"), int | float):
        wrong.append("rope_parameters")
    if wrong:
        raise JaneLMError(
            f"its {', '.join(wrong)} is none that JaneLM's transformer has: of NanoChat models, only those that "
            "janelm export wrote are read"
        )
    config = TransformerConfig(
        context_length=values["max_position_embeddings"],
        layers=values["num_hidden_layers"],
        width=values["hidden_size"],
        heads=values["num_attention_heads"],
        tied=values["tie_word_embeddings"],
        rotary_base=float(rope["rope_theta"]),
    )
    check(config)
    return config


def to_weights(config: TransformerConfig, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our weights by their names and in their order there; arrays that need no change are the same memory."""
    found = {"model.embed_tokens.weight": weights["embedding.weight"]}
    if not config.tied:
        found["lm_head.weight"] = weights["head.weight"]
    for i in range(config.layers):
        for ours, theirs in BLOCK.items():
            found[f"model.layers.{i}.{theirs}.weight"] = weights[f"blocks.{i}.{ours}.weight"]
        query, key, value = np.split(weights[f"blocks.{i}.attention.query_key_value.weight"], 3)
        turned = _turned(query, config.heads), _turned(key, config.heads), value
        for part, array in zip(PARTS, turned, strict=True):
            found[f"model.layers.{i}.self_attn.{part}.weight"] = array
    return found


def from_weights(
    config: TransformerConfig, vocab_size: int, weights: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The inverse of `to_weights`. Raises JaneLMError where one is missing, left over or of another shape."""
    given = {name: array for name, array in weights.items() if not (config.tied and name == "lm_head.weight")}
    check_weights(shapes_of(to_weights, config, vocab_size), given)
    found = {"embedding.weight": weights["model.embed_tokens.weight"]}
    if not config.tied:
        found["head.weight"] = weights["lm_head.weight"]
    for i in range(config.layers):
        for ours, theirs in BLOCK.items():
            found[f"blocks.{i}.{ours}.weight"] = weights[f"model.layers.{i}.{theirs}.weight"]
        query, key, value = (weights[f"model.layers.{i}.self_attn.{part}.weight"] for part in PARTS)
        joined = np.concatenate((_turned(query, config.heads), _turned(key, config.heads), value))
        found[f"blocks.{i}.attention.query_key_value.weight"] = joined
    return found


def shapes_of(translate: Callable[..., dict[str, np.ndarray]], config: Any, vocab_size: int) -> dict[str, tuple]:
    """The shapes that the weights of a model have after `translate`, by their names there."""
    shapes = config.weight_shapes(vocab_size)
    empty = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    return {name: array.shape for name, array in translate(config, empty).items()}


def _turned(matrix: np.ndarray, heads: int) -> np.ndarray:
    """A matrix (D, D) whose rows of each head's second half have the opposite sign: it turns the other way."""
    turned = matrix.reshape(heads, 2, -1, matrix.shape[1]).copy()
    turned[:, 1] *= -1
    return turned.reshape(matrix.shape)
