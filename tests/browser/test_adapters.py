"""Adapters on the page: their base is fetched once, and what they write is what Python computes of the same files."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect
from small import SHAPES, TRAINING, quiet, write_text

from browser.engine_site import open_engine, python_tokens, sampling, tokens, write
from janelm.config import CharacterTokenizerConfig, DataConfig
from janelm.engines import NativeEngine
from janelm.engines.native_engine import PRECISIONS
from janelm.runs import Run
from janelm.site import models
from janelm.site.adapters import apart, as_read
from janelm.site.folder import STEPS, SiteOptions, write_site
from janelm.training.pipeline import train

pytestmark = pytest.mark.needs("chromium", "npm")
KINDS = pytest.mark.parametrize("kind", STEPS)
SITE = SiteOptions("fp32", read="none")
SHORT = replace(TRAINING, steps=8, evaluations=2, adapter=2, decay=0.0, learning_rate=0.01)


@pytest.fixture(autouse=True)
def short_examples(monkeypatch):
    monkeypatch.setattr(models, "EXAMPLE_CHARACTERS", 20)


@pytest.fixture(scope="module")
def family(made_once):
    """Of each kind a base, two adapters for it, and one for the first of them, by name."""

    def make(folder: Path, kind: str) -> None:
        (folder / "old.txt").write_text(write_text(400))
        old, characters = folder / "base", CharacterTokenizerConfig()
        train(SHAPES[kind], TRAINING, old, data=DataConfig((str(folder / "old.txt"),)), tokenizer=characters, say=quiet)
        for seed, (name, below) in enumerate((("first", "base"), ("second", "base"), ("third", "first")), 1):
            text = folder / f"{name}.txt"
            text.write_text(write_text(400, seed=seed).replace("the lamp", f"{name[:2]} lamp and {name[:2]} lamp"))
            settings = replace(SHORT, ancestor=str(folder / below))
            train(SHAPES[kind], settings, folder / name, data=DataConfig((str(text),)), tokenizer=characters, say=quiet)

    def of(kind: str) -> dict[str, Run]:
        folder = made_once(f"adapters of {kind} for the page", lambda place: make(place, kind))
        return {name: Run(folder / name) for name in ("base", "first", "second", "third")}

    return of


def computed(run: Run, precision: str):
    base, pairs = apart(run)
    return as_read(base.load(), run.load(), pairs, precision)


@KINDS
@pytest.mark.parametrize("precision", [*PRECISIONS, "fp16"])
def test_adapters_share_their_base_and_write_what_python_computes(family, kind, precision, host, context):
    runs = family(kind)
    place = host[0] / "adapters" / f"{kind}-{precision}"
    write_site([runs[name] for name in ("first", "second", "third")], place, replace(SITE, precision=precision))
    listed = {entry["name"]: entry for entry in json.loads((place / "manifest.json").read_text())["models"]}
    assert len({entry["file"] for entry in listed.values()}) == 1
    page, fetched = context.new_page(), []
    page.on("request", lambda request: fetched.append(request.url.rsplit("/", 1)[-1]))
    open_engine(page, f"{host[1]}/adapters/{kind}-{precision}/")
    settings = sampling(seed=3)
    page.evaluate("async () => Promise.all(manifest.models.map(({ name }) => engine.load(name)))")
    for name, entry in listed.items():
        written = tokens(write(page, name, "The", 300, settings))
        twin = computed(runs[name], precision)
        assert written == python_tokens(twin, NativeEngine(twin), "The", 300, settings)[0], name
        assert entry["adapter"]["bytes"] == (place / entry["adapter"]["file"]).stat().st_size
    files = [name for name in fetched if name.endswith(".onnx")]
    assert len(files) == len(set(files)) == 4  # the base once, and three adapters
    shutil.rmtree(place)


def test_the_page_computes_a_base_as_rounded_and_the_rest_exactly(family):
    runs = family("transformer")
    exact, rounded = runs["third"].load().weights, computed(runs["third"], "int6-weights").weights
    base, small = runs["base"].load().weights, computed(runs["first"], "fp32").weights
    for name, weight in exact.items():
        # of an adapter for an adapter, the page adds the sum of both: another order, other last bits
        np.testing.assert_allclose(computed(runs["third"], "fp32").weights[name], weight, atol=1e-6)
        assert np.abs(rounded[name] - weight).max() <= np.abs(base[name]).max() / 24
        np.testing.assert_array_equal(small[name], runs["first"].load().weights[name])


def test_onnx_runtime_has_each_adapter_as_a_model_of_its_own(family, host):
    runs = family("lstm")
    place = host[0] / "adapters" / "whole"
    write_site([runs["first"], runs["base"]], place, replace(SITE, runtime="onnxruntime"))
    listed = json.loads((place / "manifest.json").read_text())["models"]
    assert len({entry["file"] for entry in listed}) == 2 and not any("adapter" in entry for entry in listed)


def test_an_adapter_for_another_model_is_refused_on_the_page(family, host, context):
    runs = family("lstm")
    place = host[0] / "adapters" / "mixed"
    write_site([runs["first"]], place, SITE)
    other = host[0] / "adapters" / "other"
    write_site([family("transformer")["first"]], other, SITE)
    listed = json.loads((place / "manifest.json").read_text())
    theirs = json.loads((other / "manifest.json").read_text())["models"][0]["adapter"]
    shutil.copy(other / theirs["file"], place / theirs["file"])
    listed["models"][0]["adapter"] = theirs
    (place / "manifest.json").write_text(json.dumps(listed))
    page = context.new_page()
    open_engine(page, f"{host[1]}/adapters/mixed/")
    failed = page.evaluate("fails(engine.load('first'))")
    assert failed["kind"] == "corrupted" and "is of another model" in failed["message"]


def test_the_page_names_the_model_that_one_goes_on_from(family, host, page):
    runs = family("lstm")
    for name, told, shown in (
        ("both", "first goes on from another model", [runs["base"], runs["first"]]),
        ("one", "The language model of this page was trained with JaneLM", [runs["third"]]),
        ("none", "was trained from scratch", [runs["base"]]),
    ):
        write_site(shown, host[0] / "adapters" / name, SITE)
        page.goto(f"{host[1]}/adapters/{name}/")
        page.get_by_role("tab", name="About").click()
        about = page.get_by_role("tabpanel")
        expect(about).to_contain_text(told, timeout=30_000)
        if name != "none":
            expect(about).not_to_contain_text("from scratch")
            expect(about).to_contain_text("which learned from")
            expect(about).to_contain_text("that are added to a model")
    listed = (host[0] / "adapters" / "one" / "manifest.json").read_text()
    assert str(runs["base"].folder) not in listed
