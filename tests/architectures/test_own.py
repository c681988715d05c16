"""Architectures in files of people's own: the two that docs/ shows, and files that are none."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from janelm.architectures import ARCHITECTURES, build_model, load_architecture
from janelm.cli import main
from janelm.config import MODEL_CONFIGS
from janelm.config.own import SOURCES, trust
from janelm.engines import OnnxEngine, TorchEngine, choose_engine
from janelm.errors import JaneLMError, UsageError
from janelm.export.graphs import export_graph, read_description
from janelm.export.precision import quantise
from janelm.runs import find_run, load_pair

DOCS = Path(__file__).parents[2] / "docs" / "own-architectures.md"
GRU, LOOPED = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
FILES = {"GRU": GRU, "Looped": LOOPED}
SMALL = {"GRU": ["--width", "24"], "Looped": ["--width", "32", "--heads", "2", "--layers", "1", "--loops", "2"]}
SETTINGS = ["--steps", "8", "--evaluations", "2", "--evaluation_tokens", "256", "--batch_tokens", "128"]
FLAGS = [*SETTINGS, "--context_length", "16", "--device", "cpu", "--precision", "fp32", "--compile", "off"]


@pytest.fixture(autouse=True)
def forgotten():
    """What a test has loaded is not known to the next."""
    yield
    forget()


def forget():
    for kind in list(SOURCES):
        del MODEL_CONFIGS[kind], ARCHITECTURES[kind], SOURCES[kind]


@pytest.fixture(params=FILES)
def own(request, text, made_once) -> str:
    """A trained run of one of the two, its file forgotten."""

    def make(folder: Path) -> None:
        with contextlib.chdir(folder):
            Path("mine.py").write_text(FILES[request.param])
            Path("book.txt").write_text(text)
            train = ["train", "--architecture", f"mine.py:{request.param}", "--data", "book.txt"]
            assert main([*train, "--model_file", "mine.pth", *FLAGS, *SMALL[request.param]]) == 0
        forget()

    shutil.copytree(made_once(request.param, make), ".", dirs_exist_ok=True)
    return request.param


def test_it_is_shown_in_under_sixty_lines():
    for source in FILES.values():
        assert len([line for line in source.splitlines() if line]) < 60


def test_it_trains_and_is_loaded_only_by_who_trusts_it(own, capsys):
    first, *_, last = find_run("mine").metrics()
    assert last["validation_loss"] < first["validation_loss"]
    assert Path("models/mine/architecture.py").read_text() == FILES[own]
    Path("new.txt").write_text("My aunt forgot the rain.\n")
    for command in (
        ["score", "new.txt", "--run", "mine"],
        ["write", "--model_file", "mine.pth", "--num_tokens", "5"],
        ["train", "--resume", "--model_file", "mine.pth", "--steps", "9"],
        ["compare", "mine", "transformer"],
    ):
        capsys.readouterr()
        assert main(command) == 1
        assert "if you trust it, add --trust-code" in capsys.readouterr().err
        assert not SOURCES
        assert main([*command, "--trust-code"]) == 0
        forget()
    with pytest.raises(JaneLMError, match="would run here"):
        load_pair(Path("models/mine.pth"), Path("models/mine-config.pkl"))


def test_who_has_the_file_need_not_say_that_they_trust_it(own):
    again = ["train", "--resume", f"--architecture=mine.py:{own}", "--model_file", "mine.pth", "--steps", "9"]
    assert main(again) == 0


def test_a_file_that_was_changed_is_not_run(own, capsys):
    path = Path("models/mine/architecture.py")
    path.write_text(path.read_text() + "\nraise SystemExit('it ran')\n")
    with trust(), pytest.raises(JaneLMError, match="is not the file that the model was trained with"):
        find_run("mine").load()
    path.unlink()
    with trust(), pytest.raises(JaneLMError, match="cannot be read"):
        find_run("mine").load()


def test_two_versions_stand_side_by_side(own, text):
    Path("other.py").write_text(FILES[own] + "\n# another version\n")
    kinds = {load_architecture(f"{name}.py:{own}").kind for name in ("mine", "other")}
    assert len(kinds) == 2 and all(kind.startswith(f"{own}-") for kind in kinds)


def test_in_chunks_of_any_size_it_says_what_it_says_at_once(own):
    with trust():
        model = find_run("mine").load().model
    tokens = torch.from_numpy(np.random.default_rng(0).integers(0, model.vocab_size, (3, 16)))
    with torch.no_grad():
        at_once, _ = model(tokens)
        state, said = model.initial_state(3), []
        for part in tokens.split([5, 1, 1, 9], 1):
            logits, state = model(part, state)
            said.append(logits)
    torch.testing.assert_close(torch.cat(said, 1), at_once, atol=1e-5, rtol=1e-4)


def test_its_traced_graph_writes_what_torch_writes(own, capsys):
    with trust():
        run = find_run("mine").load()
    graph = export_graph(run)
    assert {state["update"] for state in read_description(graph)["states"]} == {"replace"}
    engines = [TorchEngine(run.model), OnnxEngine(graph, threads=1), OnnxEngine(quantise(graph, "fp16"), threads=1)]
    tokens = np.random.default_rng(1).integers(0, run.tokenizer.vocab_size, (2, 40))
    said = []
    for engine in engines:
        state, logits = engine.initial_state(2), []
        for start, end in ((0, 3), (3, 4), (4, 20), (20, 40)):
            out, state = engine.step(tokens[:, start:end], state)
            logits.append(out)
        said.append(np.stack(logits))
    np.testing.assert_allclose(said[1], said[0], atol=1e-4)
    np.testing.assert_allclose(said[2], said[0], atol=0.05)
    weights = {tensor.name: tensor for tensor in quantise(graph, "int8-weights").graph.initializer}
    assert "model.embedding.weight_int8" in weights or "embedding.weight_int8" in weights
    with trust():
        assert isinstance(choose_engine(run, "auto"), TorchEngine) and capsys.readouterr().err == ""


ODD = {
    "is no Python": ("def", "does not run (SyntaxError"),
    "fails": ("1 / 0", "does not run (ZeroDivisionError: division by zero)"),
    "has no such class": ("x = 1", "has no class GRU that is a janelm.architectures.LanguageModel"),
    "has no config": (GRU.replace("Config = GRUConfig", ""), "lacks its Config"),
    "takes another option's name": (GRU.replace("layers", "seed"), "calls a setting seed, as another option is called"),
}


@pytest.mark.parametrize("source, sentence", ODD.values(), ids=ODD)
def test_a_file_that_is_no_architecture_is_one_sentence(source, sentence, text, capsys):
    Path("odd.py").write_text(source)
    Path("book.txt").write_text(text)
    assert main(["train", "--architecture", "odd.py:GRU", "--data", "book.txt", *FLAGS]) == 2
    assert sentence in capsys.readouterr().err
    assert not Path("models").exists()
    with pytest.raises(UsageError, match="cannot be read"):
        load_architecture("nothing.py:GRU")


READS = "self.gru(self.embedding(tokens), state)"
UNTRACEABLE = {
    "depends on its numbers": (
        READS,
        f"{READS} if tokens.sum() > 5 else (self.embedding(tokens), state)",
        "cannot trace",
    ),
    "starts elsewhere": ("torch.zeros(self.config", "torch.ones(self.config", "tensors of float32 that start as zeros"),
    "is of no text": ("batch_size, self.config.width, dev", "4, self.config.width, dev", "no axis follows the texts"),
}


@pytest.mark.parametrize("before, after, sentence", UNTRACEABLE.values(), ids=UNTRACEABLE)
def test_what_cannot_be_traced_is_one_sentence(before, after, sentence):
    from small import random_run

    assert before in GRU
    Path("odd.py").write_text(GRU.replace(before, after))
    config = load_architecture("odd.py:GRU")(width=8, context_length=16)
    run = random_run(config)
    with pytest.raises(JaneLMError, match=re.escape(sentence)):
        export_graph(run)


def test_a_graph_that_says_something_else_is_not_written(monkeypatch):
    from small import random_run

    from janelm.export import traced

    Path("mine.py").write_text(GRU)
    run = random_run(load_architecture("mine.py:GRU")(width=8, context_length=16))
    plain = traced._plain

    def wrong(graph, model):
        with torch.no_grad():
            model.head.bias += 1
        return plain(graph, model)

    monkeypatch.setattr(traced, "_plain", wrong)
    with pytest.raises(JaneLMError, match="off the model: it is not written"):
        export_graph(run)


def test_its_shapes_are_those_of_its_weights():
    Path("mine.py").write_text(LOOPED)
    config = load_architecture("mine.py:Looped")(layers=1, width=16, heads=2)
    model = build_model(config, 11)
    assert config.weight_shapes(11) == {name: tuple(weight.shape) for name, weight in model.named_parameters()}
