"""The package from Python, as its docstring shows it."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small import SHAPES, quiet, write_text

import janelm
from janelm.errors import counted
from janelm.text import corpora


def test_train_on_a_string_load_the_run_and_iterate_text(text):
    training = janelm.TrainingConfig(steps=3, batch_tokens=64, evaluations=1, evaluation_tokens=64, device="cpu")
    finished = janelm.train(SHAPES["lstm"], training, "models/mine", text=text, say=lambda line: None)
    assert finished.run.folder == Path("models/mine")
    pieces = list(janelm.generate(janelm.load_run("mine"), "The", num_tokens=20))
    assert len("".join(pieces)) == 20


TINY = janelm.TrainingConfig(steps=1, batch_tokens=64, evaluations=1, evaluation_tokens=64, device="cpu")


@pytest.mark.parametrize("text", [5, b"bytes", ["a", "b"], Path("file.txt")])
def test_a_text_that_is_none_is_one_clear_sentence(text):
    with pytest.raises(janelm.UsageError, match=rf"the text is of the type {type(text).__name__}, but must be a str"):
        janelm.train(SHAPES["lstm"], TINY, "models/mine", text=text, say=quiet)
    assert not Path("models").exists()


def test_a_lone_surrogate_in_a_text_is_replaced_and_said(text):
    said = []
    janelm.train(SHAPES["lstm"], TINY, "models/mine", text=f"{text}\ud83d{text}", say=said.append)
    assert said[0] == "text: replaced 1 lone surrogates, which no text has"


def test_training_on_austen_because_nothing_was_named_is_said(monkeypatch):
    """A text that another function had not found was None, and the run was of Austen."""
    monkeypatch.setitem(corpora.CORPORA, "austen", lambda: corpora.Source("austen", write_text(300)))
    said = []
    janelm.train(SHAPES["lstm"], TINY, "models/mine", text=None, say=said.append)
    assert said[0] == "neither text nor data is given: the text is Austen's novels"


def test_every_name_it_offers_exists():
    assert all(getattr(janelm, name) for name in janelm.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        janelm.nothing  # noqa: B018


def test_importing_it_does_not_wait_for_torch():
    code = "import janelm, janelm.cli, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_training_does_not_load_the_compiler_before_it_compiles():
    """Importing it takes longer than importing torch; torch's optimizers do so at their first use."""
    code = """
import janelm, sys
shape = janelm.TransformerConfig(context_length=16, layers=1, width=32, heads=2)
settings = {"steps": 2, "batch_tokens": 64, "evaluations": 1, "evaluation_tokens": 64, "device": "cpu"}
janelm.train(shape, janelm.TrainingConfig(**settings), "run", text="A short text, again and again. " * 200)
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_sentences_count_one_page_and_many_pages():
    said = [counted(number, "page") for number in (0, 1, 1.0, 0.5, 1_234_567, np.int64(7_654_321))]
    assert said == ["0 pages", "1 page", "1 page", "0.5 pages", "1,234,567 pages", "7,654,321 pages"]


# From the foundation up: a wing may import only what stands before it, and a file of a wing only files before it there.
WINGS = {
    "version": "",
    "errors": "",
    "config": "plain base own tokenizers models data training sampling",
    "lazy": "",
    "machine": "locks cores claims files streams compiler hardware trust",
    "architectures": "base registry own dropout crossentropy sharding lstm transformer gpt2",
    "text": "rdata guessing encodings cleaning sources tidying readers corpora spelling tokens words tokenizers "
    "interchange extending encoded documents data mixing looking",
    "runs": "adapters figures public checkpoints loaded folder pair dataset nanochat gpt2 huggingface",
    "export": "rounding description parts lstm transformer gpt2 traced graphs precision huggingface gguf",
    "engines": "base twins torch_engine onnx_engine native_engine native_check",
    "measuring": "yardsticks evaluation scoring overlap plots comparison cards",
    "writing": "repetition wording sampling generation interactive language chapters epub pdf books",
    "training": "presets interrupts state clock progress distributed optimizers ancestor distillation step forecast "
    "records callbacks loop finish trackers pipeline lessons",
    "reading": "words copied names parts measures keyness sentiment people searching surprise contexts likeness "
    "maps embeddings report",
    "site": "block_sorting change vendor adapters models rooms card folder workflow server",
    "studio": "talks batching questions shelf states completions figures manual safety api server store "
    "library texts trainings wishes pages app",
    "commands": "help mistakes shared resuming look read train write compare score overlap export serve api studio",
    "cli": "",
    "__main__": "",
}


def imported(path: Path, package: Path) -> set[str]:
    """The files of the package that one of its files imports, as paths without ending: "text/data"."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1]
            names = [node.module.replace(".", "/")] if node.module else [alias.name for alias in node.names]
            found |= {(base / name).relative_to(package).as_posix() for name in names}
    return found


def test_wings_import_only_wings_above_them_and_files_only_files_above_them():
    package, order = Path(janelm.__file__).parent, list(WINGS)
    assert {path.stem for path in package.glob("*.py")} - {"__init__"} == {name for name in WINGS if not WINGS[name]}
    for path in package.rglob("*.py"):
        wing, *inside = path.relative_to(package).with_suffix("").as_posix().split("/")
        if wing == "__init__":
            continue
        for other in imported(path, package):
            theirs, *file = other.split("/")
            if theirs != wing:
                assert order.index(theirs) < order.index(wing), f"{path} imports {other}"
            elif file and inside != ["__init__"] and file[0] != inside[0]:
                files = WINGS[wing].split()
                assert files.index(file[0]) < files.index(inside[0]), f"{path} imports {other}"


@pytest.mark.parametrize("wing", [name for name, files in WINGS.items() if files])
def test_a_wing_has_the_files_named_here_says_what_it_is_for_and_hands_on_what_it_promises(wing):
    module, folder = importlib.import_module(f"janelm.{wing}"), Path(janelm.__file__).parent / wing
    files = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert files == {"__init__", *WINGS[wing].split()}
    assert len(module.__doc__) > 60
    assert all(getattr(module, name) is not None for name in getattr(module, "__all__", []))
