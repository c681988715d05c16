"""The whole story in a real browser: a text is brought, two models learn it side by side, one is published."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser.desk import flaws
from browser.servers import served
from playwright.sync_api import Page, expect
from small import write_text

from studio.conftest import studio_process

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium", "npm")]
PHONE = {"viewport": {"width": 375, "height": 720}, "has_touch": True}


@pytest.fixture
def page(browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    complaints: list[str] = []
    listen(page, complaints)
    yield page
    page.close()
    assert not complaints


def listen(page: Page, complaints: list[str]) -> None:
    """Note what goes wrong on a page, and what it asks of others than this machine."""
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: "Content Security Policy" in message.text and complaints.append(message.text))
    page.on("request", lambda asked: asked.url.startswith("http://127.0.0.1") or complaints.append(asked.url))


def room(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def test_the_whole_story(page, tmp_path):
    text = tmp_path / "tale.txt"
    text.write_text("CHAPTER 1\n\n" + write_text(1000), encoding="utf-8")
    with studio_process(tmp_path) as (address, _):
        page.goto(address)
        page.get_by_label("Name of the text").fill("tale")
        page.set_input_files("#files", str(text))
        expect(page.get_by_role("heading", name=re.compile("tale: [0-9,]+ characters"))).to_be_visible(timeout=60_000)
        page.get_by_label("Leave out headings of chapters").check()
        page.get_by_role("button", name="Preview").click()
        expect(page.get_by_role("columnheader", name="Before")).to_be_visible(timeout=60_000)
        assert not flaws(page)
        page.screenshot(path="text.png", full_page=True)
        page.get_by_role("button", name="Clean it so").click()
        expect(page.get_by_text(", cleaned")).to_be_visible(timeout=60_000)

        page.locator("#seen").get_by_role("button", name="Train on it").click()
        page.get_by_label("Minutes", exact=True).fill("0.9")  # those of a minute and more are larger
        page.get_by_label("Tokens are").select_option("character")
        page.get_by_role("button", name="Train", exact=True).click()
        expect(page.locator(".chart .validation")).to_have_count(2, timeout=90_000)
        expect(page.locator(".chart .meaning").first).to_be_attached(timeout=60_000)
        assert not flaws(page)
        page.screenshot(path="train.png", full_page=True)
        page.reload()
        expect(page.get_by_role("tab", name="Train")).to_have_attribute("aria-selected", "true")
        expect(page.get_by_text("Live")).to_be_visible(timeout=30_000)
        for kind in ("transformer", "lstm"):
            page.locator(f"[data-training='tale-{kind}']").get_by_role("button", name="Stop and save").click()

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

        room(page, "Look inside")
        page.get_by_role("button", name="Open the rooms").click()
        rooms = page.frame_locator("iframe.rooms")
        rooms.get_by_text("ready in").wait_for(timeout=240_000)
        rooms.get_by_role("tab", name="Look inside").click()
        expect(rooms.get_by_role("heading", name="The next token")).to_be_visible(timeout=60_000)
        page.screenshot(path="rooms.png", full_page=True)

        room(page, "Publish")
        page.get_by_role("button", name="Make the page").click()
        expect(page.get_by_title("The page as readers will see it")).to_be_visible(timeout=180_000)
        readers = page.frame_locator("iframe[title^='The page']")
        readers.get_by_role("tab", name="Look inside").wait_for(timeout=60_000)
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
    with studio_process(tmp_path) as (address, _):
        page.goto(address)
        for name in ("Text", "Train", "Runs", "Write", "Look inside", "Publish"):
            room(page, name)
            page.wait_for_timeout(600)
            page.screenshot(full_page=True, path=f"phone-{name}-{scheme}.png")
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} is {wide} pixels too wide"
            assert not flaws(page)
    context.close()


def test_all_of_it_by_keyboard_alone(page, tmp_path, monkeypatch):
    """Each thing is reached by Tab, from the top, is seen to be focused, and answers to Enter, Space or arrows."""
    monkeypatch.setenv("CXX", "no-such-compiler")  # to compile a step takes longer than all of this
    with studio_process(tmp_path) as (address, _):
        page.goto(address)
        focus(page, "Skip to the content")
        page.keyboard.press("Enter")
        focus(page, "Name of the text")
        page.keyboard.press("Control+a")
        page.keyboard.type("typed")
        focus(page, "or paste it")
        page.keyboard.insert_text(write_text(400))
        focus(page, "Keep this text")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=re.compile("typed: "))).to_be_visible(timeout=60_000)
        focus(page, "Leave out headings of chapters")
        page.keyboard.press("Space")
        focus(page, "Preview")
        page.keyboard.press("Enter")
        expect(page.get_by_text("The first pages stay as they are.")).to_be_visible(timeout=60_000)
        page.keyboard.press("Control+Home")
        page.get_by_role("tab", name="Text").focus()
        for name in ("Train", "Runs", "Write", "Look inside", "Publish"):
            page.keyboard.press("ArrowRight")
            expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        for _ in range(4):
            page.keyboard.press("ArrowLeft")
        focus(page, "Text")
        expect(page.locator("#train-text")).to_have_value("typed")
        focus(page, "Architecture")
        page.keyboard.press("ArrowDown")
        expect(page.locator("#architecture")).to_have_value("transformer")
        focus(page, "Train")
        page.keyboard.press("Enter")
        stop = page.get_by_role("button", name="Stop and save")
        expect(stop).to_be_visible(timeout=20_000)
        focus(page, "Stop and save")
        page.keyboard.press("Enter")
        expect(stop).not_to_be_visible(timeout=120_000)


def focus(page: Page, name: str, most: int = 60) -> None:
    """Press Tab until something of this name, which is shown to have the focus, has it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => {
                const on = document.activeElement;
                const { outlineStyle, boxShadow } = getComputedStyle(on);
                const name = on.labels?.[0]?.innerText || on.getAttribute("aria-label") || on.textContent;
                return [name.trim(), outlineStyle !== "none" || boxShadow !== "none"];
            }"""
        )
        if found[0].startswith(name):
            assert found[1], f"{name} does not show that it has the focus"
            return
    raise AssertionError(f"Tab does not reach {name}")


def test_two_browsers_see_the_same(browser, tmp_path, trained):
    shutil.copytree(trained, tmp_path / "models")
    complaints: list[str] = []
    with studio_process(tmp_path) as (address, _):
        contexts = [browser.new_context() for _ in range(2)]
        first, second = pages = [context.new_page() for context in contexts]
        for page in pages:
            listen(page, complaints)
            page.goto(address)
            room(page, "Runs")
        first.get_by_label("Choose lstm").check()
        first.locator("#new-name").fill("renamed")
        first.locator("#note").fill("<img src=x onerror=alert(1)>")
        first.get_by_role("button", name="Save name and note").click()
        expect(second.get_by_role("cell", name="renamed", exact=True)).to_be_visible(timeout=20_000)
        expect(second.get_by_role("cell", name="<img src=x onerror=alert(1)>")).to_be_visible()
        second.get_by_label("Choose renamed").check()
        second.get_by_role("button", name="Into the bin").click()
        expect(first.get_by_role("button", name="Put back: renamed")).to_be_visible(timeout=20_000)
        for context in contexts:
            context.close()
    assert not complaints
