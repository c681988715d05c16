"""Several processes give what one gives."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from forked import run_team
from small import press_ctrl_c, write_text

from janelm.architectures.crossentropy import IGNORED
from janelm.cli import main
from janelm.runs import Run
from janelm.training import distributed
from janelm.training.distributed import Team

ROOT = Path(__file__).parents[2]
TINY = "--layers 1 --width 32 --context_length 16 --batch_tokens 128 --evaluations 12 --evaluation_tokens 256"
TINY = [*TINY.split(), "--device", "cpu", "--compile", "off", "--precision", "fp32", "--ema", "0.5"]
TINY += ["--decay", "0", "--warmup_steps", "0"]  # a learning rate that does not depend on the budget, and a low one,
TINY += ["--learning_rate", "0.002", "--matrix_learning_rate", "0.002"]  # because Muon's bf16 makes differences grow


def train(processes: int, *flags: str) -> tuple[str, str]:
    """Several processes, or a training in this very one; all that they wrote to stdout, and to stderr."""
    if processes == 1:
        assert main(["train", *flags]) == 0
        return "", ""
    done = run_team(processes, ROOT / "traineval.py", *flags)
    assert not any(one.returncode for one in done), [one.stderr for one in done]
    return "".join(one.stdout for one in done), "".join(one.stderr for one in done)


def test_two_processes_give_the_losses_of_one_and_resume_goes_on_with_any_number():
    """The documents of a batch are of different lengths, so that the processes have different numbers of tokens."""
    Path("book.txt").write_text(write_text(400))
    flags = ["--data", "book.txt", "--documents", "lines", "--heads", "4", *TINY]
    train(1, *flags, "--steps", "12", "--model_file", "one.pth")
    told, said = train(2, *flags, "--steps", "6", "--model_file", "many.pth")
    for line in ("preset:", "precision:", "training ended after 6 steps", "the run is in"):
        assert said.count(line) == 1, "the first process alone prints"
    assert told.count("bits per byte") == 1
    assert not Path("models/many-1").exists(), "the first process alone writes"
    train(1, "--resume", "--model_file", "many.pth", "--steps", "9")
    train(2, "--resume", "--model_file", "many.pth", "--steps", "12")
    one, many = (Run(Path("models") / name) for name in ("one", "many"))
    assert [row["step"] for row in one.metrics()] == [row["step"] for row in many.metrics()] == list(range(13))
    for name in ("running_loss", "gradient_norm", "validation_loss", "train_loss"):
        ours, theirs = ([row[name] for row in run.metrics()[1:]] for run in (many, one))
        assert ours == pytest.approx(theirs, rel=1e-3)
    for kind in ("weights", "average"):
        ours, theirs = many.resume_state()[kind], one.resume_state()[kind]
        for name, weight in theirs.items():
            assert (ours[name] - weight).norm() < 0.1 * weight.norm(), "Muon works in bf16"


@pytest.mark.parametrize("architecture", ["transformer", "lstm"])
def test_a_model_spread_over_two_processes_gives_the_losses_of_one(architecture):
    """Weights, gradients, optimizer state and moving average, each process with its half of them."""
    Path("book.txt").write_text(write_text(400))
    flags = ["--data", "book.txt", "--architecture", architecture, *TINY]
    train(1, *flags, "--steps", "12", "--model_file", "one.pth")
    told, _ = train(2, *flags, "--steps", "6", "--model_file", "many.pth", "--shard")
    assert told.count("bits per byte") == 1 and not Path("models/many-1").exists()
    train(2, "--resume", "--model_file", "many.pth", "--steps", "9")
    train(1, "--resume", "--model_file", "many.pth", "--steps", "12")
    one, many = (Run(Path("models") / name) for name in ("one", "many"))
    for name in ("running_loss", "gradient_norm", "validation_loss", "train_loss"):
        ours, theirs = ([row[name] for row in run.metrics()[1:]] for run in (many, one))
        assert ours == pytest.approx(theirs, rel=1e-3)
    for kind in ("weights", "average"):
        ours, theirs = many.resume_state()[kind], one.resume_state()[kind]
        assert all(ours[name].shape == weight.shape for name, weight in theirs.items())


def test_ctrl_c_ends_all_processes_of_torchrun_and_saves():
    Path("book.txt").write_text(write_text(400))
    flags = ["--data", "book.txt", *TINY, "--heads", "4", "--steps", "100000", "--evaluations", "20"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    process = subprocess.Popen([*torchrun, str(ROOT / "traineval.py"), *flags], stderr=subprocess.PIPE, text=True)
    errors = press_ctrl_c(process)
    assert errors.count("stopping: evaluating and saving") == 1
    steps = int(re.search(r"training ended after ([\d,]+) steps: it was interrupted", errors)[1].replace(",", ""))
    assert Run(Path("models/model")).resume_state()["training"]["step"] == steps
    train(1, "--resume", "--steps", str(steps + 2))


def test_shares_are_all_rows_once_and_a_process_without_a_row_counts_for_nothing():
    rows = torch.arange(7)[:, None]
    for count, processes in ((7, 3), (2, 3), (1, 2)):
        parts = [Team(rank, processes).share(rows[:count], rows[:count]) for rank in range(processes)]
        assert all(len(inputs) == len(targets) >= 1 for inputs, targets in parts)
        counted = torch.cat([targets for _, targets in parts])
        assert sorted(counted[counted != IGNORED].tolist()) == list(range(count))


def test_processes_wait_for_the_first_as_long_as_it_takes(monkeypatch):
    """torch's own ten or thirty minutes ended the others while the first learned byte pairs of a long text."""
    asked = {}
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(distributed.dist, "is_initialized", lambda: False)
    monkeypatch.setattr(distributed.dist, "get_rank", lambda: 1)
    monkeypatch.setattr(distributed.dist, "init_process_group", lambda backend, **given: asked.update(given))
    distributed.join_team(torch.device("cpu"))
    assert asked["timeout"].total_seconds() >= 24 * 60 * 60
