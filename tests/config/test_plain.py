"""What is read from a file is what its hints promise, or a sentence says how it is not."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

import pytest

from janelm.config import DataConfig, TrainingConfig, from_dict
from janelm.config.plain import misfit
from janelm.errors import UsageError


class Inner(TypedDict):
    size: int


class Outer(TypedDict):
    name: str
    parts: list[Inner]
    by_name: NotRequired[dict[str, Inner]]
    how: NotRequired[Literal["this", "that"]]


RIGHT = {"name": "x", "parts": [{"size": 1}], "by_name": {"a": {"size": 2, "more": None}}, "later": True}


def test_what_fits_is_not_complained_of_whatever_more_there_is():
    assert misfit(RIGHT, Outer) == "" and misfit({"name": "x", "parts": []}, Outer) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": 1}, "name"),
        ({"parts": [{"size": 1}, {}]}, "lacks size"),
        ({"parts": {"size": 1}}, "parts"),
        ({"by_name": {"a": 3}}, "by_name"),
        ({"how": "neither"}, "how"),
    ],
)
def test_what_does_not_fit_is_told_by_its_name(change, told):
    found = misfit(RIGHT | change, Outer)
    assert told in found and "\n" not in found
    assert "lacks name" in misfit({"parts": []}, Outer) and misfit([], Outer) and misfit(None, Outer)


@pytest.mark.parametrize(
    "values", [{"steps": "many"}, {"precision": "fp8"}, {"teachers": [1]}, {"nothing": 1}, [], "x"]
)
def test_a_config_of_other_types_is_a_sentence(values):
    with pytest.raises(UsageError, match="config"):
        from_dict(TrainingConfig, values)


def test_a_config_with_lists_is_one_with_tuples():
    assert from_dict(DataConfig, {"data": ["a.txt"]}).data == ("a.txt",)
