"""Cleaning that is asked for, and what a person is shown of a text."""

import json
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import write_text

from janelm.cli import main
from janelm.config import DataConfig
from janelm.text import sources
from janelm.text.corpora import load_sources, read_source
from janelm.text.looking import changes, look, paragraph, personal_data, script
from janelm.text.readers import folder, read_file
from janelm.text.readers.base import Message, as_documents
from janelm.text.readers.markup import page_text
from janelm.text.sources import LongSource, Source
from janelm.text.tidying import as_trained, tidied, untidied
from janelm.training.forecast import REACHED, reached

STEPS = {
    "straighten_quotes": True, "lower_case": True, "unwrap": True, "drop_headings": True, "drop_front_matter": True,
    "blank_out": ("email", "phone", "handle", "link"),
}  # fmt: skip


def tidy(text: str, **options) -> tuple[str, list[str]]:
    done = tidied(Source("t", text), DataConfig(**options))
    return done.text, done.report


@pytest.mark.parametrize(
    ("options", "text", "expected", "count"),
    [
        ({"straighten_quotes": True}, "“It’s «so»”", '"It\'s "so""', "5 quotes"),
        ({"lower_case": True}, "Ärger IN İstanbul", "ärger in i̇stanbul", "4 capitals"),
        ({"after": "Once", "before": "THE END"}, "x Once upon THE END y", "Once upon ", "11 characters outside"),
        ({"first": 3}, "abcdef", "abc", "3 of 6 characters"),
        ({"last": 2}, "abcdef", "ef", "2 of 6 characters"),
        (
            {"drop_headings": True},
            "CHAPTER I\n\nIt rained.\n\nKapitel 2: Regen\nXIV.\nI went.\n",
            "\nIt rained.\n\nI went.\n",
            "3 headings",
        ),
        (
            {"blank_out": ("email", "phone", "handle", "link")},
            "ann@x.example or +49 170 123 45 67, @ann_b, https://x.example/a?b and 1914-1918, 12.",
            "[email] or [phone], [handle], [link] and 1914-1918, 12.",
            "1 times: phone",
        ),
    ],
)
def test_each_step_does_what_it_says_and_counts_it(options, text, expected, count):
    clean, report = tidy(text, **options)
    assert clean == expected and count in " ".join(report)
    assert tidy(text) == (text, []), "and none is done unasked"


def test_lines_of_fixed_width_become_paragraphs_and_verse_stays():
    prose = "The miller went down to the river on a grey\nmorning and looked at the water for so long that\n"
    prose += "he forgot the mill.\n"
    verse = "The rain,\nthe rain,\nthe rain.\n"
    clean, report = tidy(f"{prose}\n{prose}\n{verse}", unwrap=True)
    assert clean == f"{prose.strip().replace(chr(10), ' ')}\n\n" * 2 + verse and "4 lines" in report[0]


def test_front_matter_ends_where_the_first_chapter_has_prose():
    book = "THE MILL\n\nby A. N.\n\nContents\n\nChapter 1\nChapter 2\n\n" + "".join(
        f"Chapter {n}\n\n" + "It rained. " * 60 + "\n\n" for n in (1, 2)
    )
    clean, _ = tidy(book, drop_front_matter=True)
    assert clean.startswith("Chapter 1\n\nIt rained.") and clean.count("Chapter") == 2


@given(st.text(st.sampled_from("aB1 .@:/“’»\nIV-x+0"), max_size=200), st.sampled_from(list(STEPS)))
def test_a_step_that_is_done_twice_is_done_once(text, step):
    once, _ = tidy(text, **{step: STEPS[step]})
    assert tidy(once, **{step: STEPS[step]})[0] == once


def test_a_mark_that_is_not_there_is_said():
    text, report = tidy("One.\nTwo.\n", after="Three", before="Two")
    assert text == "One.\n" and "does not have the text of --after ('Three')" in report[0] and len(report) == 2


def test_the_names_of_those_who_speak_can_be_blanked_out():
    chat = "".join(
        f"1/4/23, 7:{i:02} PM - {who}: Hi {other}, Anna {i}\n"
        for i in range(30)
        for who, other in (("Ann Lee", "Bob"), ("Bob", "Ann"))
    )
    Path("chat.txt").write_text(chat)
    (source,) = load_sources(("chat.txt",), DataConfig(blank_out=("name",)))
    assert source.documents[:2] == ["Hi [name], Anna 0", "Hi [name], Anna 0"] and source.authors == {
        "Ann Lee": 30,
        "Bob": 30,
    }


