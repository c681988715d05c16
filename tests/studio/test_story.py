"""The whole story in a real browser: a text is brought, two models learn it side by side, one is published."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from browser.servers import served
from browser.test_page import AXE
from playwright.sync_api import Page, expect
from small import write_text

from janelm.site.vendor import fetch

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium", "npm")]
PHONE = {"viewport": {"width": 375, "height": 720}, "has_touch": True}


@contextmanager
def studio(folder: Path, port: int = 0) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address and the process of a studio in this folder."""
    command = [sys.executable, "-m", "janelm", "studio", str(folder), "--port", str(port), "--no_browser"]
    serving = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert serving.stdout is not None
        yield serving.stdout.readline().strip(), serving
    finally:
        serving.kill()
        serving.communicate()
        _end_trainings(folder)


def _end_trainings(folder: Path) -> None:
    """They outlive their studio, which is what they are for."""
    with sqlite3.connect(folder / "studio" / "studio.db") as file:
        for (process,) in file.execute("select process from trainings where state = 'running'"):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)


@pytest.fixture
def page(browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: "Content Security Policy" in message.text and complaints.append(message.text))
    yield page
    page.close()
    assert not complaints


def room(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def flaws(page: Page) -> list[str]:
    page.evaluate(fetch(AXE)["axe.min.js"].decode() + "; 0") if not page.evaluate("typeof axe === 'object'") else None
    found = page.evaluate("async () => (await axe.run(document)).violations.map(v => v.id + ': ' + v.nodes[0].html)")
    return [flaw for flaw in found if "iframe" not in flaw]


def test_the_whole_story(page, tmp_path):
    text = tmp_path / "tale.txt"
    text.write_text(write_text(3000), encoding="utf-8")
    with studio(tmp_path) as (address, _):
        page.goto(address)
        page.get_by_label("Name of the text").fill("tale")
        page.set_input_files("#files", str(text))
        expect(page.get_by_role("heading", name=re.compile("tale: [0-9,]+ characters"))).to_be_visible(timeout=60_000)
        assert not flaws(page)
        page.screenshot(path="text.png")

        page.locator("#seen").get_by_role("button", name="Train on it").click()
        page.get_by_label("Minutes").fill("0.4")
        page.get_by_label("Tokens are").select_option("character")
        page.get_by_role("button", name="Train", exact=True).click()
        expect(page.locator(".chart .validation")).to_have_count(2, timeout=90_000)
        assert not flaws(page)
        page.screenshot(path="train.png", full_page=True)
        page.reload()
        expect(page.get_by_role("tab", name="Train")).to_have_attribute("aria-selected", "true")
        expect(page.get_by_text("Live")).to_be_visible(timeout=30_000)

        room(page, "Runs")
        expect(page.get_by_role("cell", name="finished")).to_have_count(2, timeout=240_000)
        for kind in ("transformer", "lstm"):
            page.get_by_label(f"Choose tale-{kind}").check()
        expect(page.get_by_role("rowheader", name="model.kind")).to_be_visible(timeout=20_000)
        page.screenshot(path="runs.png", full_page=True)
        assert not flaws(page)

        room(page, "Write")
        page.locator("#pen-text").fill("The old gardener")
        page.get_by_label("Tokens", exact=True).fill("60")
        page.get_by_role("button", name="Write", exact=True).click()
        expect(page.locator("#pen-text")).to_have_value(re.compile(r"The old gardener[\s\S]{40,}"), timeout=60_000)
        page.screenshot(path="write.png")
        assert not flaws(page)

        room(page, "Publish")
        page.get_by_role("button", name="Make the page").click()
        expect(page.get_by_title("The page as readers will see it")).to_be_visible(timeout=180_000)
        page.frame_locator("iframe").get_by_role("tab", name="Look inside").wait_for(timeout=60_000)
        page.screenshot(path="publish.png", full_page=True)
        archive = zipfile.ZipFile(io.BytesIO(httpx.get(f"{address}studio/site.zip", timeout=60).content))
        archive.extractall("published")
    assert (Path("published") / ".github" / "workflows" / "pages.yml").exists()
    with served(Path("published") / "site") as published:
        page.goto(published)
        expect(page.get_by_role("tab", name="Look inside")).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_every_room_without_scrolling_sideways(browser, tmp_path, trained, scheme):
    (tmp_path / "models").symlink_to(trained)
    context = browser.new_context(**PHONE, color_scheme=scheme)
    page = context.new_page()
    with studio(tmp_path) as (address, _):
        page.goto(address)
        for name in ("Text", "Train", "Runs", "Write", "Publish"):
            room(page, name)
            page.wait_for_timeout(1500)
            page.screenshot(path=f"phone-{name}-{scheme}.png")
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} is {wide} pixels too wide"
            assert not flaws(page)
    context.close()
