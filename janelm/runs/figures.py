"""What config.json and results.json say of a run besides its settings: their shape, checked whenever they are read."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from ..config.plain import misfit
from ..errors import JaneLMError


class EarlierText(TypedDict):
    """A text that an ancestor was trained on."""

    sources: list[str]
    text_sha256: str
    data: dict


class Ancestor(TypedDict):
    """The finished model that a training goes on from, and its texts, the latest first."""

    name: str
    architecture: str
    parameters: int
    added: str
    texts: list[EarlierText]
    weights_sha256: NotRequired[str]
    before: NotRequired[dict[str, float]]


class Facts(TypedDict):
    """Of the text and the machine, known before training."""

    text_sha256: str
    sources: list[str]
    split: dict[str, dict[str, int]]
    train_tokens: int
    janelm: str
    torch: str
    python: str
    machine: str
    parameters: NotRequired[int]
    readers: NotRequired[list[str]]
    ancestor: NotRequired[Ancestor]


class Figures(TypedDict):
    """Of one held-out text, read one way."""

    bits_per_byte: float
    loss: float
    perplexity: float
    accuracy: float


class Copied(TypedDict):
    """Shares of runs of so many tokens that stand in the training text, and the longest."""

    runs_of_8: float
    runs_of_16: float
    runs_of_32: float
    longest: int


class Teacher(TypedDict):
    """A model that taught this one."""

    name: str
    architecture: str
    steps: int
    seconds: float
    heldout: float


class Best(TypedDict):
    """The evaluation whose weights were kept."""

    step: float
    seconds: float
    validation_bits_per_byte: float


class OnBothTexts(TypedDict):
    """Held-out bits per byte of the new text and the ancestor's, before the first step and of the finished model."""

    before: dict[str, float]
    after: dict[str, float]
    not_measured: NotRequired[str]


class Results(TypedDict):
    """Of a finished run."""

    parameters: int
    steps: int
    tokens: int
    tokens_per_second: float
    seconds: float
    best: Best
    ended: str
    command: NotRequired[str | None]
    losses: dict[str, Figures]
    overlap: NotRequired[dict[str, Copied]]
    teachers: NotRequired[list[Teacher]]
    ancestor: NotRequired[OnBothTexts]


class Saved(TypedDict):
    """What resuming needs: tensors by name, and plain data."""

    weights: dict[str, Any]
    optimizers: list[dict]
    random: Any
    training: dict[str, Any]
    average: NotRequired[dict[str, Any] | None]


def checked(values: Any, shape: type, where: str) -> Any:
    """The values, if they have this shape. Raises JaneLMError that says what is wrong, and where."""
    found = misfit(values, shape)
    if not found and shape is Results and "heldout" not in values["losses"]:
        found = "lacks the losses on the held-out text"
    if found:
        raise JaneLMError(f"{where} is damaged (it {found}): train the model again, or fetch it anew")
    return values
