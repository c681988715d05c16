"""What `--help` shows, drawn from the dataclasses in which the options stand: names, docstrings and defaults."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import textwrap
import typing
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from itertools import pairwise
from types import UnionType
from typing import Annotated, Any, Literal, Union

Groups = dict[str, tuple[str, ...]]  # names of options by the heading that they stand under
WIDEST = 100  # columns: longer lines are hard to read
INDENT = 24  # columns before what an option does
FLAGS = {"ancestor": "from"}  # what settings that name a run are called on the command line


@dataclass(frozen=True)
class Option:
    """One setting as the command line has it."""

    name: str
    kind: Any
    default: Any
    about: str
    positional: bool
    optional: bool
    """Whether it may be None, which is also what one may type."""

    @property
    def several(self) -> bool:
        """Whether any number of values may follow it."""
        return typing.get_origin(self.kind) is tuple

    @property
    def usage(self) -> str:
        """How it is typed: `--steps N`, `--run RUN ...`, `--resume`."""
        value = self._value()
        if self.positional:
            return value if self.default is MISSING else f"[{value}]"
        if self.kind is bool:
            return f"--{self.name}, --no_{self.name}" if self.default else f"--{self.name}"
        return f"--{self.name} {value}"

    def _value(self) -> str:
        kind, more = (_arguments(self.kind)[0], " ...") if self.several else (self.kind, "")
        if kind in (int, float):
            return {int: "N", float: "X"}[kind] + more
        if typing.get_origin(kind) is Literal:
            return f"{{{','.join(map(str, _arguments(kind)))}}}{more}"
        if self.name in FLAGS.values():
            return "RUN"
        return self.name.split("_")[-1].upper().removesuffix("S" if more else "") + more

    def sentence(self, short: bool) -> str:
        """What it does, and the default; only the first sentence where it is to be `short`."""
        first = re.match(r"(.*?)[.;](?:\s|$)", self.about)
        about = first[1] + "." if short and first else self.about
        return f"{about} (default: {shown})" if (shown := self._default()) else about

    def _default(self) -> str:
        value = self.default
        if value is MISSING or value is None or value is False:
            return ""
        if value is True:
            return f"--{self.name}"
        parts = value if isinstance(value, tuple) else (value,)
        return " ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts).strip()


def help_text(kind: type, program: str, description: str, common: Groups | None = None) -> str:
    """The options of the dataclass `kind`: all of them, or of `common` ones the first sentences."""
    options = options_of(kind)
    groups = common or _all_groups(kind)
    positional = [option for option in options.values() if option.positional]
    width = min(WIDEST, shutil.get_terminal_size((80, 24)).columns)
    usage = " ".join([program, *(option.usage for option in positional), "[options]"])
    lines = [f"usage: {usage}", "", *textwrap.wrap(description, width), ""]
    for heading, names in groups.items():
        lines += textwrap.wrap(heading, width)
        for name in names:
            lines += _entry(options[name], width, short=common is not None)
        lines += [] if common else [""]
    if common:
        lines.append(f"All options: {program} --help-all")
    return "\n".join(lines).rstrip() + "\n"


def _entry(option: Option, width: int, short: bool) -> list[str]:
    label = f"  {option.usage}"
    about = textwrap.wrap(option.sentence(short), width - INDENT, break_long_words=False, break_on_hyphens=False)
    beside = len(label) < INDENT - 1
    first = [f"{label:{INDENT}}{about.pop(0)}"] if beside else [label]
    return first + [" " * INDENT + line for line in about]


def _all_groups(kind: type) -> Groups:
    """The options of the dataclass itself, then of each dataclass that it holds under what that one is for."""
    groups: Groups = {"Options:": tuple(name for name, _ in _own(kind))}
    for _, inner, _ in _inner(kind):
        groups[" ".join((inner.__doc__ or inner.__name__).split())] = tuple(name for name, _ in _own(inner))
    return {heading: names for heading, names in groups.items() if names}


def options_of(kind: type) -> dict[str, Option]:
    """All options by name: those of the dataclass, and of each that it holds, with its own values as defaults."""
    found = dict(_own(kind))
    for _, inner, default in _inner(kind):
        found |= _own(inner, default)
    return found


def with_settings(arguments: list[str]) -> list[str]:
    """The arguments with flags named as the settings are."""
    for setting, flag in FLAGS.items():
        arguments = [re.sub(rf"^--{flag}(?=$|=)", f"--{setting}", word) for word in arguments]
    return arguments


def _own(kind: type, values: Any = None) -> Iterator[tuple[str, Option]]:
    """The options that stand in the dataclass itself, with the defaults in `values` where there are any."""
    hints, about = typing.get_type_hints(kind, include_extras=True), _docstrings(kind)
    for one in fields(kind):
        found, positional = hints[one.name], typing.get_origin(hints[one.name]) is Annotated
        if positional:  # the one thing that options are annotated with
            found = _arguments(found)[0]
        optional, found = type(None) in _arguments(found), _without_none(found)
        if is_dataclass(found):
            continue
        default = getattr(values, one.name) if values is not None else _default_of(one)
        name = FLAGS.get(one.name, one.name)
        yield name, Option(name, found, default, about.get(one.name, ""), positional, optional)


def _inner(kind: type) -> Iterator[tuple[str, type, Any]]:
    hints = typing.get_type_hints(kind)
    for one in fields(kind):
        if is_dataclass(hints[one.name]):
            yield one.name, hints[one.name], _default_of(one)


def _default_of(one: Field[Any]) -> Any:
    return one.default_factory() if one.default_factory is not MISSING else one.default


def _arguments(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind)


def _without_none(kind: Any) -> Any:
    """`X` of `X | None`."""
    if typing.get_origin(kind) in (Union, UnionType):
        return next(part for part in _arguments(kind) if part is not type(None))
    return kind


@cache
def _docstrings(kind: type) -> dict[str, str]:
    """The string below each field of a dataclass."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    except (OSError, TypeError):  # of a dataclass that was made by a function
        return {}
    found = {}
    lines = body.body if isinstance(body, ast.ClassDef) else []
    for field, below in pairwise(lines):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[ast.unparse(field.target)] = " ".join(str(below.value.value).split())
    return found
