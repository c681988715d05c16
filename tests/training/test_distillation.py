"""Finished models as teachers of a new one: what it learns from them, and which ones are refused."""

import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from small import SHAPES, TRAINING, happening, kill, quiet, write_text

from janelm.architectures.crossentropy import IGNORED, cross_entropy, taught_cross_entropy
from janelm.cli import main
from janelm.config import DataConfig, TiktokenTokenizerConfig
from janelm.errors import JaneLMError, UsageError
from janelm.measuring.cards import model_card
from janelm.runs import Run, find_run
from janelm.training.distillation import Teachers
from janelm.training.pipeline import resume, train
from janelm.training.presets import PRESETS, Preset

TEACHERS = ("transformer", "lstm")


@pytest.fixture
def teachers(text, made_once) -> tuple[str, ...]:
    """One of each architecture, trained on the text."""

    def make(folder: Path) -> None:
        for kind in TEACHERS:
            train(SHAPES[kind], TRAINING, folder / kind, text=text, say=quiet)

    shutil.copytree(made_once("teachers", make), "models")
    return TEACHERS


def draw(ignored: int = 3):
    torch.manual_seed(0)
    head, x, targets = torch.nn.Linear(8, 11), torch.randn(2, 5, 8), torch.randint(11, (2, 5))
    targets.view(-1)[:ignored] = IGNORED
    return head, x, targets, torch.randn(2, 5, 11).softmax(-1)


def test_the_loss_is_the_texts_and_the_teachers_by_their_shares():
    head, x, targets, taught = draw()
    hard = cross_entropy(head, x, targets)
    soft = -(taught * head(x).log_softmax(-1)).sum(-1)[targets != IGNORED].sum()
    for share in (0.0, 0.3, 1.0):
        loss = taught_cross_entropy(head, x, targets, taught, share)
        torch.testing.assert_close(loss, (1 - share) * hard + share * soft)


def test_teachers_who_are_sure_of_the_text_teach_the_text():
    head, x, targets, _ = draw(ignored=0)
    taught = F.one_hot(targets, 11).float()
    torch.testing.assert_close(taught_cross_entropy(head, x, targets, taught, 0.7), cross_entropy(head, x, targets))


def test_teachers_give_the_mean_of_their_probabilities_and_learn_nothing(text, teachers):
    both = Teachers([find_run(name) for name in teachers], torch.device("cpu"))
    tokens = torch.randint(20, (2, 16))
    each = [find_run(name).load().model(tokens)[0].softmax(-1) for name in teachers]
    torch.testing.assert_close(both(tokens), sum(each) / 2)
    assert not any(parameter.requires_grad for parameter in both.parameters())


@pytest.mark.parametrize("kind", TEACHERS)
def test_a_taught_model_comes_nearer_to_its_teachers(text, kind, teachers):
    shape = SHAPES[kind]
    runs = [find_run(name) for name in teachers]
    taught = replace(TRAINING, teachers=teachers, taught=1.0, steps=60)
    train(shape, replace(TRAINING, steps=60), Path("alone"), text=text, say=quiet)
    train(shape, taught, Path("taught"), text=text, say=quiet)
    tokens = torch.from_numpy(runs[0].tokenizer().encode(write_text(40, seed=9))[: 16 * 32]).long().view(32, 16)
    target = Teachers(runs, torch.device("cpu"))(tokens)
    alone, pupil = (
        F.kl_div(Run(Path(name)).load().model(tokens)[0].log_softmax(-1), target, reduction="batchmean")
        for name in ("alone", "taught")
    )
    assert pupil < 0.8 * alone


@pytest.mark.parametrize(("kind", "documents"), [("transformer", None), ("lstm", "lines")])
def test_a_resumed_lesson_equals_an_uninterrupted_one(text, kind, documents, monkeypatch):
    data = DataConfig(documents=documents)
    train(SHAPES["lstm"], TRAINING, Path("models/teacher"), text=text, data=data, say=quiet)
    taught, shape = replace(TRAINING, teachers=("teacher",)), replace(SHAPES[kind], dropout=0.2)
    train(shape, taught, Path("whole"), text=text, data=data, say=quiet)
    with monkeypatch.context() as patch:
        happening(patch, 15, kill)
        with pytest.raises(MemoryError):
            train(shape, taught, Path("parts"), text=text, data=data, say=quiet)
    resume(Path("parts"), text=text, say=quiet)
    whole, parts = (Run(Path(name)).resume_state()["weights"] for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.needs("compiler")
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("bf16", 2e-2)])
def test_a_compiled_lesson_takes_the_steps_of_a_plain_one(text, teachers, precision, tolerance):
    losses, said = {}, []
    for compile in ("on", "off"):
        training = replace(TRAINING, teachers=teachers, compile=compile, precision=precision, steps=4)
        train(SHAPES["transformer"], training, Path(compile), text=text, say=said.append)
        losses[compile] = [row["validation_loss"] for row in Run(Path(compile)).metrics()]
    assert not any("after all" in line for line in said), "it was not compiled"
    assert losses["on"] == pytest.approx(losses["off"], abs=tolerance)


def test_teachers_that_have_seen_the_held_out_text_are_refused(text, teachers):
    """Another text, or the same one split otherwise, may hold what is held out here."""
    taught = replace(TRAINING, teachers=teachers)
    others = [{"text": text + "More.\n"}, {"text": text, "data": DataConfig(split="90/10")}]
    for other in [*others, {"text": text, "data": DataConfig(documents="lines")}]:
        with pytest.raises(UsageError, match="the teacher transformer was trained on another text or split"):
            train(SHAPES["lstm"], taught, Path("run"), say=quiet, **other)
        assert not Path("run").exists()


