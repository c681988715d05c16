"""What the page in the browser may ask for: the shapes of the bodies, and the flags of commands that they come to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..config import DataConfig, to_dict
from ..errors import UsageError
from .questions import Question

Name = Annotated[str, Field(min_length=1, max_length=100)]
Minutes = Annotated[float, Field(gt=0, le=10_000)]
Mark = Annotated[str, Field(min_length=1, max_length=500)]


class Cleaning(Question):
    """What is done to a text before a model reads it: options of --data."""

    drop_front_matter: bool = False
    drop_headings: bool = False
    unwrap: bool = False
    straighten_quotes: bool = False
    lower_case: bool = False
    blank_out: list[Literal["email", "phone", "handle", "link", "name"]] = Field([], max_length=5)
    after: Mark | None = None
    before: Mark | None = None

    def flags(self) -> list[str]:
        return flags(self.model_dump())


class TrainingWish(Question):
    """A training, or two side by side."""

    name: Name
    text: Name
    architectures: list[Literal["transformer", "lstm"]] = Field(["transformer"], min_length=1, max_length=2)
    minutes: Minutes = 10
    tokenization: Literal["character", "tiktoken", "word"] = "character"
    documents: Literal["lines", "paragraphs", "whole"] | None = None
    ancestor: Name | None = Field(
        None, description="A run to go on from, with its shape and its tokens; janelm/lstm is one that comes along."
    )
    processes: int = Field(1, ge=1, le=64, description="That train one model together, started by torchrun.")
    keep: float = Field(0.0, ge=0, lt=1, description="With an ancestor, the share of batches that are of its text.")

    def flags(self, architecture: str) -> list[str]:
        """Of `janelm train`, without the text, the ancestor and the name."""
        words = [f"--minutes={self.minutes:g}"] + ([f"--documents={self.documents}"] if self.documents else [])
        if self.ancestor is None:
            return [*words, f"--architecture={architecture}", f"--tokenization={self.tokenization}"]
        return words + ([f"--keep={self.keep:g}"] if self.keep else [])


class MoreWish(Question):
    minutes: Minutes


class StopWish(Question):
    discard: bool = False


class RunChange(Question):
    name: Name | None = None
    note: Annotated[str, Field(max_length=5000)] | None = None


class StepWish(Question):
    """Tokens that a page reads next with a model of the server."""

    model: Name
    tokens: Annotated[list[Annotated[int, Field(ge=0, le=1 << 31)]], Field(min_length=1, max_length=1 << 20)]
    session: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="The text that they go on with, as the last answer named it; else they begin a new one."
    )
    memory: int | None = Field(None, ge=1, le=1 << 31)
    rows: int = Field(1, ge=1, le=64, description="After how many of the last tokens the logits are wanted.")


class RoomsWish(Question):
    runs: list[Name] = Field(min_length=1, max_length=8)


class SiteWish(Question):
    runs: list[Name] = Field(min_length=1, max_length=8)
    title: Annotated[str, Field(max_length=200)] | None = None
    precision: Literal["int6-weights", "int8-weights", "int8", "fp16", "fp32"] = "int6-weights"


def flags(values: dict[str, Any]) -> list[str]:
    """Settings as a command line has them; those that are None or empty are left out.

    Raises UsageError where one of several values could be taken for a flag.
    """
    words: list[str] = []
    for name, value in values.items():
        if isinstance(value, bool):
            words += [f"--{name}"] if value else []
        elif isinstance(value, list | tuple):
            if any(str(each).startswith("-") for each in value):
                raise UsageError(f"{name} has a value that begins with a hyphen: write ./ before such a file")
            words += [f"--{name}", *map(str, value)] if value else []
        elif value is not None:
            words.append(f"--{name}={value}")
    return words


def data_flags(config: DataConfig) -> list[str]:
    """The flags that read a text as a run does: those of settings that are not as by default."""
    plain, found = to_dict(DataConfig()), to_dict(config)
    changed = {name: value for name, value in found.items() if value != plain[name] or name == "data"}
    off = [f"--no_{name}" for name, value in changed.items() if value is False]
    return flags({name: value for name, value in changed.items() if value is not False}) + off
