"""Words as tokens on the page."""

from __future__ import annotations

import pytest
from small import SHAPES, random_run, write_text

from janelm.config import WordTokenizerConfig
from janelm.engines import OnnxEngine
from janelm.export.graphs import export_graph

from . import engine_site
from .engine_site import open_engine, python_tokens, sampling, tokens, write, write_engine_site

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium", "npm")]


@pytest.mark.parametrize("documents", [False, True])
def test_the_page_writes_what_python_writes(host, context, monkeypatch, documents):
    run = random_run(SHAPES["lstm"], WordTokenizerConfig(vocab_size=290), documents)
    graph = export_graph(run)
    monkeypatch.setattr(engine_site, "site_models", lambda: {"words": (run, graph)})
    name = f"words-{documents}"
    write_engine_site(host[0] / name)
    page = context.new_page()
    open_engine(page, f"{host[1]}/{name}/")
    page.evaluate("engine.load('words')")
    settings, prompt = sampling(temperature=1.1, seed=3), write_text(2) + "naïve 漢"
    ours = write(page, "words", prompt, 200, settings)
    assert (tokens(ours), ours["text"]) == python_tokens(run, OnnxEngine(graph, threads=1), prompt, 200, settings)
