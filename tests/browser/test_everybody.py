"""The page for everybody: on a phone, by keyboard alone, heard instead of seen, without motion, in the dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from browser.desk import NOTHING_KEPT, WAIT, Desk, example, flaws

TABS = ("Write", "Look inside", "Compare", "Read", "About")


@pytest.fixture
def phone(browser: Browser, host: tuple[Path, str], complaints: list[str]) -> Iterator[Desk]:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, **NOTHING_KEPT
    )
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield Desk(page)
    context.close()
    assert not complaints


def test_a_phone_needs_no_sideways_scrolling_and_no_small_fingers(phone, address):
    phone.open(address).begin("The old miller went to the river").write()
    for name in TABS:
        phone.tab(name)
        phone.page.wait_for_timeout(500)
        assert phone.page.evaluate("() => document.documentElement.scrollWidth") <= 360, name
        small = phone.page.evaluate(
            "() => [...document.querySelectorAll('button, select, input')].filter(one => one.checkVisibility()"
            " && one.type !== 'checkbox' && one.getBoundingClientRect().height < 40).map(one => one.outerHTML)"
        )
        assert small == [], name


def test_no_field_has_letters_so_small_that_a_phone_would_enlarge_the_page(phone, address):
    sizes = "() => [...document.querySelectorAll('select, input, textarea')].map(one => getComputedStyle(one).fontSize)"
    assert min(float(size[:-2]) for size in phone.open(address).page.evaluate(sizes)) >= 16


def test_everything_works_by_keyboard_alone(desk, address):
    desk.open(address)
    keyboard = desk.page.keyboard
    desk.text.focus()
    keyboard.press("Control+a")
    keyboard.type("The old miller")
    keyboard.press("Control+Enter")
    expect(desk.text).to_have_value(re.compile("^The old miller.+"), timeout=WAIT)
    written = desk.rested()
    keyboard.press("Control+Shift+Enter")
    expect(desk.text).not_to_have_value(written)
    written = desk.rested()
    desk.page.get_by_role("tab", name="Write").focus()
    keyboard.press("ArrowRight")
    expect(desk.page.get_by_role("tab", name="Look inside")).to_be_focused()
    desk.tokens()
    desk.ribbon.get_by_role("option").last.focus()
    keyboard.press("Home")
    keyboard.press("ArrowRight")
    expect(desk.ribbon.get_by_role("option").nth(1)).to_be_focused()
    keyboard.press("Enter")
    expect(desk.page.locator(".card button:focus")).to_have_count(1)
    keyboard.press("Escape")
    expect(desk.ribbon.get_by_role("option").nth(1)).to_be_focused()
    keyboard.press("Enter")
    keyboard.press("Enter")
    desk.tab("Write")
    expect(desk.text).not_to_have_value(written, timeout=WAIT)
    desk.set("num_tokens", 50_000)
    keyboard.press("Control+Enter")
    expect(desk.start).to_have_text("Stop")
    keyboard.press("Escape")
    desk.rested()


def test_screen_readers_hear_of_beginning_and_end_but_not_of_every_word(desk, address):
    desk.open(address).set("num_tokens", 60).begin("The old")
    desk.page.evaluate(
        "() => { const region = document.getElementById('announcer'); window.said = [];"
        " new MutationObserver(() => said.push(region.textContent)).observe(region, { childList: true }) }"
    )
    desk.write()
    assert desk.page.evaluate("() => said") == ["Writing", "Done. 60 tokens written."]


def test_light_or_dark_is_chosen_by_a_button_and_remembered(desk, address):
    desk.open(address)
    paper = "() => getComputedStyle(document.body).backgroundColor"
    light = desk.page.evaluate(paper)
    desk.press("Change between light and dark")
    dark = desk.page.evaluate(paper)
    assert dark != light
    desk.page.reload()
    expect(desk.page.locator("#facts")).to_contain_text("ready in", timeout=WAIT)
    assert desk.page.evaluate(paper) == dark


def test_nothing_moves_for_those_who_want_no_motion(browser, address, site):
    context = browser.new_context(reduced_motion="reduce", **NOTHING_KEPT)
    page = context.new_page()
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { const seen = window.seen = new Set();"
        " const look = () => { seen.add(document.getElementById('text').value); requestAnimationFrame(look) };"
        " look() })"
    )
    desk = Desk(page).open(address)
    told = example(site)
    assert desk.text.input_value() == told["prompt"] + told["text"]
    assert page.evaluate("() => [...seen].length") <= 2, "the example must be there at once"
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_tab_has_a_flaw_that_axe_finds(browser: Browser, address, scheme):
    context: BrowserContext = browser.new_context(color_scheme=scheme, reduced_motion="reduce", **NOTHING_KEPT)
    desk = Desk(context.new_page()).open(address).begin("The old miller went to the river").set("num_tokens", 20)
    desk.write()
    for name in TABS:
        desk.tab(name)
        if name == "Look inside":
            desk.tokens().nth(2).click()
            desk.page.get_by_text("Other settings").click()
        desk.page.wait_for_timeout(500)
        assert not flaws(desk.page), name
    context.close()
