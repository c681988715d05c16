"""What is mistyped on a command line, in one sentence, before the parser of options answers with a box of its own."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterator
from dataclasses import MISSING
from typing import Literal

from ..errors import UsageError
from .help import Option

OPTION = re.compile(r"--[A-Za-z][\w-]*(?:=.*)?", re.DOTALL)
NUMBERS = {int: "a whole number", float: "a number"}


def check_arguments(arguments: list[str], options: dict[str, Option], all_options: bool = True) -> None:
    """Raise UsageError for the first option that there is not, that lacks its value, or whose value it cannot have,
    and for words that are too many or too few.

    Where these are not `all_options`, what else is typed is passed over.
    """
    flags = {name: option for name, option in options.items() if not option.positional}
    known = [*flags, *(f"no_{name}" for name, option in flags.items() if option.kind is bool)]
    words: list[str] = []  # that belong to no option
    for typed, values in _parts(arguments):
        name = typed.lstrip("-").replace("-", "_")
        if typed and name not in known and all_options:
            near = difflib.get_close_matches(name, known, 1)
            guess = f"did you mean --{near[0]}? " if near else ""
            raise UsageError(f"there is no option {typed}: {guess}--help-all lists all of them")
        if name in flags and flags[name].kind is not bool:
            values = _checked(flags[name], values)
        words += values
    if all_options:
        _check_words(words, next((option for option in options.values() if option.positional), None))


def _parts(arguments: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each option as it was typed, with the words up to the next; at first those before any, with no option."""
    typed = ""
    words: list[str] = []
    for word in arguments:
        if OPTION.fullmatch(word):
            yield typed, words
            typed, sign, value = word.partition("=")
            words = [value] if sign else []
        else:
            words.append(word)
    yield typed, words


def _check_words(words: list[str], positional: Option | None) -> None:
    most = len(words) if positional and positional.several else 1 if positional else 0
    if len(words) > most:
        raise UsageError(f"{words[most]!r} is one word too many: a text with blanks needs quotes around it")
    if not words and positional and positional.default is MISSING and not positional.several:
        raise UsageError(
            f"{positional.usage} is missing: {positional.about[0].lower()}{positional.about[1:].rstrip('.')}"
        )


def _checked(option: Option, values: list[str]) -> list[str]:
    """The values that are left when the option has had its own."""
    if option.several:
        return []
    if not values:
        raise UsageError(f"--{option.name} lacks its value: {option.usage}")
    value = values[0]
    if option.optional and value == "None":
        return values[1:]
    if option.kind in NUMBERS:
        try:
            option.kind(value)
        except ValueError:
            raise UsageError(f"{option.name} is {value}, but must be {NUMBERS[option.kind]}") from None
    if typing.get_origin(option.kind) is Literal:
        *others, last = map(str, typing.get_args(option.kind))
        if value not in (*others, last):
            raise UsageError(f"{option.name} is {value}, but must be {', '.join(others)} or {last}")
    return values[1:]
