"""Whether plain data that was read from a file has the shape that is expected of it."""

from __future__ import annotations

from typing import Any, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

from typeguard import CollectionCheckStrategy, TypeCheckError, check_type


def misfit(value: Any, hint: Any) -> str:
    """How a value does not fit a type hint, in a few words that go on from its name; nothing where it fits.

    A TypedDict may have more keys than it names: files of later versions have.
    """
    if is_typeddict(hint):
        return _misfit_by_name(value, hint)
    inner = get_args(hint)[-1] if get_args(hint) else None
    if get_origin(hint) in (dict, list) and is_typeddict(inner):
        if not isinstance(value, get_origin(hint)):
            return f"is of the type {type(value).__name__}"
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        return next((f"{name} {found}" for name, part in parts if (found := misfit(part, inner))), "")
    try:
        check_type(value, hint, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError as error:
        return str(error).splitlines()[0].rstrip(":")[:120]
    except RecursionError:
        return "is nested too deeply"
    return ""


def _misfit_by_name(value: Any, hint: Any) -> str:
    if not isinstance(value, dict):
        return f"is of the type {type(value).__name__}"
    for name, part in get_type_hints(hint, include_extras=True).items():
        may_lack = get_origin(part) is NotRequired
        part = get_args(part)[0] if may_lack else part
        if name not in value:
            if not may_lack:
                return f"lacks {name}"
        elif found := misfit(value[name], part):
            return f"has a {name} that {found}" if not found.startswith("has a") else f"{name} {found}"
    return ""
