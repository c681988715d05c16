"""`janelm read`, and the search that it shares with the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small import SHAPES, quiet

from janelm.cli import main
from janelm.config import DataConfig, TrainingConfig
from janelm.reading.parts import part_text
from janelm.reading.searching import search
from janelm.text.sources import Source
from janelm.training.pipeline import train

BODY = 'The old miller was happy. "I love the river," said Ann to Ben. Then Ann went to the old house.\n'


@pytest.fixture
def book() -> str:
    Path("mill.txt").write_text("".join(f"CHAPTER {n}\n\n{BODY * 4}\n\n" for n in (1, 2)))
    return "mill.txt"


def test_a_text_is_shown_with_its_measures_people_and_feeling(book, capsys):
    assert main(["read", book]) == 0
    shown = capsys.readouterr().out
    assert "mill" in shown and "Ann 16" in shown and "VADER" in shown and "MIT" in shown


def test_json_is_all_of_it(book, capsys):
    assert main(["read", book, "--json", "--word", "old"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [chapter["title"] for chapter in told["books"][0]["chapters"]] == ["Chapter 1", "Chapter 2"]
    assert told["searched"][0]["count"] == 16 and len(told["feelings"]) == len(told["sentences"]) - 1


def test_words_and_phrases_are_counted_with_their_lines(book, capsys):
    assert main(["read", book, "--word", "the old", "mill", "--lines", "2"]) == 0
    shown = capsys.readouterr().out
    assert "the old: 16," in shown and "mill: 0," in shown and shown.count("[the old]") + shown.count("[The old]") == 2


def test_parts_of_words_are_counted_where_asked(book, capsys):
    assert main(["read", book, "--word", "mill", "--parts_of_words", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["searched"][0]["count"] == 8


def test_a_phrase_is_found_over_a_line_break_and_in_any_case():
    found = search(part_text([Source("a", "An OLD\nmill; an old  mill; old mills")]), "old mill")
    assert found.places == [3, 16]


def test_words_beside_are_those_that_chance_does_not_explain():
    text = "green apples fell. " * 6 + "the river ran by the mill. " * 12
    near = dict(search(part_text([Source("a", text)]), "apples").collocates())
    assert near["green"] >= 6 and "river" not in near


def test_a_text_that_is_not_english_has_no_feelings_but_all_else(capsys):
    Path("haus.txt").write_text("Die alte Mühle steht am Fluss, und der Müller geht heim. " * 9)
    assert main(["read", "haus.txt", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["feelings"] == [] and told["lexicon"] is None and told["books"][0]["lix"] > 0


@pytest.fixture
def model(text, capsys) -> str:
    """A run of a text of three books."""
    for name in ("one", "two", "three"):
        Path(f"{name}.txt").write_text(f"{text}\n\n{BODY * 30}")
    training = TrainingConfig(steps=2, batch_tokens=64, evaluations=1, evaluation_tokens=64, device="cpu")
    train(SHAPES["lstm"], training, "models/mine", data=DataConfig(("one.txt", "two.txt", "three.txt")), say=quiet)
    capsys.readouterr()
    return "mine"


def test_a_run_says_what_is_near_what_and_who_writes_like_whom(model, capsys):
    assert main(["read", model, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["likeness"]["books"] == ["one", "two", "three"] and len(told["likeness"]["delta"]) == 3
    bits = [bits for bits, _ in told["likeness"]["models"][model]]
    assert all(1 < one < 12 for one in bits)
    assert told["likeness"]["models"][model][0][1] == 0  # the first book stands in the training text
    river = next(one for one in told["embeddings"][model] if one["name"] == "river")
    assert len(river["near"]) == 10 and len(river["map"]) == 2
    assert main(["read", model]) == 0
    shown = capsys.readouterr().out
    assert "Burrows' Delta" in shown and "seen" in shown and "near Ann" in shown


def test_neighbours_of_a_word_are_told_by_each_model(model, capsys):
    assert main(["read", "one.txt", "--models", model, "--near", "river", "xyz"]) == 0
    river, other = capsys.readouterr().out.splitlines()
    assert river.startswith("near river, as mine has it: ")
    assert other.startswith("near xyz, as mine has it") and ("a guess" in other or "nothing is known" in other)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["text.txt", "--near", "river"], 2, "--near asks a model"),
        (["text.txt", "--models", "nobody"], 1, "there is no run at nobody"),
        (["nothing-here"], 1, "nothing-here is neither a text nor a run"),
        (["empty.txt"], 1, "there is no word in the text"),
        (["empty.txt", "--lines", "-1"], 2, "lines is -1"),
    ],
)
def test_mistakes_are_one_sentence(arguments, code, sentence, capsys):
    Path("empty.txt").write_text("1 2 3\n")
    Path("text.txt").write_text(BODY)
    assert main(["read", *arguments]) == code
    assert sentence in capsys.readouterr().err
