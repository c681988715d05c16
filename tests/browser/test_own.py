"""Architectures of people's own on the page: the two that docs/ shows, by graphs that torch's exporter traced."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small import random_run, write_text

from janelm.architectures import ARCHITECTURES, load_architecture
from janelm.config import MODEL_CONFIGS
from janelm.config.own import SOURCES
from janelm.engines import TorchEngine
from janelm.export.graphs import export_graph
from janelm.export.precision import quantise

from . import engine_site
from .engine_site import open_engine, python_tokens, sampling, tokens, write, write_engine_site

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium", "npm")]
DOCS = Path(__file__).parents[2] / "docs" / "own-architectures.md"
SHAPES = {"GRU": {"width": 24}, "Looped": {"width": 32, "heads": 2, "layers": 1, "loops": 2}}


@pytest.fixture
def models():
    """A run of random weights of each, and its graph, at full precision and with weights in int8."""
    found = {}
    for (name, shape), source in zip(
        SHAPES.items(), re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL), strict=True
    ):
        Path("mine.py").write_text(source)
        run = random_run(load_architecture(f"mine.py:{name}")(context_length=16, **shape))
        found[name] = run, export_graph(run)
        found[f"{name}-int8"] = run, quantise(found[name][1], "int8-weights")
    yield found
    for kind in list(SOURCES):
        for registry in (MODEL_CONFIGS, ARCHITECTURES, SOURCES):
            del registry[kind]


def test_they_write_on_the_page_what_torch_writes(models, host, browser, monkeypatch):
    monkeypatch.setattr(engine_site, "site_models", lambda: models)
    write_engine_site(host[0] / "own", runtime="onnxruntime")
    page = browser.new_page()
    open_engine(page, f"{host[1]}/own/")
    settings = sampling(temperature=1.1, seed=3)
    prompt = write_text(3)
    for name in SHAPES:
        page.evaluate("name => engine.load(name)", name)
        ours = write(page, name, prompt, 200, settings)
        run = models[name][0]
        assert (tokens(ours), ours["text"]) == python_tokens(run, TorchEngine(run.model), prompt, 200, settings)
        page.evaluate("name => engine.load(name)", f"{name}-int8")
        assert len(tokens(write(page, f"{name}-int8", prompt, 20, settings))) == 20
    page.close()
