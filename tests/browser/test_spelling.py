"""A model that leans to bytes which no text has: page and notebook hold the same all the same."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from small import SHAPES, TOKENIZERS, random_run

from browser.desk import WAIT, Desk
from browser.engine_site import model_entry
from janelm.config import SamplingConfig
from janelm.export.graphs import export_graph
from janelm.site.folder import SiteOptions, _vendor, site_files
from janelm.site.models import SiteModel
from janelm.writing.generation import generate

SAMPLING = SamplingConfig(temperature=1.0, seed=3)
LEANING = [0, 13, 0x7F, 0x80, 0x85, 0xC2, 0xED, 0xEF, 0xBB, 0xBF, 0xBE]


@pytest.fixture(scope="module")
def leaning():
    run = random_run(SHAPES["lstm"], TOKENIZERS["tiktoken"])
    run.model.head.bias.data[LEANING] += 6.0
    return run


@pytest.fixture(scope="module")
def leaning_site(leaning, host):
    """Its site, with an example that the model wrote."""
    graph, entry = model_entry("leaning", leaning, export_graph(leaning))
    text = "".join(generate(leaning, "The", 150, SAMPLING))
    entry["example"] = {"prompt": "The", "text": text, "seed": 3, "temperature": 1.0, "num_tokens": 150}
    for path, content in site_files(
        [SiteModel(graph, entry)], _vendor(SiteOptions(), lambda line: None), SiteOptions()
    ).items():
        (host[0] / "leaning" / path).parent.mkdir(parents=True, exist_ok=True)
        (host[0] / "leaning" / path).write_bytes(content)
    return f"{host[1]}/leaning/", "The" + text


def test_page_and_python_write_the_same_text_and_no_such_byte(page, leaning_site):
    address, expected = leaning_site
    desk = Desk(page).open(address, "#prompt=The&seed=3&num_tokens=150&temperature=1")
    assert desk.text.input_value() == expected and not set("\0\r\x7f\ufeff\ufffd") & set(expected[:-1])


def test_its_example_is_typed_out_and_undo_leaves_its_prompt(page, leaning_site):
    address, expected = leaning_site
    desk = Desk(page)
    page.goto(address)
    expect(desk.text).to_have_value(expected, timeout=WAIT)
    desk.press("Undo")
    expect(desk.text).to_have_value("The")
