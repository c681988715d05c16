"""Going on from a finished model with a new text."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small import SHAPES, TOKENIZERS, TRAINING, quiet, write_text

from janelm.cli import main
from janelm.config import DataConfig, TrainingConfig
from janelm.errors import JaneLMError, UsageError
from janelm.measuring.cards import hub_card, model_card
from janelm.measuring.comparison import unfairness
from janelm.runs import Run, find_run
from janelm.text.data import load_dataset
from janelm.text.mixing import Mixed
from janelm.text.sources import given_source
from janelm.training.ancestor import ancestor_of, start_weights
from janelm.training.pipeline import resume, train

NEW = write_text(1500, seed=5).replace("the lamp", "ξένον").replace("Nobody", "Noßody")
SHORT = replace(TRAINING, steps=12, evaluations=2, learning_rate=0.003, matrix_learning_rate=0.006, ancestor="old")


OF_ANY_TOKENS = pytest.mark.parametrize("old", ["character"], indirect=True)


@pytest.fixture(params=["character", "tiktoken"])
def old(request, text, made_once, monkeypatch) -> Run:
    """A run of the text that all tests share, and a file with another one."""
    folder = made_once(f"old {request.param}", lambda path: make_old(path, text, request.param))
    Path("models").symlink_to(folder)
    Path("models-here").mkdir()
    Path("new.txt").write_text(NEW)
    return find_run("old")


def make_old(folder: Path, text: str, tokens: str) -> None:
    (folder / "old.txt").write_text(text)
    data = DataConfig((str(folder / "old.txt"),))
    train(SHAPES["transformer"], TRAINING, folder / "old", data=data, tokenizer=TOKENIZERS[tokens], say=quiet)


def go_on(name="mine", say=quiet, **changes):
    settings = replace(SHORT, **changes)
    return train(SHAPES["transformer"], settings, f"runs/{name}", data=DataConfig(("new.txt",)), say=say)


def test_it_starts_as_the_ancestor_and_learns_the_new_text(old):
    said = []
    finished = go_on(say=said.append)
    told, facts = finished.results["ancestor"], finished.run.facts()["ancestor"]
    assert told["after"]["new"] < told["before"]["new"]
    assert told["before"]["old"] == pytest.approx(old.results()["losses"]["heldout"]["bits_per_byte"], abs=1e-5)
    assert finished.run.metrics()[0]["validation_bits_per_byte"] < 1.3 * told["before"]["new"]  # not a fresh start
    assert facts["texts"][0]["text_sha256"] == old.facts()["text_sha256"]
    assert any(line.startswith("goes on from old: ") for line in said)
    if old.tokenizer().config.kind == "character":
        assert facts["added"].endswith("start from the mean of all: ß έ ν ξ ο")
        assert finished.run.load().tokenizer.decode(finished.run.tokenizer().encode("ξένον ß")) == "ξένον ß"
    card = model_card(finished.run)
    assert "it goes on from old, a transformer trained on old.txt" in card and "from scratch" not in card
    assert "it goes on from old, a transformer trained on old.txt" in hub_card(finished.run, "")
    assert "| the text of the model it goes on from |" in card
    assert "of mine and old only one goes on from another model" in unfairness([finished.run, old])


def test_rows_of_new_tokens_start_from_the_mean_of_their_origins(old):
    ancestor = ancestor_of("old")
    finished = go_on(steps=1, learning_rate=1e-9, matrix_learning_rate=1e-9, weight_decay=0.0)
    new, before, after = finished.run.tokenizer(), ancestor.weights, finished.run.load().weights
    assert before.keys() == after.keys()
    for name in before:
        if name != "embedding.weight":
            np.testing.assert_allclose(after[name], before[name], atol=1e-6)
    rows = {token: after["embedding.weight"][new.vocabulary.index(token)] for token in (b"a", b"e")}
    for token, row in rows.items():
        place = ancestor.tokenizer.vocabulary.index(token)
        np.testing.assert_allclose(row, before["embedding.weight"][place], atol=1e-6)
    if ancestor.tokenizer.config.kind == "character":
        fresh = after["embedding.weight"][new.vocabulary.index("ß".encode())]
        np.testing.assert_allclose(fresh, before["embedding.weight"].mean(0), atol=1e-6)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("tied", [True, False])
def test_every_weight_that_has_a_row_for_each_token_grows(kind, tied):
    from small import random_run

    from janelm.text.extending import Extension

    run = random_run(replace(SHAPES[kind], tied=tied))
    tokenizer = Extension(run.tokenizer).learn(["ξ"], documents=True)
    found = start_weights(run, run.config.model, tokenizer)
    assert {name: array.shape for name, array in found.items()} == run.config.model.weight_shapes(tokenizer.vocab_size)


def test_more_byte_pairs_are_learnt_when_asked(old):
    if old.tokenizer().config.kind == "character":
        with pytest.raises(UsageError, match="extend_vocab learns byte pairs"):
            go_on(extend_vocab=10)
        return
    finished = go_on(extend_vocab=10)
    assert finished.run.tokenizer().vocab_size == old.tokenizer().vocab_size + 10
    assert finished.results["ancestor"]["before"]["old"] == pytest.approx(
        old.results()["losses"]["heldout"]["bits_per_byte"], abs=1e-5
    )


@OF_ANY_TOKENS
def test_resumed_equals_uninterrupted_with_both_texts(old):
    whole = go_on("whole", keep=0.4, decay=0.0).run
    go_on("parts", steps=7, keep=0.4, decay=0.0)
    parts = resume(Path("runs/parts"), budget={"steps": 12}, say=quiet)
    assert parts.results["ancestor"]["before"] == whole.results()["ancestor"]["before"]
    saved = [torch.load(Path("runs") / name / "resume.pt", weights_only=True)["weights"] for name in ("whole", "parts")]
    for name, weight in saved[0].items():
        assert torch.equal(weight, saved[1][name]), name


def test_the_share_that_is_kept_is_of_the_ancestors_text_and_all_of_each_text_is_read(text):
    sets = [
        load_dataset(
            [given_source(one)], DataConfig(), TOKENIZERS["character"], 16, TrainingConfig(steps=1), torch.device("cpu")
        )
        for one in (NEW, text)
    ]
    mixed = Mixed(*sets, 0.3)
    steps = [mixed.batch(step)[0] for step in range(20)]
    new = [sets[0].batch(step)[0] for step in range(14)]
    old = [sets[1].batch(step)[0] for step in range(6)]
    assert [any(torch.equal(batch, one) for batch in steps) for one in new + old] == [True] * 20
    places = [i for i, batch in enumerate(steps) if any(torch.equal(batch, one) for one in old)]
    assert max(np.diff(places)) <= 4


@OF_ANY_TOKENS
def test_keeping_the_old_text_forgets_less_of_it(old):
    forgot, kept = (
        go_on(str(share), keep=share, steps=24, learning_rate=0.01, matrix_learning_rate=0.02).results["ancestor"]
        for share in (0.0, 0.5)
    )
    assert kept["after"]["old"] < forgot["after"]["old"]


@OF_ANY_TOKENS
def test_overlap_is_searched_in_both_texts(old, capsys):
    go_on()
    sentence = Path(old.config().data.data[0]).read_text().splitlines()[3]
    Path("written.txt").write_text(f"{sentence}\n{NEW.splitlines()[7]}\n")
    assert main(["overlap", "written.txt", "--run", "runs/mine"]) == 0
    mine, _, theirs = capsys.readouterr().out.partition("\nThe text of a model that it goes on from, ")
    assert "of its runs of 8" in mine and "of its runs of 8" in theirs
    assert "The longest passages that do:\n  " in theirs and sentence[-20:-5] in theirs


@OF_ANY_TOKENS
def test_a_text_that_is_gone_is_said_and_only_what_needs_it_fails(old):
    config = json.loads((old.folder / "config.json").read_text())
    config["facts"]["text_sha256"] = "0" * 64
    folder = Path("gone")
    folder.mkdir()
    for path in old.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "config.json").write_text(json.dumps(config))
    told = go_on(ancestor="gone").results["ancestor"]
    assert "is not the text any more that the ancestor was trained on" in told["not_measured"]
    assert "old" not in told["after"]
    with pytest.raises(JaneLMError, match="keep mixes in the ancestor's text, but it cannot be read: "):
        go_on("other", ancestor="gone", keep=0.5)
    assert not Path("runs/other").exists()


def test_documents_go_on_from_running_text(old):
    finished = train(
        SHAPES["transformer"], SHORT, "runs/verses", data=DataConfig(("new.txt",), documents="lines"), say=quiet
    )
    assert finished.run.tokenizer().end_token is not None and "old" in finished.results["ancestor"]["after"]
    back = replace(SHORT, ancestor="runs/verses")
    said = train(SHAPES["transformer"], back, "runs/prose", data=DataConfig(("new.txt",)), say=quiet).results
    assert "was read as documents" in said["ancestor"]["not_measured"]


@OF_ANY_TOKENS
def test_what_cannot_go_on_is_one_sentence(old):
    for changes, sentence in (
        ({"ancestor": "nothing"}, "there is no run at nothing"),
        ({"keep": 0.5, "ancestor": None}, "keep needs a run to go on from: --from"),
        ({"keep": 1.0}, "keep is 1.0, but must be from 0 to under 1"),
        ({"extend_vocab": -1}, "extend_vocab is -1, but must be at least 0"),
    ):
        with pytest.raises((JaneLMError, UsageError), match=sentence):
            go_on(**changes)
    with pytest.raises(UsageError, match="old is a transformer of another shape"):
        train(SHAPES["lstm"], SHORT, "runs/mine", data=DataConfig(("new.txt",)), say=quiet)
    with pytest.raises(UsageError, match="is the run to go on from: give the new model a --model_file of its own"):
        train(SHAPES["transformer"], SHORT, old.folder, data=DataConfig(("new.txt",)), say=quiet)
    Path("strange").mkdir()
    Path("strange/config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(JaneLMError):
        go_on(ancestor="strange")
    assert not Path("runs").exists()


@OF_ANY_TOKENS
def test_the_command_line_takes_shape_and_tokens_from_the_run(old, capsys):
    folder, shape = str(old.folder.resolve()), old.config().model
    Path("models").unlink()
    Path("models").mkdir()
    flags = ["--data", "new.txt", "--steps", "3", "--evaluations", "1", "--evaluation_tokens", "64", "--device", "cpu"]
    begin = ["train", "--from", folder, *flags]
    assert main([*begin, "--keep", "0.5", "--model_file", "mine.pth"]) == 0
    printed = capsys.readouterr()
    assert "this text, held out: " in printed.out and "the ancestor's text, held out: " in printed.out
    assert "from scratch" not in Path("models/mine/README.md").read_text()
    assert find_run("mine").config().model == shape
    assert main(["train", "--resume", "--model_file", "mine.pth", "--steps", "5", f"--from={folder}"]) == 0
    assert main([*begin, "--architecture", "lstm"]) == 2
    assert "has its own shape and tokens: leave out --architecture" in capsys.readouterr().err
    assert main([*begin, "--width", "64", "--model_file", "other.pth"]) == 2
    assert "of another shape" in capsys.readouterr().err
    assert main([*begin, "--vocab_size", "64"]) == 2
    assert main(["train", "--data", "new.txt", "--ancestor", folder]) == 2
    assert "there is no option --ancestor" in capsys.readouterr().err
