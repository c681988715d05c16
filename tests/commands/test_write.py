"""Writing at its edges: what is kept when it ends badly, and what stands in the way is one clear sentence."""

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from small import SHAPES, random_run

from janelm.cli import main
from janelm.commands import write
from janelm.config import CharacterTokenizerConfig
from janelm.engines import NativeEngine
from janelm.runs import Run
from janelm.runs.pair import write_pair
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
@pytest.mark.parametrize(("error", "code"), [(BrokenPipeError(), 0), (MemoryError(), 1), (KeyboardInterrupt(), 130)])
def test_whatever_ends_writing_leaves_what_was_written(model, monkeypatch, error, code):
    """Only Ctrl-C did: what `head` had read of, or a damaged model wrote, was on no disk."""
    breaking(monkeypatch, 12, error)
    monkeypatch.setattr("os.dup2", lambda *descriptors: None)
    assert main(model) == code
    assert len(OUTPUT.read_text(encoding="utf-8")) > 10


def test_what_cannot_begin_leaves_the_earlier_text_in_its_place(model, capsys):
    assert main(model) == 0
    before = OUTPUT.read_bytes()
    assert main([*model, "--text", "漢字"]) == 2
    assert OUTPUT.read_bytes() == before and list(Path("generated").iterdir()) == [OUTPUT]


def test_a_book_without_its_library_is_refused_before_anything_is_written(model, monkeypatch, capsys):
    """It was refused after minutes of writing, and the text was lost."""
    monkeypatch.setitem(sys.modules, "reportlab", None)
    assert main([*model, "--format", "pdf"]) == 1
    assert "janelm[book]" in capsys.readouterr().err and not Path("generated").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "epub", "--language", "the language"], "'the language' is no code"),
        (["--format", "pdf", "--font", "missing.ttf"], "cannot read the font missing.ttf"),
        (["--language", "en"], "language and font are of a book"),
        (["--format", "epub", "--font", "missing.ttf"], "a font is of the PDF"),
    ],
)
def test_what_a_book_cannot_be_is_said_before_anything_is_written(model, options, said, capsys):
    assert main([*model, *options]) in (1, 2)
    assert said in capsys.readouterr().err and not Path("generated").exists()


def test_a_book_has_the_language_and_the_author_that_are_named(model):
    assert main([*model, "--format", "epub", "--language", "en-GB", "--author", "Ann & Bob"]) == 0
    package = zipfile.ZipFile("generated/output.epub").read("EPUB/content.opf").decode()
    assert "<dc:language>en-GB</dc:language>" in package and "<dc:creator>Ann &amp; Bob</dc:creator>" in package


def test_a_book_that_no_font_can_draw_leaves_its_text(capsys):
    made = random_run(SHAPES["lstm"], tokenizer=train_tokenizer(CharacterTokenizerConfig(), ["漢字かな\n"]))
    assert main([*save(made), "--format", "pdf"]) == 1
    assert "lacks most letters" in capsys.readouterr().err
    assert len(OUTPUT.read_text(encoding="utf-8")) == 30 and not Path("generated/output.pdf").exists()
    assert main([*save(made), "--format", "epub"]) == 0
    assert "the language was taken for ja" in capsys.readouterr().err


@pytest.fixture
def pair(model):
    """The same model as two files, without its folder."""
    folder = Run(Path("models/m"))
    write_pair(folder, Path("models/mine.pth"), Path("models/mine-config.pkl"))
    shutil.rmtree("models/m")


@pytest.mark.parametrize("name", ["mine", "mine.pth", "models/mine", "models/mine.pth", "./models/mine.pth"])
def test_a_model_is_found_by_whatever_a_shell_completes(pair, name, capsys):
    """`--model_file mine` was "damaged", and models/mine.pth was looked for in models/models."""
    assert main(["write", "--model_file", name, "--num_tokens", "5"]) == 0
    assert Path("generated/output.txt").exists()


@pytest.mark.parametrize("name", ["m", "m.pth", "models/m", "models/m/", "models/m.pth"])
def test_a_run_without_its_two_files_is_found_by_its_name(model, name):
    assert main(["write", "--model_file", name, "--num_tokens", "5"]) == 0


