"""The tree of continuations: the notebook's history, of which nothing is lost by going back."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from browser.desk import WAIT, Desk


def planted(desk: Desk, address: str, number: int = 3) -> list[str]:
    """The texts of the tree's rows, once so many continuations are written."""
    desk.open(address).begin("The old miller").set("num_tokens", 8)
    desk.page.locator("summary", has_text="Tree").click()
    desk.page.get_by_label("From the cursor").select_option(str(number))
    desk.press("Grow")
    expect(rows(desk)).to_have_count(number + 3, timeout=WAIT)
    desk.rested()
    desk.page.wait_for_timeout(200)
    return rows(desk).all_inner_texts()


def rows(desk: Desk):
    return desk.page.get_by_role("treeitem")


def test_several_continuations_are_written_from_one_place_and_differ(desk, address):
    texts = planted(desk, address)
    assert len(set(texts[3:])) == 3
    assert [row.get_attribute("aria-level") for row in rows(desk).all()] == ["1", "1", "1", "2", "2", "2"]
    rows(desk).nth(3).click()
    first = desk.text.input_value()
    rows(desk).nth(4).click()
    assert first.startswith("The old miller") and desk.text.input_value().startswith("The old miller")
    assert desk.text.input_value() != first


def test_undo_and_redo_walk_the_tree_and_going_back_loses_nothing(desk, address):
    planted(desk, address, 2)
    rows(desk).nth(3).click()
    first = desk.text.input_value()
    desk.press("Undo")
    expect(desk.text).to_have_value("The old miller")
    desk.begin("The old miller sat")
    desk.page.wait_for_timeout(200)
    expect(rows(desk)).to_have_count(6)
    desk.press("Undo")
    rows(desk).nth(3).click()
    expect(desk.text).to_have_value(first)
    desk.press("Undo").press("Redo")
    expect(desk.text).to_have_value(first)


def test_continuations_start_where_the_cursor_is(desk, address):
    desk.open(address).begin("The old miller went home").set("num_tokens", 5)
    desk.page.locator("summary", has_text="Tree").click()
    expect(desk.page.get_by_role("button", name="Grow")).to_be_visible(timeout=WAIT)
    desk.text.evaluate("area => { area.focus(); area.setSelectionRange(7, 7); }")
    desk.press("Grow")
    expect(desk.text).to_have_value(re.compile("^The old(?! miller went home)"), timeout=WAIT)
    desk.rested()


def test_the_tree_is_walked_marked_and_pruned_by_keys(desk, address):
    planted(desk, address, 2)
    keyboard = desk.page.keyboard
    rows(desk).last.focus()
    keyboard.press("ArrowLeft")
    expect(rows(desk).nth(2)).to_be_focused()
    keyboard.press("Enter")
    expect(desk.text).to_have_value("The old miller")
    keyboard.press("m")
    expect(desk.page.locator(".tree .mark")).to_have_count(1)
    keyboard.press("ArrowDown")
    keyboard.press("Delete")
    expect(rows(desk)).to_have_count(4)


def test_a_tree_is_exported_imported_and_kept_by_the_browser(desk, address, tmp_path):
    texts = planted(desk, address, 2)
    rows(desk).nth(3).click()
    open_text = desk.text.input_value()
    with desk.page.expect_download() as started:
        desk.press("Export")
    started.value.save_as(tmp_path / "tree.json")
    kept = json.loads((tmp_path / "tree.json").read_text())
    assert kept["format"] == 1 and len(kept["pages"]) == 5
    desk.page.wait_for_timeout(1800)
    desk.page.evaluate("sessionStorage.clear(); addEventListener('pagehide', () => sessionStorage.clear())")
    desk.page.goto("about:blank")
    desk.open(address)
    desk.page.locator("summary", has_text="Tree").click()
    desk.press("Bring back")
    expect(rows(desk)).to_have_text(texts)
    expect(desk.text).to_have_value(open_text)
    desk.page.get_by_label("A tree to import").set_input_files(tmp_path / "tree.json")
    expect(rows(desk)).to_have_text(texts)


WRONG = (
    ("no json", "it is no JSON"),
    ("{}", "it holds no tree"),
    ('{"format":1,"open":0,"pages":[{"parent":-1,"keep":0,"text":5}]}', "page 1 is damaged"),
    ('{"format":1,"open":7,"pages":[{"parent":-1,"keep":0,"text":""}]}', "is not in it"),
    ('{"format":1,"open":0,"pages":[{"parent":-1,"keep":9,"text":""}]}', "page 1 is damaged"),
    ('{"format":1,"open":0,"pages":[{"parent":-1,"keep":0,"text":""},{"parent":1,"keep":0,"text":""}]}', "page 2"),
)


def test_a_file_that_is_no_tree_is_refused_with_a_sentence(desk, address, tmp_path):
    desk.open(address).begin("The old miller")
    desk.page.locator("summary", has_text="Tree").click()
    for content, why in WRONG:  # each is told in other words than the one before
        (tmp_path / "wrong.json").write_text(content)
        desk.page.get_by_label("A tree to import").set_input_files(tmp_path / "wrong.json")
        expect(desk.page.get_by_role("alert")).to_contain_text(why, timeout=WAIT)
        expect(desk.text).to_have_value("The old miller")


def test_a_stop_ends_all_of_them_and_each_keeps_what_it_wrote(desk, address):
    desk.open(address).begin("The old miller").set("num_tokens", 50_000).set("pace", 20)
    desk.page.locator("summary", has_text="Tree").click()
    desk.press("Grow")
    expect(desk.text).to_have_value(re.compile("^The old miller.{6}", re.DOTALL), timeout=WAIT)
    desk.press("Stop")
    expect(rows(desk)).to_have_count(6, timeout=WAIT)
    texts = []
    for place in (3, 4, 5):
        rows(desk).nth(place).click()
        texts.append(desk.text.input_value())
    assert len(set(texts)) == 3 and all(len(text) > len("The old miller") for text in texts)
