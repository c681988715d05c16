"""`janelm read`, and the search that it shares with the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from janelm.cli import main
from janelm.reading.parts import part_text
from janelm.reading.searching import search
from janelm.text.sources import Source

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


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nothing-here"], 1, "nothing-here is neither a text nor a run"),
        (["empty.txt"], 1, "there is no word in the text"),
        (["empty.txt", "--lines", "-1"], 2, "lines is -1"),
    ],
)
def test_mistakes_are_one_sentence(arguments, code, sentence, capsys):
    Path("empty.txt").write_text("1 2 3\n")
    assert main(["read", *arguments]) == code
    assert sentence in capsys.readouterr().err