def test_teachers_with_other_tokens_are_refused(text, teachers):
    taught = replace(TRAINING, teachers=teachers)
    with pytest.raises(UsageError, match="the teacher transformer has other tokens"):
        train(
            SHAPES["lstm"], taught, Path("run"), text=text, tokenizer=TiktokenTokenizerConfig(vocab_size=300), say=quiet
        )


def test_a_model_that_would_take_its_teachers_place_is_refused(text, teachers):
    """Its earlier run would be set aside under another name, and a resumed run be its own teacher."""
    for place in ("models/lstm", "models"):
        with pytest.raises(UsageError, match="lies where the new model is to be"):
            train(SHAPES["lstm"], replace(TRAINING, teachers=("lstm",)), Path(place), text=text, say=quiet)
    assert Run(Path("models/lstm")).load()


def test_a_teacher_that_has_not_finished_is_refused_before_the_lesson(text, teachers):
    """It was found out at the end, when the figures were written."""
    Path("models/lstm/results.json").unlink()
    with pytest.raises(JaneLMError, match="not a finished run"):
        train(SHAPES["lstm"], replace(TRAINING, teachers=teachers), Path("run"), text=text, say=quiet)
    assert not Path("run").exists()


def test_a_missing_teacher_and_a_share_that_is_none_are_named(text):
    with pytest.raises(JaneLMError, match="there is no run at nobody"):
        train(SHAPES["lstm"], replace(TRAINING, teachers=("nobody",)), Path("run"), text=text, say=quiet)
    with pytest.raises(UsageError, match=r"taught is 1\.5, but must be from 0 to 1"):
        train(SHAPES["lstm"], replace(TRAINING, taught=1.5), Path("run"), text=text, say=quiet)


@pytest.fixture
def a_preset_with_lessons(text, monkeypatch) -> list[str]:
    """`large`, in the tests' size; returns the arguments that train it."""
    preset = Preset(
        *({"context_length": 16, "layers": 1, "width": 32} | more for more in ({"heads": 2}, {})),
        tokenizer={"vocab_size": 300},
        training={"minutes": 0.03, "batch_tokens": 128, "evaluations": 2, "evaluation_tokens": 64, "device": "cpu"},
    )
    monkeypatch.setitem(PRESETS, "medium", preset)
    monkeypatch.setitem(PRESETS, "large", replace(preset, lessons={"transformer": 0.25, "lstm": 0.25}))
    Path("book.txt").write_text(text)
    return ["train", "--data", "book.txt", "--preset", "large", "--tokenization", "tiktoken"]


def test_the_preset_for_two_hours_trains_teachers_first_in_a_share_of_them(a_preset_with_lessons, capsys):
    assert main([*a_preset_with_lessons, "--minutes", "0.08", "--seed", "7", "--context_length", "12"]) == 0
    run, kinds = find_run("model"), ("transformer", "lstm")
    assert run.config().training.teachers == tuple(f"models/model-{kind}" for kind in kinds)
    assert run.config().training.minutes == pytest.approx(0.04)
    for kind in kinds:
        config = find_run(f"model-{kind}").config()
        assert config.model.kind == kind and config.training.minutes == pytest.approx(0.02)
        assert config.training.seed == 7 and config.model.context_length == 12
    assert [one["name"] for one in run.read_json("results.json")["teachers"]] == ["model-transformer", "model-lstm"]
    assert "Taught by model-lstm: lstm," in model_card(run)


@pytest.mark.parametrize("instead", [["--steps", "2"], ["--minutes", "0.02", "--teachers", "models/first"]])
def test_it_trains_none_where_teachers_are_named_or_steps_are_the_budget(a_preset_with_lessons, instead):
    assert main([*a_preset_with_lessons, "--preset", "medium", "--steps", "2", "--model_file", "first.pth"]) == 0
    assert main([*a_preset_with_lessons, *instead]) == 0
    assert sorted(path.name for path in Path("models").iterdir() if path.is_dir()) == ["first", "model"]


@pytest.mark.parametrize("lesson", ["model-transformer", "model-lstm"])
def test_resume_alone_goes_on_after_a_kill_in_any_lesson(lesson, a_preset_with_lessons, monkeypatch, capsys):
    """Whoever was interrupted had to finish the teacher by hand, and then name what was finished."""
    with monkeypatch.context() as patch:
        happening(patch, 1, lambda trainer: trainer.run.name == lesson and os.kill(os.getpid(), signal.SIGTERM))
        patch.setattr("janelm.commands.train._BEGAN", time.perf_counter())
        assert main([*a_preset_with_lessons, "--minutes", "0.08"]) == 130
    assert "go on with --resume --model_file model.pth" in capsys.readouterr().err
    assert not Path("models/model").exists() and Path("models/model-lessons.json").exists()
    assert main(["train", "--resume"]) == 0
    assert "on with the" in capsys.readouterr().err
    assert find_run("model").config().training.teachers == ("models/model-transformer", "models/model-lstm")
    assert sorted(path.name for path in Path("models").iterdir() if not path.is_file()) == [
        "model", "model-lstm", "model-transformer",
    ]  # fmt: skip
    assert not Path("models/model-lessons.json").exists()


def test_a_new_command_does_not_go_on_with_an_old_plan(a_preset_with_lessons):
    Path("models").mkdir()
    Path("models/model-lessons.json").write_text("{}")
    assert main(["train", "--resume"]) == 1
    assert main([*a_preset_with_lessons, "--minutes", "0.08"]) == 0
