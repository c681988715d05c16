"""Writing at its edges: what is kept when it ends badly, and what stands in the way is one clear sentence."""

import io
import sys
from pathlib import Path

import pytest
from small import SHAPES, random_run

from janelm.cli import main
from janelm.commands import write
from janelm.config import CharacterTokenizerConfig
from janelm.engines import NativeEngine
from janelm.runs import Run
from janelm.text.tokenizers import train_tokenizer
from janelm.writing import books

OUTPUT = Path("generated/output.txt")


@pytest.fixture
def model():
    """Arguments for a random model."""
    return save(random_run(SHAPES["lstm"]))


def save(made, documents=False):
    folder = Run(Path("models/m"))
    folder.write_settings(made.config, made.tokenizer, {})
    folder.write_best(made.model)
    return ["write", "--model_file", "m.pth", "--num_tokens", "30"]


def breaking(monkeypatch, after, error):
    """Logits that raise `error` after so many tokens."""
    original, count = NativeEngine._step, iter(range(after + 1))

    def step(self, tokens, state):
        if next(count, None) is None:
            raise error
        return original(self, tokens, state)

    monkeypatch.setattr(NativeEngine, "_step", step)


@pytest.mark.needs("compiler")
@pytest.mark.parametrize("error", [BrokenPipeError(), MemoryError(), KeyboardInterrupt()])
def test_whatever_ends_writing_leaves_what_was_written(model, monkeypatch, error):
    """Only Ctrl-C did: what `head` had read of, or a damaged model wrote, was on no disk."""
    breaking(monkeypatch, 12, error)
    if isinstance(error, MemoryError):
        with pytest.raises(MemoryError):
            main(model)
    elif isinstance(error, BrokenPipeError):
        monkeypatch.setattr("os.dup2", lambda *descriptors: None)
        assert main(model) == 0
    else:
        assert main(model) == 130
    assert len(OUTPUT.read_text(encoding="utf-8")) > 10


def test_what_cannot_begin_leaves_the_earlier_text_in_its_place(model, capsys):
    assert main(model) == 0
    before = OUTPUT.read_bytes()
    assert main([*model, "--text", "漢字"]) == 2
    assert OUTPUT.read_bytes() == before and list(Path("generated").iterdir()) == [OUTPUT]


def test_a_book_without_its_library_is_refused_before_anything_is_written(model, monkeypatch, capsys):
    """It was refused after minutes of writing, and the text was lost."""
    monkeypatch.setitem(sys.modules, "ebooklib.epub", None)
    assert main([*model, "--format", "epub"]) == 1
    assert "janelm[book]" in capsys.readouterr().err and not Path("generated").exists()


def test_a_book_that_cannot_be_made_leaves_its_text(model, monkeypatch):
    def fails(book):
        raise MemoryError

    monkeypatch.setattr(books, "_epub", fails)
    with pytest.raises(MemoryError):
        main([*model, "--format", "epub"])
    assert len(OUTPUT.read_text(encoding="utf-8")) > 20


def test_a_session_obeys_its_options_and_keeps_its_text(model, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n+ a lamp\nq\n"))
    assert main([*model, "--interactive", "--text", "The old", "--num_tokens", "7"]) == 0
    kept = OUTPUT.read_text(encoding="utf-8")
    assert kept.startswith("The old") and kept.endswith("a lamp") and len(kept) == len("The old") + 7 + len("a lamp")
    assert f"the text is in {OUTPUT}" in capsys.readouterr().err
    assert main([*model, "--interactive", "--num_samples", "2"]) == 2
    assert "interactive writes one text" in capsys.readouterr().err


def test_a_session_writes_a_hundred_tokens_at_a_time_unless_told_otherwise(model, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert main([*model[:-2], "--interactive"]) == 0
    assert len(OUTPUT.read_text(encoding="utf-8")) == 1 + write.INTERACTIVE_TOKENS


def test_a_model_without_a_space_needs_no_prompt(capsys):
    """The default prompt is a space, of which a Chinese text may have none."""
    tokenizer = train_tokenizer(CharacterTokenizerConfig(), ["漢字かな\n"])
    made = random_run(SHAPES["lstm"], tokenizer=tokenizer)
    assert main(save(made)) == 0 and len(OUTPUT.read_text(encoding="utf-8")) == 30


def test_a_prompt_in_another_encoding_is_no_traceback(model, capsys):
    """The bytes of a Latin-1 terminal come as lone surrogates."""
    assert main([*model, "--text", "The caf\udce9"]) == 0
    assert OUTPUT.read_text(encoding="utf-8").startswith("The caf?")


@pytest.mark.parametrize("name", ["", ".", "folder"])
def test_an_output_file_that_is_a_folder_is_refused(model, name, capsys):
    Path("generated/folder").mkdir(parents=True)
    assert main([*model, "--output_file", name]) == 2
    assert "must name a file" in capsys.readouterr().err
    assert list(Path("generated").iterdir()) == [Path("generated/folder")]


def test_the_pages_precision_is_one_of_the_engines(model):
    assert main([*model, "--precision", "int8-weights"]) == 0


def test_an_encoding_that_was_guessed_is_said(model, capsys):
    Path("prompt.txt").write_bytes("The old café said nothing at all, naïve as it was".encode("cp1252"))
    assert main([*model, "--text_file", "prompt.txt"]) == 0
    assert "prompt.txt: is not UTF-8" in capsys.readouterr().err