LONG_OPTIONS = [
    {"unwrap": True, "straighten_quotes": True, "lower_case": True},
    {"drop_headings": True, "drop_front_matter": True, "blank_out": ("email", "phone", "link", "handle")},
    {"after": "CHAPTER 2", "before": "CHAPTER 39", "first": 60_000, "last": 50_000},
    {"last": 777},
    {"first": 10**9},
    {"after": "not there", "before": "nor this"},
]


@pytest.mark.parametrize("options", LONG_OPTIONS)
def test_a_text_too_long_for_memory_is_cleaned_block_by_block_to_the_same_result(options, monkeypatch):
    """It was refused."""
    words = write_text(300).split()
    parts = ["The Title\n\nby Ann\n\n"]
    for chapter in range(40):
        parts.append(f"CHAPTER {chapter}\n\n")
        for number in range(5):
            prose = " ".join(words[number:][: 60 + chapter]) + f" “Write” to a{chapter}@b.example, www.c.example, ΟΔΟΣ."
            parts.append(textwrap.fill(prose, 66) + "\n\n" + "  Verse that is indented,\n  short.\n\n" * (number % 2))
    Path("long.txt").write_text("".join(parts), encoding="utf-8")
    (short,) = load_sources(("long.txt",), DataConfig(**options))
    monkeypatch.setattr(folder, "LONG", 1000)
    for size in (701, 4099, 1 << 18):
        monkeypatch.setattr(sources, "BLOCK", size)
        (long,) = load_sources(("long.txt",), DataConfig(**options))
        assert isinstance(long, LongSource) and "text" not in vars(long)
        assert "".join(long.pieces()) == short.text and long.length == len(short.text)
        assert long.report[1:] == short.report


def test_prompts_and_scored_files_are_made_as_the_training_text_was():
    options = DataConfig(lower_case=True, straighten_quotes=True, first=5, text_encoding="cp1250")
    assert as_trained("“Cafe\u0301”", options) == '"café"'
    assert as_trained("Cafe\u0301", DataConfig(rules=1)) == "Cafe\u0301", "a run from before has no normal form"
    Path("s.txt").write_text("“Cafe\u0301” AND MORE\n", encoding="utf-8")
    assert read_source(Path("s.txt"), options).text == '"café" and more\n'


def test_characters_are_counted_by_script():
    assert [script(c) for c in "aжא中ー1.\n€\u0301अ"] == [
        "Latin", "Cyrillic", "Hebrew", "Han", "Katakana-hiragana", "digits", "punctuation", "white space", "signs",
        "marks", "Devanagari",
    ]  # fmt: skip


def test_looking_tells_scripts_rare_characters_splits_and_what_repeats():
    text = (
        write_text(400)
        + "Ж 漢\n"
        + "write to ann@x.example or bob@x.example or al@x.example\n"
        + write_text(30, seed=5)
    )
    seen = look([Source("t", text)], DataConfig())
    assert seen["scripts"]["Cyrillic"] == 1 and sum(seen["scripts"].values()) == seen["characters"] == len(text)
    assert {"Ж", "漢"} <= {rare["character"] for rare in seen["rare"]} and "Ж 漢" in seen["rare"][-1]["example"]
    assert seen["personal"] == {"email": 3} and sum(part["characters"] for part in seen["split"].values()) == len(text)
    line = "A line that is long enough to be no chance at all.\n"
    assert look([Source("t", line * 400)], DataConfig())["held_out_seen_in_training"] > 0.9
    assert "3 x email" in paragraph([Source("t", text)])


def test_looking_at_documents_tells_their_lengths_and_copies():
    documents = [f"document number {i} has words of its own" for i in range(98)] + ["twice"] * 2
    seen = look([Source("t", "\n".join(documents), documents=documents)], DataConfig())["documents"]
    assert seen["count"] == 100 and seen["copies"] == 1 and sum(count for _, count in seen["histogram"]) == 100


