"""Adapters in the server: several of one base, each by its own name, and taken along whole."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from small import SHAPES, TRAINING, quiet, write_text

from janelm import SamplingConfig, generate, load_run
from janelm.runs import Run
from janelm.studio import server
from janelm.studio.library import Library
from janelm.studio.pages import Page
from janelm.training.pipeline import train

from .conftest import running

NAMES = ("transformer", "seas", "hills")


@pytest.fixture
def family(trained, tmp_path):
    """A base and two adapters for it."""
    base = tmp_path / "models" / "transformer"
    shutil.copytree(trained / "transformer", base)
    settings = replace(TRAINING, steps=8, evaluations=2, ancestor=str(base), adapter=2, decay=0.0, learning_rate=0.01)
    for seed, name in enumerate(NAMES[1:], 1):
        text = write_text(900, seed=seed).replace("the lamp", name)
        train(SHAPES["transformer"], settings, base.parent / name, text=text, say=quiet)
    return base.parent


def test_one_server_writes_as_a_base_and_as_each_of_its_adapters(family):
    shelf, names = server.shelf_of(tuple(str(family / name) for name in NAMES), engine="torch")
    written = []
    with running(server.guarded(server.api_app(shelf, lambda: names), server.Place())) as client:
        for name in NAMES:
            asked = {"model": name, "prompt": "The", "max_tokens": 40, "seed": 7, "temperature": 0.8}
            told = client.post("/v1/completions", json=asked).json()["choices"][0]["text"]
            assert told == "".join(
                generate(load_run(family / name), "The", 40, SamplingConfig(seed=7, temperature=0.8))
            )
            written.append(told)
    assert len(set(written)) == 3


def test_an_adapter_that_was_trained_again_is_read_anew(family):
    shelf, _ = server.shelf_of((str(family / "seas"),), engine="torch")
    before = shelf.get("seas")
    assert shelf.get("seas") is before
    shutil.copy(family / "hills" / "adapter.safetensors", family / "seas" / "adapter.safetensors")
    assert shelf.get("seas") is not before
    shelf.close()


def test_a_zip_of_an_adapter_needs_its_base_no_more(family, tmp_path):
    Library(family, tmp_path / "bin").zipped("seas", tmp_path / "seas.zip")
    expected = Run(family / "seas").load().weights
    shutil.rmtree(family / "transformer")
    Library(family, tmp_path / "bin").unzipped(tmp_path / "seas.zip", "far")
    found = Run(family / "far").load().weights
    assert all((found[name] == weight).all() for name, weight in expected.items())


def test_the_rooms_of_an_adapter_are_made_once(family, tmp_path):
    """They were made anew at each opening, for an adapter has no weights of its own."""
    page = Page(tmp_path / "rooms", Library(family, tmp_path / "bin"))
    page.open(["transformer", "seas"])
    made = (page.folder / "manifest.json").stat().st_mtime_ns
    page.open(["transformer", "seas"])
    assert (page.folder / "manifest.json").stat().st_mtime_ns == made
    shutil.copy(family / "hills" / "adapter.safetensors", family / "seas" / "adapter.safetensors")
    page.open(["transformer", "seas"])
    assert (page.folder / "manifest.json").stat().st_mtime_ns > made
