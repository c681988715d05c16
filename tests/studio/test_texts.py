"""Texts that people bring: sent piece by piece, seen before and after cleaning, and read so by trainings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from janelm.config import DataConfig
from janelm.errors import JaneLMError, UsageError
from janelm.studio.app import Studio
from janelm.studio.wishes import Cleaning, TrainingWish, data_flags, flags
from janelm.training.forecast import reached

TALE = "CHAPTER 1\n\nThe “old” lamp. Write to me@example.com.\n\nCHAPTER 2\n\nIt rained on the miller.\n\n" * 60


@pytest.fixture
def studio(tmp_path):
    made = Studio(tmp_path)
    folder = tmp_path / "studio" / "texts" / "tale"
    folder.mkdir(parents=True)
    (folder / "tale.txt").write_text(TALE, encoding="utf-8")
    yield made
    made.store.close()


def asked_for(studio) -> list[list[str]]:
    return [one.arguments for one in studio.store.trainings()]


def test_cleaning_is_seen_before_and_after_and_changes_no_file(studio, tmp_path):
    wanted = Cleaning(drop_headings=True, blank_out=["email"])
    seen = studio.look("tale", wanted, None)
    assert ["CHAPTER 1", ""] in seen["changes"] and any("[email]" in after for _, after in seen["changes"])
    assert "changes" not in studio.look("tale", None, None) and studio.state()["texts"][0]["cleaning"] == {}
    studio.keep("tale", wanted)
    assert studio.look("tale", None, None)["characters"] == seen["characters"] < len(TALE)
    assert (tmp_path / "studio" / "texts" / "tale" / "tale.txt").read_text(encoding="utf-8") == TALE
    with pytest.raises(JaneLMError, match="no text called"):
        studio.keep("none", wanted)
    studio.remove("tale")
    assert studio.store.cleaning() == {}


def test_a_training_reads_its_text_as_it_is_cleaned_and_races_are_two(studio):
    studio.keep("tale", Cleaning(unwrap=True, after="--resume"))
    studio.train(TrainingWish(name="race", text="tale", architectures=["transformer", "lstm"], minutes=3))
    for words, kind in zip(asked_for(studio), ("transformer", "lstm"), strict=True):
        assert {"--unwrap", "--after=--resume", f"--architecture={kind}", "--minutes=3"} <= set(words)
        assert words[-1] == f"race-{kind}.pth"


def test_a_training_starts_from_a_run_or_from_a_model_that_comes_along(studio, trained, tmp_path):
    (tmp_path / "models").symlink_to(trained)
    for name, ancestor in (("one", "lstm"), ("two", "janelm/transformer")):
        studio.train(TrainingWish(name=name, text="tale", architectures=["lstm"], ancestor=ancestor, keep=0.2))
    for words in asked_for(studio):
        assert "--keep=0.2" in words and not any(word.startswith("--architecture") for word in words)
        (started,) = [word.removeprefix("--from=") for word in words if word.startswith("--from=")]
        assert (Path(started) / "best.safetensors").exists()
    for other in ("nothing", "../models", "janelm/../../x"):
        with pytest.raises(JaneLMError, match="no run called"):
            studio.train(TrainingWish(name="three", text="tale", ancestor=other))


def test_what_it_will_reach_is_estimated_from_measured_budgets(studio):
    training = studio.look("tale", None, 5)["training"]
    assert training["tokens_per_second"] > 0 and training["reached"] == reached(5) != {}


def test_settings_become_the_flags_that_the_command_reads_again():
    config = DataConfig(data=("a.txt",), unwrap=True, replies=False, author=("me",), after="--x")
    assert sorted(data_flags(config)) == sorted(
        ["--data", "a.txt", "--unwrap", "--no_replies", "--author", "me", "--after=--x"]
    )
    assert data_flags(DataConfig()) == ["--data", "austen"]
    with pytest.raises(UsageError, match="hyphen"):
        flags({"data": ("--write=/etc/passwd",)})


def test_what_a_loss_means_is_measured_on_the_text_of_a_run(studio, trained, tmp_path, monkeypatch):
    (tmp_path / "models").symlink_to(trained)
    assert studio.yardsticks("lstm") == [], "its text was given from Python"
    (tmp_path / "tale.txt").write_text(TALE)
    monkeypatch.setattr(studio.library, "find", lambda name: _Reads(DataConfig(data=("tale.txt",))))
    assert {name for name, _ in studio.yardsticks("any")} >= {"gzip", "frequencies of letters"}


class _Reads:
    """A run, as far as what it reads."""

    def __init__(self, data):
        self.data = data

    def config(self):
        return self


def resident(process: int) -> int:
    """In bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) << 10


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_a_large_upload_does_not_fill_memory(tmp_path):
    """tests/campaigns/questions.py does it with a gigabyte."""
    command = [sys.executable, "-m", "janelm", "studio", str(tmp_path), "--port", "0", "--no_browser"]
    serving = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    part, most = bytes(range(256)) * 4096, []

    def parts():
        for _ in range(96):
            yield part
            most.append(resident(serving.pid))

    try:
        address = serving.stdout.readline().strip()
        httpx.put(f"{address}studio/texts/tale/small.bin", content=part, timeout=60)
        before = resident(serving.pid)
        answer = httpx.put(f"{address}studio/texts/tale/large.bin", content=parts(), timeout=300)
        assert answer.json() == {"bytes": 96 << 20} and max(most) - before < 16 << 20
    finally:
        serving.kill()
        serving.communicate()
