"""Sizes by name, with the settings that were found to suit them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..config import MODEL_CONFIGS, ModelConfig, TrainingConfig, TransformerConfig
from ..errors import counted


@dataclass(frozen=True)
class Preset:
    """A shape for each architecture, and what its training changes from the defaults."""

    transformer: dict[str, Any]
    lstm: dict[str, Any]
    tokenizer: dict[str, Any]
    training: dict[str, Any]
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By architecture: what its training changes besides."""
    lessons: dict[str, float] = field(default_factory=dict)
    """The architectures that are trained first to be its teachers, each with its share of the minutes."""


PRESETS = {
    "nano": Preset(
        transformer={"layers": 3, "width": 128, "heads": 2, "context_length": 64, "bigrams": None},
        lstm={"layers": 1, "width": 256, "context_length": 64},
        tokenizer={"vocab_size": 512},
        training={"batch_tokens": 1024, "minutes": 0.3, "warmup_steps": 5, "decay": 1.0}
        | {"evaluations": 4, "evaluation_tokens": 4096},
        recipes={"transformer": {"learning_rate": 0.02, "matrix_learning_rate": 0.05}},
    ),
    "tiny": Preset(
        transformer={"layers": 4, "width": 160, "heads": 2, "context_length": 128, "bigrams": None},
        lstm={"layers": 1, "width": 384, "context_length": 128},
        tokenizer={"vocab_size": 512},
        training={"batch_tokens": 2048, "minutes": 2.0, "decay": 1.0, "evaluations": 10, "evaluation_tokens": 8192},
        recipes={"transformer": {"learning_rate": 0.015, "matrix_learning_rate": 0.05}},
    ),
    "mini": Preset(
        transformer={"layers": 4, "width": 192, "heads": 2, "bigrams": None},
        lstm={"width": 400},
        tokenizer={},
        training={"minutes": 5.0, "evaluations": 15},
    ),
    "small": Preset(
        transformer={"width": 192, "heads": 2, "dropout": 0.05},
        lstm={"width": 400, "dropout": 0.05, "locked_dropout": True},
        tokenizer={},
        training={"minutes": 10.0},
    ),
    "medium": Preset(
        transformer={"heads": 2, "dropout": 0.1},
        lstm={"width": 400, "dropout": 0.1, "locked_dropout": True},
        tokenizer={},
        training={"minutes": 30.0},
    ),
    "large": Preset(
        transformer={"heads": 2, "dropout": 0.1},
        lstm={"dropout": 0.15},
        tokenizer={},
        # By then a text of a few MB has been read fifty times, and a larger shape, or more of the same, learns it by
        # heart. What helps is to learn from two other models what else could have come.
        training={"minutes": 120.0},
        lessons={"transformer": 0.25, "lstm": 0.17},
    ),
    "70m": Preset(  # the shape and the encoding of the model that this project began with
        transformer={"layers": 6, "width": 512, "heads": 8, "context_length": 96, "tied": False, "dropout": 0.2},
        lstm={"layers": 4, "width": 1024, "context_length": 96, "tied": False, "dropout": 0.2},
        tokenizer={"encoding": "gpt2"},
        training={"minutes": 120.0, "batch_tokens": 4096},
    ),
}
LIKE = {"gpt2": "transformer"}  # an architecture that has another one's sizes and rates
BUDGETS = ("minutes", "steps", "epochs")
DEFAULT_MINUTES = 10.0
# From how many minutes on which size is the best that can be had; the last row that is reached holds. A character says
# a third of what a byte pair does, so that a text takes three times as many steps, and a smaller model gets further.
BY_MINUTES = ((0, "nano"), (1, "tiny"), (3, "mini"), (8, "small"), (20, "medium"), (60, "large"))
BY_MINUTES_OF_CHARACTERS = ((0, "nano"), (1, "tiny"), (3, "mini"), (20, "small"), (60, "large"))


def choose_preset(budget: dict[str, float], tokenization: str = "character") -> tuple[str, str]:
    """The preset for a budget (minutes, steps or epochs) when none is named, and why."""
    minutes = budget.get("minutes", DEFAULT_MINUTES)
    rows = BY_MINUTES_OF_CHARACTERS if tokenization == "character" else BY_MINUTES
    name = [name for least, name in rows if least <= max(0, minutes)][-1]
    return name, f"it suits a budget of {counted(minutes, 'minute')}" if "minutes" in budget else "the default"


def model_preset(architecture: str, preset: str) -> ModelConfig:
    """The shape of this architecture in this size; its config's defaults, where no preset names it."""
    config = MODEL_CONFIGS[architecture]
    shape = getattr(PRESETS[preset], LIKE.get(architecture, architecture), {})
    own = {setting.name for setting in fields(config)}  # who has another one's sizes need not have all of its settings
    return config(**{name: value for name, value in shape.items() if name in own})


# Each architecture's own learning rate, found on Austen: see docs/experiments.md.
LEARNING_RATES: dict[str, dict[str, Any]] = {
    "transformer": {"learning_rate": 0.01, "matrix_learning_rate": 0.02},
    "lstm": {"learning_rate": 0.02, "matrix_learning_rate": 0.05},
}


# Of a model that goes on from another one, on a new text: found on the shipped one, see docs/experiments.md.
GOING_ON: dict[str, Any] = {"minutes": 3.0, "batch_tokens": 2048, "decay": 1.0, "evaluations": 10}
GOING_ON_SHARE = 0.3  # of the learning rates of a training from scratch


def going_on_preset(architecture: str) -> TrainingConfig:
    """The settings of a training that goes on from a finished model."""
    if architecture == "gpt2":  # learnt by AdamW from far more text; higher rates would undo that
        return TrainingConfig(**GOING_ON, optimizer="adamw", learning_rate=1e-4)
    usual = TrainingConfig(**(LEARNING_RATES.get(architecture, {}) | GOING_ON))
    rates = {name: GOING_ON_SHARE * getattr(usual, name) for name in ("learning_rate", "matrix_learning_rate")}
    return replace(usual, **rates)


BIGRAMS = 4096
MOST_CHARACTERS = 256  # with more, most bigrams are too rare to be learnt, and what is learnt of them is the text


def for_vocabulary(model: ModelConfig, vocab_size: int, ancestor: ModelConfig | None = None) -> ModelConfig:
    """The shape with what was left open: a table of bigrams as the ancestor has it, or else one where the vocabulary is
    of characters, which is never larger than the smallest of byte pairs."""
    if not isinstance(model, TransformerConfig) or model.bigrams is not None:
        return model
    if isinstance(ancestor, TransformerConfig):
        return replace(model, bigrams=ancestor.bigrams or 0)
    return replace(model, bigrams=BIGRAMS if vocab_size <= MOST_CHARACTERS else 0)


def training_preset(architecture: str, preset: str) -> TrainingConfig:
    """The settings of training in this size."""
    architecture = LIKE.get(architecture, architecture)
    changes = PRESETS[preset].training | PRESETS[preset].recipes.get(architecture, {})
    return TrainingConfig(**(LEARNING_RATES.get(architecture, {}) | changes))
