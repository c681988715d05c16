"""What goes wrong around a studio: kills, full disks, taken ports, no network."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from small import write_text

from janelm.errors import JaneLMError
from janelm.runs.folder import load_run
from studio.conftest import processes, studio_process, until

TRAIN = ["--minutes", "20", "--preset", "nano", "--evaluations", "500"]


@pytest.fixture
def learning(studio, tmp_path, monkeypatch):
    """A studio in whose folder a training has been saved once, and goes on."""
    monkeypatch.setenv("CXX", "no-such-compiler")  # to compile a step takes longer than all of this
    (tmp_path / "tale.txt").write_text(write_text(800), encoding="utf-8")
    studio.trainings.add({"one": ["--data", str(tmp_path / "tale.txt"), *TRAIN]})
    studio.trainings.look()
    until(lambda: (tmp_path / "models" / "one" / "resume.pt").exists())
    return studio


def test_a_training_that_is_killed_leaves_a_run_that_writes_and_goes_on(learning, tmp_path):
    os.kill(processes(tmp_path)[0], signal.SIGKILL)
    until(lambda: learning.trainings.look() or not learning.store.trainings("running"))
    (run,) = learning.state()["runs"]
    assert run["resumable"] and not run["training"] and not run["finished"] and not learning.trainings.listed()
    assert load_run(tmp_path / "models" / "one")
    learning.trainings.more("one", 1)
    learning.trainings.look()
    until(lambda: learning.state()["runs"][0]["training"])


def test_a_training_that_is_thrown_away_goes_to_the_bin_and_comes_back(learning, tmp_path):
    learning.trainings.stop(1, discard=True)
    until(lambda: learning.trainings.look() or learning.library.binned())
    assert not learning.library.names()
    learning.library.put_back(learning.library.binned()[0])
    assert load_run(tmp_path / "models" / "one")


def small_files() -> None:
    """From here on no file may be larger than a megabyte: a write fails as on a full disk, with another number."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_where_the_disk_takes_no_more_an_upload_is_one_sentence_and_leaves_nothing(tmp_path):
    with (
        studio_process(tmp_path, preexec_fn=small_files) as (address, _),
        httpx.Client(base_url=address, timeout=300) as client,
    ):
        answer = client.put("/studio/texts/tale/large.bin", content=os.urandom(2 << 20))
        assert answer.status_code == 400 and "cannot write" in answer.json()["error"]["message"]
        assert "free some space" in answer.json()["error"]["message"]
        assert not (tmp_path / "studio" / "texts" / "tale").exists()
        assert client.put("/studio/texts/tale/small.txt", content=b"It rained.").status_code == 200
        answer = client.put("/studio/import/large", content=os.urandom(2 << 20))
        assert answer.status_code == 400 and "cannot write" in answer.json()["error"]["message"]
        assert client.get("/studio/state").json()["texts"][0]["bytes"] == 10


def test_a_list_that_cannot_be_written_is_one_sentence_and_the_next_try_finds_room(studio):
    pages = studio.store._run("pragma page_count")[0][0]
    studio.store._run(f"pragma max_page_count = {pages}")
    with pytest.raises(JaneLMError, match=r"full.*free some space"):
        for number in range(1000):
            studio.store.note(f"run{number}", "x" * 1000)
    studio.store._run(f"pragma max_page_count = {10 * pages + 1000}")
    studio.store.note("another", "y")
    assert studio.store.notes()["another"] == "y"


def test_a_port_that_is_taken_is_one_sentence_and_nothing_is_begun(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "janelm", "studio", str(tmp_path), "--port", port, "--no_browser"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "choose another --port" in done.stderr
    assert not (tmp_path / "studio").exists()


def test_without_a_network_a_page_that_was_never_fetched_is_one_sentence(studio_client, tmp_path, monkeypatch):
    monkeypatch.setenv("JANELM_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    answer = studio_client.post("/studio/site", json={"runs": ["lstm"]}, timeout=120)
    assert answer.status_code == 400 and "npm" in answer.json()["error"]["message"]
    assert studio_client.get("/studio/site.zip").status_code == 400
    assert not Path(tmp_path / "studio" / "site").exists()
    asked = {"model": "lstm", "prompt": "The", "max_tokens": 3}
    assert studio_client.post("/v1/completions", json=asked).status_code == 200, "all else needs none"