def test_the_command_shows_writes_and_gives_json(capsys):
    Path("a.txt").write_bytes(("It was “so”.\r\n" + write_text(300)).encode())
    assert main(["look", "a.txt", "--straighten_quotes", "--write", "clean.txt", "--no_speed"]) == 0
    shown = capsys.readouterr()
    assert "straightened 2 quotes" in shown.out and "held out" in shown.out and "preset" in shown.out
    assert Path("clean.txt").read_text(encoding="utf-8").startswith('It was "so".\n')
    assert main(["look", "a.txt", "--json", "--minutes", "1"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert seen["training"]["preset"] == "tiny" and seen["files"][0]["kind"] == "plain"
    budget = seen["training"]["tokens_in_budget"]
    assert budget > 0 and seen["training"]["epochs"] * seen["training"]["tokens"] == pytest.approx(budget)
    assert main(["look", "a.txt", "--no_speed"]) == 0 and "tokens/s" not in capsys.readouterr().out
    assert main(["look", "missing.txt"]) == 1


def test_too_few_documents_to_hold_some_out_are_shown_all_the_same(capsys):
    Path("chat.json").write_text(json.dumps([{"text": f"Message {number}"} for number in range(5)]))
    assert main(["look", "chat.json", "--no_speed"]) == 0
    shown = capsys.readouterr().out
    assert (
        "5 documents (whole)" in shown and "note: the text has 5 documents (whole), too few to hold some out" in shown
    )


def test_of_many_files_a_look_tells_what_they_have_in_common(capsys):
    """A year of a Slack channel used to fill a thousand lines."""
    for day in range(40):
        Path("box").mkdir(exist_ok=True)
        Path(f"box/{day:02}.md").write_text(f"# Day {day}\n\nIt rained, and *nobody* came.\n")
    assert main(["look", "box", "--no_speed"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("(markdown)") == 12 and "28 more files: " in shown
    assert "28 x read as Markdown" in shown and shown.count("\n") < 60


def test_a_separator_is_none_of_the_characters_that_are_learnt(capsys):
    Path("a.txt").write_text("%\n".join(f"It rained for {number} days.\n" for number in range(50)))
    assert main(["look", "a.txt", "--separator", "%", "--no_speed", "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert seen["documents"]["count"] == 50 and "signs" not in seen["scripts"]


def test_a_preview_shows_places_before_and_after_and_nothing_that_stays():
    old = Source("a", "CHAPTER 1\n\nThe “old” lamp.\nIt rained.\n" + "It rained on.\n" * 2000 + "CHAPTER 2\n")
    new = tidied(old, DataConfig(drop_headings=True, straighten_quotes=True))
    assert changes([old], [new]) == [("CHAPTER 1", ""), ("The “old” lamp.", 'The "old" lamp.')]
    assert changes([old], [old]) == []
    whole = DataConfig(lower_case=True, first=3, keep_frame=True, blank_out=("email",))
    assert untidied(whole) == DataConfig(keep_frame=True)


def test_a_look_shows_a_preview_and_what_a_loss_means(capsys):
    Path("a.txt").write_text("The “old” lamp.\n" * 400, encoding="utf-8")
    assert main(["look", "a.txt", "--no_speed", "--straighten_quotes", "--preview", "--yardsticks"]) == 0
    said = capsys.readouterr().out
    assert "- The “old” lamp." in said and '+ The "old" lamp.' in said and "gzip" in said


def test_what_budgets_came_to_is_what_the_measurements_say():
    table = (Path(__file__).parents[2] / "docs" / "measurements.md").read_text(encoding="utf-8")
    for measured in REACHED.values():
        assert all(f"{bits:.4f}" in table for bits in measured.values())
    transformer = REACHED["transformer"]
    assert (
        reached(5) == {"transformer": transformer[5]}
        and reached(1) == {}
        and list(reached(15)) == ["transformer", "lstm"]
    )
    assert transformer[30] < reached(20)["transformer"] < transformer[10]


def test_a_long_text_is_looked_at_and_saved_piece_by_piece(monkeypatch):
    """What is personal in it, too, wherever a piece ends."""
    line = "Write to ann.longname@example.org or call +44 20 7946 0958 today, please.\n"
    Path("long.txt").write_text(line * 9000, encoding="utf-8")
    monkeypatch.setattr(folder, "LONG", 1000)
    (source,) = read_file(Path("long.txt"), DataConfig())
    assert isinstance(source, LongSource)
    seen = look([source], DataConfig())
    assert seen["personal"] == {"email": 9000, "phone": 9000} and "text" not in vars(source)
    assert main(["look", "long.txt", "--no_speed", "--write", "out.txt"]) == 0
    assert Path("out.txt").read_text(encoding="utf-8") == line * 9000


@pytest.mark.parametrize("text", ["ACGT" * 500_000, "a." * 500_000, "@a" * 500_000, "+1" * 500_000, " " * 1_000_000])
def test_a_text_without_a_break_is_looked_at_in_no_time(text):
    """Two megabytes of DNA took the square of their length in the search for addresses: a training never began."""
    assert set(personal_data([Source("t", text)])) <= {"handle"}
    for kind in ("email", "phone", "handle", "link"):
        tidy(text, blank_out=(kind,))
    page_text(f"<pre>{text}</pre>")
    as_documents([Message(text)], DataConfig(), [])
