"""A page with a small GPT-2: it writes what Python writes, far past its last position, and shows where it looks."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from small import quiet, write_text

from browser.conftest import TRAINING, _paragraphs
from browser.desk import Desk, fragment
from janelm.config import GPT2Config, SamplingConfig, TiktokenTokenizerConfig
from janelm.engines import TorchEngine
from janelm.runs import Run
from janelm.site.folder import SiteOptions, write_site
from janelm.training.pipeline import train
from janelm.writing.generation import generate

CONTEXT = 32


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    shape = GPT2Config(context_length=CONTEXT, layers=2, width=32, heads=4)
    folder, tokenizer = tmp_path_factory.mktemp("runs") / "gpt2", TiktokenTokenizerConfig(vocab_size=320)
    return train(shape, TRAINING, folder, text=_paragraphs(write_text(1500)), tokenizer=tokenizer, say=quiet).run


@pytest.fixture(scope="module")
def address(run: Run, host: tuple[Path, str]) -> str:
    write_site([run], host[0] / "some" / "gpt2", SiteOptions("fp32"))
    return f"{host[1]}/some/gpt2/"


def test_it_writes_what_python_writes_far_past_its_last_position(page: Page, address, run):
    link = fragment(prompt="The miller", seed=7, temperature=0.8, num_tokens=5 * CONTEXT)
    desk, loaded = Desk(page).open(address, link), run.load()
    sampling = SamplingConfig(temperature=0.8, seed=7)
    pieces = generate(loaded, "The miller", 5 * CONTEXT, sampling, engine=TorchEngine(loaded.model))
    assert desk.rested() == "The miller" + "".join(pieces)


def test_it_shows_where_it_looks_also_past_its_last_position(page: Page, address):
    desk = Desk(page).open(address).begin("The old gardener spoke about the rain. " * 8).tab("Look inside")
    desk.tokens()
    heads = desk.page.locator(".head-button")
    expect(heads).to_have_count(1 + 2 * 4)  # all together; two layers of four
    heads.nth(3).click()
    expect(desk.page.locator("#head-words")).to_contain_text("Layer 1, head 3 looks most at")
    weights = [one.evaluate("one => one.style.getPropertyValue('--weight')") for one in desk.tokens().all()]
    seen = [float(weight) for weight in weights if weight]
    assert max(seen) == 1 and min(seen) >= 0
