"""The page as the tests use it: what a person sees and does there, and what axe finds wrong with it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, expect

from janelm.site.vendor import Package, fetch

WAIT = 30_000  # milliseconds: for a model to load, or a text to be written, on a busy machine
NOTHING_KEPT: Any = {"service_workers": "block"}  # of a browser's contexts: a visit takes a third less of the processor
AXE = Package(
    name="axe-core",
    version="4.14.1",
    holder="Deque Systems, Inc.",
    archive="FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    files={"axe.min.js": (653780, "xt1SFg49QaDwsyt0Xfs2XAyBtYPClXl3X2q5OOLeGAUmq9jZTYIMdztpF99WdhiH")},
)


class Desk:
    """What a person sees and does."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.text = page.get_by_role("textbox", name="Your text")
        self.start = page.locator("#toolbar .primary")
        self.ribbon = page.get_by_role("listbox", name="Tokens of the text")

    def open(self, address: str, link: str = "") -> Desk:
        self.page.goto(address + link)
        expect(self.page.locator("#facts")).to_contain_text("ready in", timeout=WAIT)
        self.rested()
        return self

    def rested(self) -> str:
        """The text, once nothing is being written any more."""
        expect(self.start).to_have_text(re.compile("Write|Continue"), timeout=WAIT)
        return self.text.input_value()

    def begin(self, text: str) -> Desk:
        self.text.fill(text)
        return self

    def press(self, name: str) -> Desk:
        self.page.get_by_role("button", name=name, exact=True).click()
        return self

    def write(self) -> str:
        """Press Write or Continue, and wait for the last word."""
        before = self.text.input_value()
        self.start.click()
        expect(self.text).not_to_have_value(before, timeout=WAIT)
        return self.rested()

    def tab(self, name: str) -> Desk:
        self.page.get_by_role("tab", name=name).click()
        return self

    def set(self, name: str, value: object) -> Desk:
        field = self.page.locator(f"#set-{name}")
        field.fill(str(value))
        field.dispatch_event("change")
        return self

    def model(self, name: str) -> Desk:
        self.page.get_by_label("Model", exact=False).first.select_option(name)
        expect(self.page.locator("#facts")).to_contain_text(re.compile(rf"{name}.*ready in"), timeout=WAIT)
        return self

    def tokens(self) -> Locator:
        expect(self.ribbon.get_by_role("option").first).to_be_visible(timeout=WAIT)
        return self.ribbon.get_by_role("option")

    def link(self) -> str:
        """The fragment that the page itself gives."""
        self.press("Copy link")
        return "#" + self.page.url.partition("#")[2]


def fragment(**fields: object) -> str:
    return "#" + urlencode(fields)


def example(site: Path, number: int = 0) -> dict:
    return json.loads((site / "manifest.json").read_text(encoding="utf-8"))["models"][number]["example"]


def flaws(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is now. It is brought past the page's policy, which allows no script."""
    if not page.evaluate("() => typeof axe === 'object'"):
        page.evaluate(fetch(AXE)["axe.min.js"].decode() + "; 0")
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [f"{flaw['id']}: {node['html'][:200]} {node['failureSummary']}" for flaw in found for node in flaw["nodes"]]
