"""What of a run's settings a stranger may read: no folders of the machine, and nothing about those whose text it is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Any

from ..config import DataConfig, to_dict

PRIVATE = frozenset({"author", "after", "before"})  # settings that name people, or are a piece of the text
NO_PATHS = frozenset({"pattern", "split", "separator", "title", "text", "prompt"})  # settings with strokes of their own
HIDDEN = "..."


def file_name(name: str) -> str:
    """A path's last part; of what is no path, the whole.

    >>> file_name("/home/jane/posts.txt"), file_name("letters/to Ann.txt"), file_name("austen")
    ('posts.txt', 'to Ann.txt', 'austen')
    """
    parts = [part for part in re.split(r"[/\\]", name) if part.strip(".") and not re.fullmatch(r"~|[A-Za-z]:", part)]
    return parts[-1] if parts else HIDDEN


def public_data(config: DataConfig) -> dict[str, Any]:
    """The settings of the text, without those that are private."""
    values = {name: value for name, value in to_dict(config).items() if name not in PRIVATE}
    return values | {"data": [file_name(name) for name in config.data]}


def public_command(typed: str | None) -> str | None:
    """What the user typed, with only the last part of each path and without private values; None where a model was
    trained from Python."""
    return typed and shlex.join(_public_words(shlex.split(typed)))


def _public_words(words: Iterable[str]) -> Iterable[str]:
    setting = ""
    for word in words:
        flag, sign, value = word.partition("=")
        if word.startswith("--"):
            setting = flag[2:].rpartition(".")[2].replace("-", "_")
            yield f"{flag}{sign}{_public_value(setting, value) if sign else ''}"
            if setting in PRIVATE and not sign:
                yield HIDDEN
        elif setting not in PRIVATE:
            yield _public_value(setting, word)


def _public_value(setting: str, value: str) -> str:
    if setting in PRIVATE:
        return HIDDEN
    return value if setting in NO_PATHS else file_name(value)
