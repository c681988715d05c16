"""Models side by side: two that write at once, their curves, and how each came to be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.desk import WAIT
from janelm.runs import Run
from janelm.site.folder import SiteOptions, write_site


def test_two_models_write_side_by_side(desk, address):
    desk.open(address).set("num_tokens", 20).tab("Compare")
    words = desk.page.get_by_label("Your words")
    words.fill("The old miller")
    desk.press("Write both")
    for name in ("transformer", "lstm"):
        text = desk.page.get_by_role("region", name=f"What {name} writes")
        expect(text).to_have_text(re.compile(r"^The old miller[\s\S]+"), timeout=WAIT)
    expect(desk.page.locator(".score strong")).to_have_count(2, timeout=WAIT)
    expect(desk.page.locator(".side .figures").last).to_contain_text("tokens/s", timeout=WAIT)
    before = desk.page.locator(".score").first.text_content()
    assert desk.tab("Write").text.input_value() != "The old miller", "the notebook is another text"
    desk.tab("Compare")
    words.fill("Zqxv jjkw 9999")
    expect(desk.page.locator(".score").first).not_to_have_text(before, timeout=WAIT)


def test_training_curves_are_drawn_against_tokens_and_seconds(desk, address):
    desk.open(address).tab("Compare")
    expect(desk.page.locator(".chart canvas")).to_be_visible(timeout=WAIT)
    expect(desk.page.locator(".chart .u-legend")).to_contain_text("lstm, training")
    desk.page.get_by_label("Against").select_option("seconds")
    desk.page.get_by_label("scale").select_option("log")
    expect(desk.page.locator(".chart .u-legend")).to_contain_text("time")
    table = desk.page.get_by_role("table", name="At the end of training")
    expect(table.get_by_role("rowheader")).to_have_text(["transformer", "lstm", "verses"])


@pytest.fixture(scope="module")
def lonely(runs: list[Run], host: tuple[Path, str]) -> str:
    """The address of a site with one model, of documents."""
    write_site(runs[2:], host[0] / "one", SiteOptions("fp32"))
    return f"{host[1]}/one/"


def test_a_page_with_one_model_says_what_comparing_would_take(desk, lonely):
    desk.open(lonely).tab("Compare")
    expect(desk.page.get_by_role("tabpanel")).to_contain_text("This page has one model")
    expect(desk.page.locator(".chart canvas")).to_be_visible(timeout=WAIT)
    expect(desk.page.get_by_label("Model", exact=False).first).to_be_disabled()


def test_about_tells_how_each_model_came_to_be(desk, address):
    desk.open(address).tab("About")
    about = desk.page.get_by_role("tabpanel")
    for fact in ("60 steps", "320 byte pairs", "bits per byte", "Is it copied?", "not its sense", "MIT License"):
        expect(about).to_contain_text(fact)