def test_the_samples_are_reached_by_their_names(capsys):
    for name in ("lstm.pth", "lstm", "transformer.pth"):
        assert main(["write", "--model_file", name, "--num_tokens", "5", "--text", "It"]) == 0
    assert "the text is in" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_named_once(model, capsys):
    assert main(["write", "--model_file", "models/nobody.pth"]) == 1
    assert capsys.readouterr().err == "janelm write: there is no run at models/nobody: the runs here are m\n"


@pytest.mark.parametrize(
    ("typed", "meant"), [(r"The\n\nold", "The\n\nold"), (r"The\\nold", r"The\nold"), (r"a\b", r"a\b"), ("a\\", "a\\")]
)
def test_a_line_break_can_be_typed(model, typed, meant):
    r"""On a Windows command line there is no other way than \n."""
    assert main([*model, "--text", typed]) == 0
    assert OUTPUT.read_text(encoding="utf-8").startswith(meant)


def test_writing_stops_at_a_typed_line_break(capsys):
    r"""`--stop "\n"` never stopped, and said nothing."""
    made = random_run(SHAPES["lstm"], tokenizer=train_tokenizer(CharacterTokenizerConfig(), ["ab\n"]))
    assert main([*save(made), "--text", "a", "--stop", r"\n", "--num_tokens", "300"]) == 0
    written = OUTPUT.read_text(encoding="utf-8")
    assert "\n" not in written and len(written) < 200


def test_a_book_that_cannot_be_made_leaves_its_text(model, monkeypatch):
    def fails(book):
        raise MemoryError

    monkeypatch.setattr(books, "epub", fails)
    assert main([*model, "--format", "epub"]) == 1
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


def test_two_at_once_with_one_name_keep_both_texts(model, monkeypatch, capsys):
    """The second renamed the first's half-written text, and the first then wrote over the second's."""
    OUTPUT.parent.mkdir()
    OUTPUT.write_text("an earlier text")
    options = write.WriteOptions()
    first, second, third = (write._Output(options) for _ in range(3))
    first.keep(lambda: "one")
    second.keep(lambda: "two")
    third.finish("three")
    second.finish("two, longer")
    first.finish("one, longer")
    kept = {path.name: path.read_text() for path in OUTPUT.parent.iterdir()}
    assert kept == {
        "output.txt": "one, longer", "output-1.txt": "an earlier text",
        "output-2.txt": "two, longer", "output-3.txt": "three",
    }  # fmt: skip
    assert "another process is writing generated/output.txt: this text goes to generated/output-2.txt" in (
        capsys.readouterr().err
    )


def test_a_name_is_free_again_when_its_process_was_killed(model):
    code = "import os, signal; from janelm.commands import write; write._Output(write.WriteOptions()).keep(lambda: 'x')"
    code += "; os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code])
    assert OUTPUT.read_text() == "x"
    write._Output(write.WriteOptions()).finish("after it")
    assert OUTPUT.read_text() == "after it" and OUTPUT.with_name("output-1.txt").read_text() == "x"


def test_a_file_of_many_samples_has_those_that_were_begun(model, monkeypatch):
    monkeypatch.setattr("janelm.writing.generation.MOST_AT_ONCE", 2)
    breaking(monkeypatch, 40, KeyboardInterrupt())
    assert main([*model, "--num_samples", "50", "--engine", "native"]) == 130
    assert len(OUTPUT.read_text().split("\n\n---\n\n")) == 4


def test_whoever_stops_reading_hears_where_the_text_is(model):
    command = [sys.executable, "-m", "janelm", *model, "--num_tokens", "20000"]
    writing = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    writing.stdout.read(50)
    writing.stdout.close()
    said = writing.stderr.read()
    assert writing.wait(timeout=60) == 0 and "Traceback" not in said and "Exception" not in said
    assert "nobody reads on: what was written is in generated/output.txt" in said and len(OUTPUT.read_text()) > 50
