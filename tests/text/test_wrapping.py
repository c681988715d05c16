"""Exports that people train on without knowing what else is in them."""

import json
from pathlib import Path

import pytest
from small import write_text

from janelm.text.corpora import read_source

WHATSAPP = "1/4/23, 7:05\u202fPM - Ann: First line\nsecond line\n1/4/23, 7:06\u202fPM - Bob: <Media omitted>\n"
IPHONE = "\u200e[04.01.23, 19:05:12] Ann: Guten Abend\n[04.01.23, 19:06:01] Bob: \u200eBild weggelassen\n"
TWEETS = "window.YTD.tweets.part0 = " + json.dumps([{"tweet": {"full_text": f"Hello {n}"}} for n in range(9)], indent=1)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("chat.txt", WHATSAPP * 50, "looks like an exported chat"),
        ("chat.txt", IPHONE * 50, "looks like an exported chat"),
        ("tweets.js", TWEETS, "looks like JSON"),
        ("posts.txt", json.dumps([{"text": "Hello"}] * 9), "looks like JSON"),
        ("p.csv", 'text\n"He said ""hi""\nand left"\n' * 20, "is a table"),
        ("st.txt", "Once there was a fox.\n\nIt slept.\n<|endoftext|>\n" * 400, "has <|endoftext|> 400 times"),
    ],
)
def test_what_a_model_would_learn_besides_the_text_is_said(name, text, said):
    """Each was trained on in silence."""
    Path(name).write_text(text, encoding="utf-8")
    (line,) = read_source(Path(name)).report
    assert said in line


@pytest.mark.parametrize(
    "text",
    [
        write_text(300),
        "On 1/4/23 it rained.\nAt 7:05 she left - as Ann: had said.\n" * 30,
        "[[Link]] and {braces}\n" * 30,
        "A list, with commas, in every line\n" * 30,
    ],
)
def test_ordinary_text_is_left_in_peace(text):
    Path("a.txt").write_text(text)
    assert read_source(Path("a.txt")).report == []
