"""The package from Python, as its docstring shows it."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SHAPES

import janelm


def test_train_on_a_string_load_the_run_and_iterate_text(text):
    training = janelm.TrainingConfig(steps=3, batch_tokens=64, evaluations=1, evaluation_tokens=64, device="cpu")
    finished = janelm.train(SHAPES["lstm"], training, "models/mine", text=text, say=lambda line: None)
    assert finished.run.folder == Path("models/mine")
    pieces = list(janelm.generate(janelm.load_run("mine"), "The", num_tokens=20))
    assert len("".join(pieces)) == 20


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


def test_rooms_import_only_rooms_above_them():
    """The order of the rooms, from the foundation up. A module may import only what stands before it."""
    import ast

    order = [
        "errors",
        "files",
        "compiler",
        "rounding",
        "config",
        "rdata",
        "corpora",
        "tokenizers",
        "encoded",
        "crossentropy",
        "distributed",
        "data",
        "sharding",
        "architectures",
        "evaluation",
        "hardware",
        "optimizers",
        "checkpoints",
        "runs",
        "export",
        "engines",
        "sampling",
        "generation",
        "interrupts",
        "progress",
        "distillation",
        "training",
        "presets",
        "overlap",
        "pipeline",
        "plots",
        "comparison",
        "cards",
        "books",
        "scoring",
        "interactive",
        "site",
        "commands",
        "cli",
    ]
    package = Path(janelm.__file__).parent
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    modules |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert modules == set(order)
    for path in package.rglob("*.py"):
        relative = path.relative_to(package)
        if relative.name == "__init__.py" and len(relative.parts) == 1:
            continue
        room = relative.parts[0].removesuffix(".py")
        own_level = 1 if len(relative.parts) == 1 else 2
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == own_level:
                names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
                for name in names:
                    assert order.index(name) < order.index(room), f"{relative} imports {name}"
