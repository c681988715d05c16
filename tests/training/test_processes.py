"""Whatever happens to a training's process, its work is kept and its exit code says what happened."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import forked
import pytest
import torch
from small import SHAPES, TRAINING, happening, quiet, write_text

from janelm.cli import main
from janelm.errors import JaneLMError, UsageError
from janelm.machine.files import write_atomically
from janelm.runs import Run
from janelm.training import pipeline
from janelm.training.loop import Trainer
from janelm.training.pipeline import resume, train

ROOT = Path(__file__).parents[2]
TINY = ["--layers", "1", "--width", "32", "--heads", "2", "--context_length", "16", "--batch_tokens", "128"]
TINY += ["--evaluation_tokens", "256"]
TINY += ["--device", "cpu", "--compile", "off", "--precision", "fp32"]


@pytest.fixture
def book() -> list[str]:
    Path("book.txt").write_text(write_text(400))
    return ["--data", "book.txt", *TINY]


@contextmanager
def answered(which: signal.Signals, answer) -> Iterator[None]:
    """What this process does at a signal, until now and from then on otherwise."""
    before = signal.signal(which, answer)
    try:
        yield
    finally:
        signal.signal(which, before)


def sending(monkeypatch, which: signal.Signals) -> None:
    """In the third step of a training its process gets this signal."""
    happening(monkeypatch, 3, lambda trainer: os.kill(os.getpid(), which))


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGHUP])
def test_who_wants_the_process_to_end_is_heard_like_ctrl_c(which, book, monkeypatch, capsys):
    """Schedulers send one and kill soon after, a closed terminal sends the other."""
    sending(monkeypatch, which)
    with answered(which, lambda *_: pytest.fail("it was not heard")):
        assert main(["train", *book, "--steps", "20"]) == 128 + which
    assert "it was interrupted" in capsys.readouterr().err
    assert Run(Path("models/model")).resume_state()["training"]["step"] == 3
    assert Path("models/model.pth").exists()


def test_nohup_stays_nohup(book, monkeypatch):
    sending(monkeypatch, signal.SIGHUP)
    with answered(signal.SIGHUP, signal.SIG_IGN):
        assert main(["train", *book, "--steps", "20"]) == 0
    assert Run(Path("models/model")).read_json("results.json")["steps"] == 20


@pytest.mark.parametrize("lines", [1, 8])
def test_whoever_stops_reading_loses_only_what_they_do_not_read(lines, book):
    """The line after training raised BrokenPipeError: no results, no .pth, and the exit code was 0."""
    flags = [*book, "--steps", "20", "--evaluations", "4"]
    command = [sys.executable, "-u", str(ROOT / "traineval.py"), *flags]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    for _ in range(lines):
        process.stderr.readline()
    process.stderr.close()
    assert process.wait(timeout=300) == 141
    assert Run(Path("models/model")).read_json("results.json")["steps"] == 20
    assert Path("models/model.pth").exists() and Path("models/model-config.pkl").exists()


def test_off_a_terminal_each_evaluation_is_one_line(book):
    done = forked.run(ROOT / "traineval.py", *book, "--steps", "20", "--evaluations", "4")
    lines = [line for line in done.stderr.splitlines() if line.startswith("step ")]
    assert len(lines) == 5 and all("bits per byte" in line for line in lines) and "left" in lines[2]
    assert "\r" not in done.stderr


def test_in_a_notebook_there_is_a_bar(monkeypatch, capsys, text):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    train(SHAPES["lstm"], TRAINING, "run", text=text, say=quiet)
    assert "tokens/s" in capsys.readouterr().err


def test_two_trainings_of_one_name_do_not_mix(book):
    """Weights of one and the config of the other: what came out could not be written with, and both answered 0."""
    first = forked.Forked(ROOT / "traineval.py", *book, "--steps", "1000000", "--evaluations", "2")
    while not Path("models/model/samples.txt").exists():
        assert first.process.is_alive()
        time.sleep(0.05)
    for flags in ([*book, "--steps", "5"], ["--resume", "--steps", "5"]):
        second = forked.run(ROOT / "traineval.py", *flags)
        assert second.returncode == 2 and "another process is writing models/model just now" in second.stderr
    first.process.kill()  # the lock dies with it
    first.process.join()
    assert main(["train", *book, "--steps", "5"]) == 0
    assert sorted(path.name for path in Path("models").iterdir() if path.is_dir()) == ["model", "model-1"]


def test_what_a_killed_process_was_writing_is_gone_after_the_next_start(book):
    assert main(["train", *book, "--steps", "5"]) == 0
    folder = Path("models/model")
    strays = [folder / ".best.safetensors.abc.part.safetensors", folder / ".metrics.csv.x1.part.csv"]
    for stray in strays:
        stray.write_bytes(b"half")
    assert main(["train", "--resume", "--steps", "8"]) == 0
    assert not any(path.name.startswith(".") for path in folder.iterdir())


def test_what_a_process_left_that_was_killed_before_its_first_step_is_gone_after_the_next_start(book):
    """There is nothing to resume then: the next start gives the folder another name."""
    folder = Path("models/model")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / ".tokenizer.json.abc.part.json").write_bytes(b"half")
    assert main(["train", *book, "--steps", "5"]) == 0
    assert [path.name for path in Path("models/model-1").iterdir()] == ["config.json"]


def test_a_file_that_is_being_written_is_no_stray():
    def content(path: Path) -> None:
        path.write_text("whole")
        write_atomically(Path("file.txt"), "another")

    write_atomically(Path("file.txt"), content)
    assert Path("file.txt").read_text() == "whole" and [path.name for path in Path().iterdir()] == ["file.txt"]


def failing(monkeypatch, at_step: int) -> None:
    def fail(trainer: Trainer) -> None:
        raise JaneLMError("the gradient is nan")

    happening(monkeypatch, at_step, fail)


def test_a_training_that_learned_nothing_hides_no_earlier_run(text, monkeypatch):
    """The earlier run had a number, and inference.py wrote gibberish with start weights."""
    train(SHAPES["lstm"], TRAINING, Path("model"), text=text, say=quiet)
    before = Run(Path("model")).best_weights()
    failing(monkeypatch, 1)
    with pytest.raises(
        JaneLMError, match=r"nan; it had learned nothing yet, .* in model-failed-1, and the earlier model"
    ):
        train(SHAPES["lstm"], TRAINING, Path("model"), text=text, say=quiet)
    assert all((Run(Path("model")).best_weights()[name] == weight).all() for name, weight in before.items())
    assert Path("model-failed-1/config.json").exists() and not Path("model-1").exists()


def test_a_training_that_fails_later_keeps_what_it_learned(text, monkeypatch):
    with monkeypatch.context() as patch:
        failing(patch, 20)
        with pytest.raises(JaneLMError, match="nan; the best weights so far are in model"):
            train(SHAPES["lstm"], TRAINING, Path("model"), text=text, say=quiet)
    Run(Path("model")).load()
    assert resume(Path("model"), text=text, say=quiet).results["steps"] == 24


def test_resume_names_each_flag_that_does_not_apply(book, capsys):
    """All were accepted and ignored."""
    assert main(["train", *book, "--steps", "5"]) == 0
    flags = [
        "--learning_rate",
        "0.5",
        "--dropout=0.3",
        "--layers",
        "1",
        "--tokenization",
        "tiktoken",
        "--patience",
        "9",
    ]
    assert main(["train", "--resume", "--steps", "8", *flags]) == 2
    told = capsys.readouterr().err
    for part in (
        "--learning_rate 0.5 (the run has 0.01)",
        "--dropout 0.3 (the run has 0.0)",
        "--tokenization tiktoken",
    ):
        assert part in told
    assert "--layers" not in told and "--patience" not in told
    assert Run(Path("models/model")).read_json("results.json")["steps"] == 5


def test_resume_takes_the_whole_first_command_again(book):
    assert main(["train", *book, "--steps", "5"]) == 0
    assert main(["train", *book, "--steps", "8", "--resume"]) == 0
    assert Run(Path("models/model")).read_json("results.json")["steps"] == 8


def test_resume_takes_a_larger_patience(book):
    """What early stopping had ended ended at once again, whatever --patience said."""
    flags = ["--steps", "100", "--evaluations", "25", "--patience", "1", "--learning_rate", "3"]
    assert main(["train", *book, *flags]) == 0
    run = Run(Path("models/model"))
    first = run.read_json("results.json")
    assert "has not improved in 1" in first["ended"] and first["steps"] < 100
    assert main(["train", "--resume", "--patience", "1000", "--evaluations", "10"]) == 0
    assert run.read_json("results.json")["steps"] == 100 and run.config().training.patience == 1000


def test_a_run_whose_text_and_machine_have_changed_goes_on(book, capsys):
    assert main(["train", *book, "--steps", "5"]) == 0
    Path("elsewhere").mkdir()
    Path("book.txt").rename("elsewhere/book.txt")
    Path("models/model").rename("models/moved")
    config = Path("models/moved/config.json")
    values = json.loads(config.read_text())
    values["training"]["device"] = "cuda"
    config.write_text(json.dumps(values))
    moved, here = ["--model_file", "moved.pth"], ["--data", "elsewhere/book.txt"]
    assert main(["train", "--resume", *moved, "--device", "cpu"]) == 1
    assert "say where it is now with --data" in capsys.readouterr().err
    Path("other.txt").write_text("Quite another text, and long enough to be one. " * 200)
    assert main(["train", "--resume", *moved, "--device", "cpu", "--data", "other.txt"]) == 1
    assert "is not the one that" in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert main(["train", "--resume", *moved, *here]) == 2
        assert "--device" in capsys.readouterr().err
    assert main(["train", "--resume", *moved, *here, "--device", "cpu", "--steps", "8"]) == 0
    assert Run(Path("models/moved")).config().data.data == ("elsewhere/book.txt",)
    Path("elsewhere/book.txt").rename("book2.txt")
    assert main(["score", "--heldout", "--run", "moved"]) == 1
    assert main(["score", "--heldout", "--run", "moved", "--data", "book2.txt"]) == 0
    assert main(["overlap", "book2.txt", "--run", "moved", "--data", "book2.txt"]) == 0


def test_twenty_trainings_in_one_process_leave_nothing_behind(text):
    """Locks, handlers of signals and threads end with each."""
    handles = Path("/proc/self/fd")
    for number in range(3):
        train(SHAPES["lstm"], replace(TRAINING, steps=2, evaluations=1), "run", text=text, say=quiet)
        if number == 0:
            before = len(list(handles.iterdir()))
    assert len(list(handles.iterdir())) == before
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_lock_that_is_refused_is_a_usage_error(text, monkeypatch):
    with pipeline.FolderLock(Path("run"), "wait") as lock:
        lock.take()
        with pytest.raises(UsageError, match="another process is writing run just now"):
            train(SHAPES["lstm"], TRAINING, Path("run"), text=text, say=quiet)
