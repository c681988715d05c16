"""Trainings that outlive their studio, and runs that are kept, thrown away and taken along."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest
from small import write_text

from janelm.errors import JaneLMError, UsageError
from janelm.runs.folder import load_run
from janelm.studio import library
from studio.conftest import until


@pytest.fixture
def text(tmp_path) -> Path:
    path = tmp_path / "tale.txt"
    path.write_text(write_text(1500), encoding="utf-8")
    return path


def words(text: Path, minutes: float) -> list[str]:
    return ["--data", str(text), "--minutes", f"{minutes:g}", "--preset", "nano", "--evaluations", "200"]


def test_killed_studio_training_goes_on_and_is_found_stopped_and_gone_on_with(studio, tmp_path, text, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")  # to compile a step takes longer than all of this

    def start():
        command = [sys.executable, "-m", "janelm", "studio", str(tmp_path), "--port", "0", "--no_browser"]
        serving = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        return serving, httpx.Client(base_url=serving.stdout.readline().strip(), timeout=60)

    serving, client = start()
    assert client.put("/studio/texts/tale/tale.txt", content=text.read_bytes()).status_code == 200
    asked = {"name": "first", "text": "tale", "minutes": 2}
    assert client.post("/studio/trainings", json=asked).status_code == 200
    assert client.post("/studio/trainings", json=asked).status_code == 400, "a second one of the same name"
    until(lambda: (tmp_path / "models" / "first" / "resume.pt").exists())
    serving.kill()
    serving.communicate()

    serving, client = start()
    state = client.get("/studio/state").json()
    assert [one["state"] for one in state["trainings"]] == ["running"] and state["runs"][0]["training"]
    number = state["trainings"][0]["id"]
    assert client.delete("/studio/runs/first").status_code == 400, "it is being trained"
    assert client.post(f"/studio/trainings/{number}/stop", json={}).status_code == 200
    until(lambda: client.get("/studio/state").json()["runs"][0]["finished"])
    until(lambda: not client.get("/studio/state").json()["trainings"])

    client.post("/studio/runs/first/more", json={"minutes": 3})
    until(lambda: client.get("/studio/state").json()["runs"][0]["training"])
    with sqlite3.connect(tmp_path / "studio" / "studio.db") as file:
        process = file.execute("select process from trainings where state = 'running'").fetchone()[0]
    os.kill(process, signal.SIGKILL)
    serving.kill()  # and the studio at the same time
    serving.communicate()

    serving, client = start()
    until(lambda: not client.get("/studio/state").json()["trainings"])
    run = client.get("/studio/state").json()["runs"][0]
    assert not run["training"] and run["resumable"] and load_run(tmp_path / "models" / "first")
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(30) in (0, -signal.SIGTERM)
    serving.communicate()


def test_a_training_from_a_terminal_is_seen_and_left_alone(studio, text, tmp_path):
    command = [sys.executable, "-m", "janelm", "train", *words(text, 20), "--model_file", "mine.pth"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as training:
        until(lambda: (tmp_path / "models" / "mine" / "metrics.csv").exists())
        assert studio.state()["runs"][0]["training"]
        with pytest.raises(UsageError, match="being trained just now"):
            studio.library.rename("mine", "other")
        with pytest.raises(UsageError, match="from a terminal"):
            studio.trainings.more("mine", 1)
        training.kill()
    until(lambda: not studio.state()["runs"][0]["training"])


def test_one_at_a_time_and_those_that_race_side_by_side(studio, text):
    studio.trainings.add({"alone": words(text, 20)})
    studio.trainings.add({"left": words(text, 20), "right": words(text, 20)})
    studio.trainings.look()
    assert [one["state"] for one in studio.trainings.listed()] == ["running", "waiting", "waiting"]
    studio.trainings.stop(1, discard=True)
    until(lambda: studio.trainings.look() or [one.state for one in studio.store.trainings()].count("running") == 2)
    assert [one["name"] for one in studio.trainings.listed()] == ["left", "right"]
    for number in (2, 3):
        studio.trainings.stop(number, discard=True)


def test_several_processes_train_one_model_and_end_when_they_are_told(studio, text, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    studio.trainings.add({"team": words(text, 2)}, processes=2)
    studio.trainings.look()
    until(lambda: (studio.root / "models" / "team" / "resume.pt").exists(), seconds=240)
    (one,) = studio.store.trainings("running")
    assert one.arguments[:2] == ["torchrun", "2"]
    studio.trainings.stop(one.id)
    until(lambda: studio.trainings.look() or not studio.store.trainings("running"))
    assert not studio.trainings.listed(), "it did not fail: it was told to end"
    assert load_run(studio.root / "models" / "team").config.model.kind == "transformer"
    assert studio.library.find("team").results()["steps"] > 0


def test_a_training_that_fails_says_why(studio, tmp_path):
    studio.trainings.add({"none": words(tmp_path / "nothing.txt", 1)})
    studio.trainings.look()
    until(lambda: studio.trainings.look() or studio.trainings.listed()[0]["state"] == "ended")
    assert "nothing.txt" in studio.trainings.listed()[0]["said"]


def test_the_bin_gives_back_what_it_was_given(kept):
    place = kept.library.discard("lstm")
    assert kept.library.names() == ["transformer"] and kept.library.binned() == [place]
    kept.library.put_back(place)
    assert set(kept.library.names()) == {"transformer", "lstm"} and not kept.library.binned()
    with pytest.raises(JaneLMError, match="has no"):
        kept.library.put_back("../models")


def test_a_run_goes_through_a_zip_and_writes_the_same(kept, tmp_path):
    kept.library.zipped("lstm", tmp_path / "run.zip")
    kept.library.unzipped(tmp_path / "run.zip", "again")
    first, second = (kept.library.find(name).load().weights for name in ("lstm", "again"))
    assert all((first[name] == second[name]).all() for name in first)
    with pytest.raises(UsageError, match="already"):
        kept.library.unzipped(tmp_path / "run.zip", "again")


def _zip(path: Path, entries: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr, entry.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return path


@pytest.mark.parametrize(
    "trick",
    [
        "a path upwards",
        "an absolute path",
        "another file",
        "a link",
        "twice",
        "a bomb",
        "no zip",
        "no weights",
        "damaged",
    ],
)
def test_a_zip_with_a_trick_is_refused_and_leaves_nothing(kept, tmp_path, monkeypatch, trick):
    monkeypatch.setattr(library, "MOST_BYTES", 1 << 20)
    good = {f"x/{name}": (kept.library.find("lstm").folder / name).read_bytes() for name in library.NEEDED}
    path, mode = tmp_path / "bad.zip", 0
    entries = {
        "a path upwards": {**good, "../../evil.json": b"{}"},
        "an absolute path": {**good, "/tmp/config.json": b"{}"},
        "another file": {**good, "x/run.py": b"print()"},
        "a link": {**good, "x/README.md": b"/etc/passwd"},
        "twice": {**good, "config.json": b"{}"},
        "a bomb": {**good, "x/README.md": b"0" * (8 << 20)},
        "no weights": {name: content for name, content in good.items() if "safetensors" not in name},
        "damaged": {**good, "x/best.safetensors": b"\xff" * 100},
    }.get(trick)
    if trick == "a link":
        mode = stat.S_IFLNK | 0o777
    if entries is None:
        path.write_bytes(b"PK\x03\x04 and no more")
    else:
        _zip(path, entries, mode)
    if trick == "a link":  # what it points to is not followed: the file holds the name
        kept.library.unzipped(path, "new")
        assert (tmp_path / "models" / "new" / "README.md").read_bytes() == b"/etc/passwd"
        assert not (tmp_path / "models" / "new" / "README.md").is_symlink()
        return
    with pytest.raises(JaneLMError):
        kept.library.unzipped(path, "new")
    assert set(os.listdir(tmp_path / "models")) == {"transformer", "lstm"} and not list(tmp_path.glob("**/evil*"))


PATHS = {
    "PUT /studio/texts/..%2F..%2Fmodels/x.txt": 404,
    "PUT /studio/texts/..%2Fmodels/x.txt": 404,
    "PUT /studio/texts/.hidden/x.txt": 400,
    "PUT /studio/texts/tale/..%5Cx.txt": 400,
    "PUT /studio/texts/tale/.bashrc": 400,
    "GET /own/..%2F..%2Fcli.py": 404,
    "GET /own/../../cli.py": 404,
    "GET /house/": 404,
    "GET /preview/..%2Fstudio.db": 404,
    "GET /studio/runs/..%2Fstudio": 404,
    "GET /studio/zip/..": 404,
    "POST /studio/bin/..": 404,
    "DELETE /studio/runs/nothing": 400,
    "PUT /studio/import/lstm": 400,
}


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_its_folder(studio_client, path, tmp_path):
    method, place = path.split()
    answer = studio_client.request(method, place, content=b"x" if method == "PUT" else None)
    assert answer.status_code == PATHS[path], answer.text
    assert not list(tmp_path.glob("**/x.txt")) and not list(tmp_path.glob("**/*.part*"))


def test_the_table_renames_notes_and_writes_with_the_new_name(studio_client):
    assert studio_client.post("/studio/runs/lstm", json={"name": "renamed", "note": "<b>good</b>"}).status_code == 200
    rows = {row["name"]: row for row in studio_client.get("/studio/state").json()["runs"]}
    assert set(rows) == {"transformer", "renamed"} and rows["renamed"]["note"] == "<b>good</b>"
    asked = {"model": "renamed", "prompt": "The", "max_tokens": 5}
    assert studio_client.post("/v1/completions", json=asked).json()["usage"]["completion_tokens"] == 5
    assert studio_client.post("/v1/completions", json=asked | {"model": "lstm"}).status_code == 404
    found = studio_client.get("/studio/compare?runs=transformer,renamed").json()
    assert found["settings"]["model.kind"] == ["transformer", "lstm"] and found["unfair"]


def test_a_run_is_taken_along_and_in_again_by_the_page(studio_client):
    taken = studio_client.get("/studio/zip/lstm")
    assert taken.headers["content-disposition"].endswith('"lstm.zip"')
    assert studio_client.put("/studio/import/again", content=taken.content).status_code == 200
    rows = studio_client.get("/studio/state").json()["runs"]
    assert {row["name"] for row in rows} == {"transformer", "lstm", "again"}
    answer = studio_client.get("/studio/zip/nothing")
    assert answer.status_code == 400 and "no run called" in answer.json()["error"]["message"]


def test_an_upload_that_breaks_off_leaves_nothing(studio_client, tmp_path):
    def parts():
        yield b"x" * 1000
        raise RuntimeError("the cable")

    with pytest.raises(RuntimeError, match="cable"):
        studio_client.put("/studio/texts/tale/big.txt", content=parts())
    until(lambda: not (tmp_path / "studio" / "texts" / "tale").exists(), 20)


def test_a_large_file_arrives_whole(studio_client, tmp_path):
    content = os.urandom(1 << 20)
    answer = studio_client.put("/studio/texts/tale/big.bin", content=(content for _ in range(20)))
    assert answer.json() == {"bytes": 20 << 20}
    assert (tmp_path / "studio" / "texts" / "tale" / "big.bin").read_bytes() == 20 * content
