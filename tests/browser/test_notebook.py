"""The notebook as a person uses it: writing, settings, words and models, undone and done again."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from browser.conftest import TITLES
from browser.desk import WAIT, example, fragment


def test_the_example_is_typed_out_and_undo_leaves_its_prompt(desk, address, site):
    told = example(site)
    desk.page.goto(address)
    expect(desk.text).to_have_value(told["prompt"] + told["text"], timeout=WAIT)
    desk.press("Undo")
    expect(desk.text).to_have_value(told["prompt"])


def test_the_example_is_complete_as_soon_as_somebody_acts(desk, address, site):
    told = example(site)
    desk.open(address).page.keyboard.press("Shift")
    assert desk.text.input_value() == told["prompt"] + told["text"]


def test_writing_goes_on_where_the_text_ends(desk, address):
    desk.open(address).begin("The old miller").set("num_tokens", 20)
    once = desk.write()
    twice = desk.write()
    assert once.startswith("The old miller") and len(once) > len("The old miller")
    assert twice.startswith(once) and len(twice) > len(once)


def test_speed_size_and_load_time_are_shown(desk, address):
    desk.open(address).begin("The old miller").write()
    expect(desk.page.locator(".status")).to_contain_text(
        re.compile(r"\d+ tokens · [\d,.]+ tokens/s · [\d.]+ ms per token")
    )
    expect(desk.page.locator("#facts")).to_contain_text(
        re.compile(r"[\d.]+ [kM]B over the network, ready in [\d.]+ m?s")
    )


def test_stop_keeps_what_was_written(desk, address):
    desk.open(address).begin("The old").set("num_tokens", 50_000).set("pace", 3)  # of which 30 s would see few
    desk.start.click()
    expect(desk.text).to_have_value(re.compile(r"^The old[\s\S]{20}"), timeout=WAIT)
    desk.start.click()
    kept = desk.rested()
    desk.page.wait_for_timeout(200)
    assert desk.text.input_value() == kept and len(kept) >= len("The old") + 20


def test_retry_writes_the_last_part_anew_and_undo_brings_the_first_one_back(desk, address):
    desk.open(address).begin("The old miller").set("num_tokens", 30)
    first = desk.write()
    desk.press("Retry")
    expect(desk.text).not_to_have_value(first)
    second = desk.rested()
    assert second.startswith("The old miller") and second != first
    desk.press("Undo")
    expect(desk.text).to_have_value(first)
    desk.press("Undo")
    expect(desk.text).to_have_value("The old miller")
    desk.press("Redo").press("Redo")
    expect(desk.text).to_have_value(second)


def test_an_edit_can_be_undone_by_the_usual_key(desk, address):
    desk.open(address).begin("One.")
    desk.text.press("End")
    desk.page.wait_for_timeout(1100)
    desk.text.press_sequentially(" Two.")
    expect(desk.text).to_have_value("One. Two.")
    desk.text.press("Control+z")
    expect(desk.text).to_have_value("One.")
    desk.text.press("Control+Shift+z")
    expect(desk.text).to_have_value("One. Two.")


def test_settings_change_what_is_written(desk, address):
    desk.open(address).set("num_tokens", 30).set("seed", 7).begin("The old miller")
    at_first = desk.write()
    desk.press("Undo").set("seed", 7)
    desk.set("temperature", 0.1)
    careful = desk.write()
    assert careful != at_first
    desk.press("Undo").press("Exact")
    exact = desk.write()
    desk.press("Undo").set("seed", 12345)
    assert desk.write() == exact, "at temperature 0 the seed must not matter"
    desk.press("Undo").set("seed", 7).press("Balanced")
    assert desk.write() == at_first


def test_a_setting_that_does_nothing_is_shown_as_off(desk, address):
    desk.open(address)
    top_k = desk.page.locator(".settings output[for=set-top_k]")
    expect(top_k).to_have_text("off")
    desk.set("top_k", 5)
    expect(top_k).to_have_text("5")


def test_writing_ends_at_a_stop_text(desk, address):
    desk.open(address).set("num_tokens", 400).set("seed", 3).begin("The ")
    whole = desk.write()[len("The ") :]
    stop = whole[20:24]
    desk.press("Undo").set("seed", 3).set("stop", stop.replace("\n", "\\n"))
    assert desk.write() == "The " + whole[: whole.index(stop)]


def test_typing_at_a_slow_pace_takes_its_time(desk, address):
    desk.open(address).set("num_tokens", 6).set("pace", 1).begin("The ")
    expect(desk.page.locator(".settings output[for=set-pace]")).to_have_text("6 tokens/s")
    desk.start.click()
    expect(desk.start).to_have_text("Stop")
    desk.page.wait_for_timeout(400)
    expect(desk.start).to_have_text("Stop")
    desk.rested()


def test_the_text_can_be_saved(desk, address):
    desk.open(address).begin("Kept: naïve café")
    desk.press("Save")
    with desk.page.expect_download() as download:
        desk.page.get_by_role("button", name=".txt").click()
    assert download.value.suggested_filename == "Kept naïve café.txt"
    assert Path(download.value.path()).read_text(encoding="utf-8") == "Kept: naïve café"


def test_a_reload_keeps_the_text_and_how_it_came_to_be(desk, address):
    desk.open(address).begin("The old miller").set("num_tokens", 20)
    written = desk.write()
    desk.page.reload()
    expect(desk.text).to_have_value(written)
    desk.press("Retry")
    expect(desk.text).not_to_have_value(written, timeout=WAIT)
    assert desk.rested().startswith("The old miller")


def test_letters_that_a_model_does_not_know_are_named(desk, address):
    desk.open(address).begin("The ☃ miller")
    note = desk.page.get_by_role("note")
    desk.page.wait_for_timeout(700)
    expect(note).to_be_hidden()  # bytes can say everything
    desk.model("lstm")
    expect(note).to_contain_text("never saw ☃")
    desk.begin("☃☃")
    desk.start.click()
    expect(desk.page.get_by_role("alert")).to_contain_text("knows none of the characters")
    expect(desk.text).to_have_value("☃☃")


# --- models


def test_a_second_visit_loads_the_model_from_this_device(desk, address):
    desk.open(address)
    desk.page.reload()
    expect(desk.page.locator("#facts")).to_contain_text("from this device", timeout=WAIT)
    assert len(desk.begin("The old").write()) > len("The old")


def test_models_can_be_changed_in_the_middle_of_a_text(desk, address):
    desk.open(address).begin("The old miller").set("num_tokens", 20)
    first = desk.write()
    memory = desk.page.locator("#set-memory")
    expect(memory).to_be_visible()
    desk.model("lstm")
    expect(memory).to_be_hidden()
    second = desk.write()
    assert second.startswith(first) and len(second) > len(first)


def test_a_short_memory_changes_what_is_written(desk, address):
    prompt = "The old miller went to the river, and the river went to the sea. The "
    desk.open(address).begin(prompt).set("num_tokens", 40).set("seed", 5)
    whole = desk.write()
    desk.press("Undo").set("seed", 5).set("memory", 1)
    assert desk.write() != whole


def test_a_document_begins_with_the_title_that_is_chosen(desk, address):
    desk.open(address)
    menu = desk.page.get_by_label("A new one from")
    expect(menu).to_be_hidden()
    desk.model("verses")
    menu.select_option(TITLES[2])
    expect(desk.text).to_have_value(f"{TITLES[2]}\t")
    assert desk.write().startswith(f"{TITLES[2]}\t")


# --- words


def test_banned_words_are_never_written_and_favoured_ones_more_often_and_a_link_says_so(desk, address):
    desk.open(address).begin("The old miller").set("num_tokens", 150)
    desk.page.get_by_text("Words and repetition").click()
    desk.set("ban", "the, his")
    desk.set("favour", "rain").set("favour_strength", 8)
    desk.page.locator("#set-favour_strength").dispatch_event("input")
    written = desk.write()
    words = re.findall(r"[a-z']+", written.lower().removeprefix("the old miller"))[:-1]
    assert "the" not in words and "his" not in words and "rain" in words
    link = desk.link()
    assert "ban=the" in link and "ban=his" in link and "favour=rain" in link and "favour_strength=8" in link
    desk.page.goto("about:blank")
    desk.open(address, link)
    assert desk.rested() == written


def test_a_link_keeps_what_the_penalties_count_and_how_dry_grows(desk, address, runs):
    settings = {"repetition_penalty": 1.8, "dry_multiplier": 2, "dry_base": 3, "dry_allowed_length": 2}
    desk.open(address, fragment(prompt="The old miller ", num_tokens=5, seed=3, penalty_written_only=1, **settings))
    desk.rested()
    expect(desk.page.locator("#set-penalty_written_only")).to_be_checked()
    assert desk.page.locator("#set-dry_base").input_value() == "3"
    link = desk.link()
    assert "penalty_written_only=1" in link and "dry_base=3" in link


# --- lines that were broken to a fixed width


def test_lines_broken_in_mid_paragraph_flow_and_yet_stay_in_the_text(desk, address, site):
    folder = next(site.glob("app-*")).name
    call = "([path, name, ...given]) => import(path).then(flow => flow[name](...given))"

    def flow(name: str, *given: str) -> str:
        return desk.page.evaluate(call, [f"./{folder}/views/flow.js", name, *given])

    desk.open(address)
    line = "It was a bright cold day in the middle of April and the"
    text = f"{line}\nclocks were striking.\n\nShort lines\nstay.\n\tSo do\n{line}\n\n{line}\n indents. {line}\n"
    shown = flow("flowing", text)
    assert shown == text.replace("the\nclocks", "the clocks")
    assert flow("edited", text, shown, shown.replace("clocks", "bells")) == text.replace("clocks", "bells")
    assert flow("edited", text, shown, shown + "!") == text + "!"
    assert flow("edited", text, shown, "") == ""
