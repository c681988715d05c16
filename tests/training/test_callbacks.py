"""Who looks on while a model learns: callbacks, and the trackers that are built on them, each with its real library."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from small import SHAPES, TRAINING, quiet

import janelm
from janelm.cli import main
from janelm.errors import UsageError
from janelm.training import trackers
from janelm.training.pipeline import resume, train

SHORT = replace(TRAINING, steps=6, evaluations=2)
GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"


class Witness(janelm.Callback):
    def __init__(self):
        self.seen = []

    def start(self, trainer):
        self.seen.append(("start", trainer.state.step))

    def step(self, trainer):
        assert trainer.state.losses[-1] > 0
        self.seen.append(("step", trainer.state.step))

    def evaluation(self, trainer):
        assert trainer.state.rows[-1]["step"] == trainer.state.step and len(trainer.state.samples[-1]) > 0
        self.seen.append(("evaluation", trainer.state.step))

    def end(self, trainer, results):
        self.seen.append(("end", results["steps"]))


def test_each_moment_is_told_once_and_in_order(text):
    witness = Witness()
    train(SHAPES["lstm"], SHORT, "models/a", text=text, say=quiet, callbacks=[witness])
    steps = [("step", step) for step in range(1, 7)]
    told = [("start", 0), ("evaluation", 0), *steps[:3], ("evaluation", 3), *steps[3:], ("evaluation", 6), ("end", 6)]
    assert witness.seen == told
    again = Witness()
    resume(Path("models/a"), budget={"steps": 8}, text=text, say=quiet, callbacks=[again])
    assert again.seen[:2] == [("start", 0), ("step", 7)] and again.seen[-1] == ("end", 8)


def test_who_looks_on_changes_nothing(text):
    for name, callbacks in (("plain", []), ("watched", [Witness()])):
        train(SHAPES["lstm"], SHORT, f"models/{name}", text=text, say=quiet, callbacks=callbacks)
    plain, watched = (janelm.load_run(name).weights for name in ("plain", "watched"))
    assert all((plain[name] == watched[name]).all() for name in plain)


def test_the_guides_callback_sets_a_rate_for_each_weight(text):
    source = next(
        code for code in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL) if "Importance" in code
    )
    names: dict = {"janelm": janelm}
    exec(source.partition("finished =")[0], names)

    class Looked(names["Importance"]):
        rates = ()

        def step(self, trainer):
            super().step(trainer)
            self.rates = [group["peak"] for one in trainer.stepper.optimizers for group in one.param_groups]

    looked = Looked()
    train(SHAPES["lstm"], replace(SHORT, optimizer="adamw"), "models/a", text=text, say=quiet, callbacks=[looked])
    assert len(looked.rates) == len(SHAPES["lstm"].weight_shapes(10)) and len(set(looked.rates)) > 3
    resume(Path("models/a"), budget={"steps": 8}, text=text, say=quiet, callbacks=[names["Importance"]()])


def tracked(name, text):
    said = []
    train(
        SHAPES["lstm"], SHORT, f"models/{name}", text=text, say=quiet, callbacks=[trackers.Tracker(name, said.append)]
    )
    assert said == []


def test_tensorboard_has_all_of_it(text):
    need("tensorboard")
    tracked("tensorboard", text)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator("models/tensorboard/tensorboard")
    events.Reload()
    assert [event.step for event in events.Scalars("validation_bits_per_byte")] == [0, 3, 6]
    assert events.Scalars("final/heldout") and events.Images("losses")
    texts = {tag: b"".join(events.Tensors(tag)[0].tensor_proto.string_val).decode() for tag in events.Tags()["tensors"]}
    assert any("batch_tokens: 128" in one for one in texts.values()) and any(tag.startswith("sample") for tag in texts)


def test_mlflow_has_all_of_it(text, monkeypatch):
    need("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", Path("tracked").resolve().as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    tracked("mlflow", text)
    files = {path.name: path for path in Path("tracked").rglob("*") if path.is_file()}
    assert len(files["validation_bits_per_byte"].read_text().splitlines()) == 3
    assert files["batch_tokens"].read_text() == "128" and files["loss.png"].stat().st_size > 1000
    assert {"0.txt", "3.txt", "6.txt"} <= files.keys()


def test_wandb_has_all_of_it(text, monkeypatch):
    need("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DIR", str(Path.cwd()))
    tracked("wandb", text)
    import wandb

    wandb.teardown()  # its own process writes the file, and has only begun when finish() comes back
    (folder,) = Path("wandb").glob("offline-run-*")
    kept = b"".join(path.read_bytes() for path in folder.rglob("*.wandb"))
    assert b"validation_bits_per_byte" in kept and b"batch_tokens" in kept
    assert list(folder.rglob("losses_*.png")) and list(folder.rglob("sample_*.json"))


def test_trackio_has_all_of_it(text):
    need("trackio")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from test_callbacks import tracked; from small import write_text; tracked('trackio', write_text(300))"
    )
    here = Path(__file__).parent
    env = os.environ | {"TRACKIO_DIR": str(Path.cwd()), "HF_HUB_OFFLINE": "1", "HF_HOME": str(Path.cwd())}
    env["PYTHONPATH"] = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, "-c", code, str(here)], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (database,) = Path.cwd().rglob("janelm*.db")
    with sqlite3.connect(database) as connection:
        kept = [json.loads(row[0]) for row in connection.execute("select metrics from metrics")]
    assert sum("validation_bits_per_byte" in row for row in kept) == 3
    assert any("sample" in row for row in kept) and any("losses" in row for row in kept)


def need(name: str) -> bool:
    """Skip where a library is missing, but not in CI."""
    if importlib.util.find_spec(name) is None and os.environ.get("CI") != "true":
        pytest.skip(f"{name} is not installed")
    return True


@pytest.mark.parametrize("moment", ["__init__", "figures", "sample", "picture", "close"])
def test_a_tracker_that_fails_never_stops_a_training(moment, text, monkeypatch):
    class Broken(trackers.Board):
        def __init__(self, folder, settings): ...

    def fail(*_):
        raise OSError("no network,\n  as ever")

    setattr(Broken, moment, fail)
    monkeypatch.setitem(trackers.BOARDS, "json", Broken)  # a library that is always there
    said = []
    finished = train(
        SHAPES["lstm"], SHORT, "models/a", text=text, say=quiet, callbacks=[trackers.Tracker("json", said.append)]
    )
    assert finished.results["steps"] == 6
    assert said == ["json does not work here (no network, as ever): the training goes on without it"]


def test_a_library_that_is_missing_is_said_before_anything_is_trained(text, monkeypatch, capsys):
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: None)
    Path("book.txt").write_text(text)
    assert main(["train", "--data", "book.txt", "--steps", "1", "--track", "wandb"]) == 2
    assert '--track wandb needs wandb: install it with pip install "janelm[wandb]"' in capsys.readouterr().err
    assert not Path("models").exists()
    with pytest.raises(UsageError, match="there is no tracker 'abacus'"):
        trackers.Tracker("abacus", quiet)
