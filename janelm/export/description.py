"""What a graph says of itself, in its metadata: graphs.py tells what each part means."""

from __future__ import annotations

import json
from typing import Literal, NotRequired, TypedDict

from ..config.plain import misfit
from ..errors import JaneLMError
from ..text.tidying import Prompts

KEY = "janelm"


class StateDescription(TypedDict):
    """A state of the graph: an input, the output that changes it, and how."""

    name: str
    output: str
    shape: list[int | str]
    dtype: str
    update: Literal["replace", "ring"]


class Ring(TypedDict):
    """What the host must know to own the ring."""

    memory: int
    base: NotRequired[float]
    size: NotRequired[int]
    inputs: dict[str, dict]


class Description(TypedDict):
    """What a graph says of itself; what each means stands above."""

    name: str
    kind: str
    config: dict
    vocab_size: int
    tokenizer: dict
    prompts: NotRequired[Prompts]
    opset: int
    precision: str
    states: list[StateDescription]
    ring: NotRequired[Ring]
    attention: NotRequired[list[str]]


def parsed_description(text: str, name: str) -> Description:
    """The description in a graph's metadata, whose `name` errors tell. Raises JaneLMError where it is damaged."""
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise JaneLMError(f"the description of {name} is damaged ({error}): export it again") from error
    if found := misfit(description, Description):
        raise JaneLMError(f"the description of {name} is damaged, or of an older JaneLM (it {found}): export it again")
    turned = description.get("ring", {"inputs": {"positions"}})
    if "positions" not in turned["inputs"] and not {"base", "size"} <= turned.keys():
        raise JaneLMError(f"the description of {name} is damaged (its ring says not how to turn): export it again")
    if any(state["update"] == "ring" for state in description["states"]) != ("ring" in description):
        raise JaneLMError(f"the description of {name} is damaged (its states and its ring disagree): export it again")
    return description
