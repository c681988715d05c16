"""What a loss means: each yardstick on a text that one can work out by hand."""

from __future__ import annotations

import math

import pytest

from janelm.config import CharacterTokenizerConfig, DataConfig
from janelm.measuring.yardsticks import equally_likely, splits_of, yardsticks
from janelm.text.sources import Source
from janelm.text.tokenizers import train_tokenizer


def tokens_of(text: str):
    return train_tokenizer(CharacterTokenizerConfig(), [text])


def test_tokens_and_letters_are_what_one_works_out():
    told = dict(yardsticks("aaab" * 100, "ab" * 50))
    V = tokens_of("ab").vocab_size
    assert equally_likely("ab" * 50, tokens_of("ab")) == [
        (f"{V} tokens, all equally likely", pytest.approx(math.log2(V)))
    ]
    # Counted once more each, and one for a new character: 301, 101 and 403.
    assert told["frequencies of letters"] == pytest.approx(-(math.log2(301 / 403) + math.log2(101 / 403)) / 2)


def test_xz_knows_the_training_text_and_gzip_does_not():
    text = "".join(chr(97 + (7 * n * n + n // 3) % 26) for n in range(3000))
    told = dict(yardsticks(text, text))
    assert told["xz, having read the training text"] < 0.2 < told["gzip"]


def test_a_held_out_text_that_is_empty_has_none():
    assert yardsticks("abc", "") == equally_likely("", tokens_of("abc")) == []


def test_the_splits_are_those_of_training_of_running_text_and_of_documents():
    lines = [Source("a", "\n".join(f"line {number}" for number in range(100)))]
    running = splits_of(lines, DataConfig())
    assert "".join(running.values()) == lines[0].text and len(running["train"]) == int(0.9 * len(lines[0].text))
    documents = splits_of(lines, DataConfig(documents="lines"))
    assert [text.count("\n") + 1 for text in documents.values()] == [90, 5, 5]
