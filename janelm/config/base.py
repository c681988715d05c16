"""What all settings have in common: plain data, there and back, and problems that are named."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Protocol, TypeVar, get_type_hints

from ..errors import UsageError
from .plain import misfit

T = TypeVar("T")


class Config(Protocol):
    """What knows what is wrong with itself."""

    def problems(self) -> list[str]:
        """What is wrong with these values, a sentence for each."""


def check(*configs: Config, also: list[str] | None = None) -> None:
    """Raise one UsageError that names every problem of every config, or return."""
    found = (also or []) + [problem for config in configs for problem in config.problems()]
    if found:
        raise UsageError("; ".join(found))


def to_dict(config: Any) -> dict[str, Any]:
    """A config as plain data for JSON, with its kind where it has one."""
    kind = {"kind": config.kind} if hasattr(config, "kind") else {}
    return kind | dataclasses.asdict(config)


def from_dict(kinds: type[T] | dict[str, type[T]], values: dict[str, Any]) -> T:
    """The inverse of `to_dict`: `kinds` is the dataclass, or dataclasses by kind. Raises UsageError on bad data."""
    if not isinstance(values, dict):
        raise UsageError(f"the config is of the type {type(values).__name__}, but must be a table of settings")
    values = dict(values)
    kind = values.pop("kind", "")
    if isinstance(kinds, dict) and (not isinstance(kind, str) or kind not in kinds):
        raise UsageError(f"the config's kind is {kind!r}, but this version knows {', '.join(sorted(kinds))}")
    target = kinds[kind] if isinstance(kinds, dict) else kinds
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    hints = get_type_hints(target)
    for name, value in values.items():
        if name in hints and (found := misfit(value, hints[name])):
            raise UsageError(f"the config's {name} {found}")
    try:
        return target(**values)
    except TypeError as error:
        raise UsageError(f"the config does not fit this version ({error})") from error


def positive(value: float) -> bool:
    """Whether it is a number above zero, and not infinity."""
    return 0 < value < math.inf
