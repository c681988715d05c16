"""A model of words from the text to the figures, and on to the next text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small import SHAPES, TRAINING, quiet, write_text

import janelm
from janelm.cli import main
from janelm.config import DataConfig, WordTokenizerConfig
from janelm.errors import UsageError
from janelm.text.words import WordTokenizer
from janelm.training.pipeline import resume, train

WORDS = WordTokenizerConfig(vocab_size=290)


def test_words_are_trained_written_scored_resumed_and_gone_on_from():
    Path("old.txt").write_text(write_text(900))
    data = DataConfig(("old.txt",))
    finished = train(SHAPES["lstm"], TRAINING, "models/old", data=data, tokenizer=WORDS, say=quiet)
    run = janelm.load_run("models/old")
    assert isinstance(run.tokenizer, WordTokenizer)
    losses = finished.results["losses"]["heldout"]
    assert 0 < losses["bits_per_byte"] < 8
    assert "".join(janelm.generate(run, "The naïve 漢", 30))
    Path("seen.txt").write_text("The miller saw a whale, 漢.\n")
    assert main(["score", "seen.txt", "--run", "old"]) == 0
    resume(Path("models/old"), budget={"steps": 30}, say=quiet)
    Path("new.txt").write_text("A whale and a whale, a whale.\n" * 300)
    settings = replace(TRAINING, ancestor="models/old", extend_vocab=2)
    later = train(SHAPES["lstm"], settings, "models/new", data=DataConfig(("new.txt",)), say=quiet)
    assert later.run.facts()["ancestor"]["added"].startswith("2 new words")
    assert later.results["ancestor"]["after"]["new"] < later.results["ancestor"]["before"]["new"]


def test_documents_of_words_end():
    Path("posts.txt").write_text(write_text(400))
    data = DataConfig(("posts.txt",), documents="lines")
    run = train(SHAPES["lstm"], TRAINING, "models/posts", data=data, tokenizer=WORDS, say=quiet).run.load()
    assert run.tokenizer.end_token == run.tokenizer.vocab_size - 1
    assert "\n" not in "".join(janelm.generate(run, "", 50))


def test_words_have_no_byte_pairs_to_undo():
    with pytest.raises(UsageError, match="these tokens have none"):
        train(
            SHAPES["lstm"],
            replace(TRAINING, bpe_dropout=0.1),
            "models/old",
            text=write_text(300),
            tokenizer=WORDS,
            say=quiet,
        )


def test_the_command_line_takes_them(capsys):
    Path("text.txt").write_text(write_text(600))
    words = ["--tokenization", "word", "--vocab_size", "280", "--architecture", "lstm", "--width", "16", "--steps", "4"]
    assert main(["train", "--data", "text.txt", *words, "--model_file", "w.pth", "--device", "cpu"]) == 0
    assert janelm.load_run("w").tokenizer.vocab_size == 280
