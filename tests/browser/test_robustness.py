"""The page at awkward moments: a reload, a stop while a model loads, a failure, another link, a text of before."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from browser.desk import WAIT, Desk, example, fragment


def hold(page: Page, files: str) -> list[Route]:
    """Let these requests wait, until `release` lets them go."""
    held: list[Route] = []
    page.route(files, lambda route: held.append(route))
    return held


def release(page: Page, files: str, held: list[Route]) -> None:
    for route in held:
        route.continue_()
    page.unroute(files)


def folder_of(site: Path) -> str:
    return next(site.glob("app-*")).name


# --- reloads


def test_a_reload_keeps_the_text_though_the_address_has_a_link(desk, address):
    desk.open(address).begin("One.").link()
    desk.begin("One. Two.").page.reload()
    expect(desk.text).to_have_value("One. Two.", timeout=WAIT)


def test_a_reload_while_the_example_is_typed_brings_all_of_it(desk, address, site):
    told = example(site)
    desk.page.goto(address)
    expect(desk.text).to_have_value(re.compile(re.escape(told["prompt"]) + "."), timeout=WAIT)
    desk.page.reload()
    expect(desk.text).to_have_value(told["prompt"] + told["text"], timeout=WAIT)


def test_a_tab_that_is_put_away_keeps_its_text(desk, address):
    desk.open(address).begin("One.")
    put_away = "Object.defineProperty(document, 'hidden', { value: true });"
    desk.page.evaluate(f"() => {{ {put_away} document.dispatchEvent(new Event('visibilitychange')); }}")
    assert json.loads(desk.page.evaluate("() => sessionStorage.getItem('janelm-draft')"))["text"] == "One."


# --- a browser whose fields do not grow by themselves


def test_where_fields_do_not_grow_the_text_is_shown_whole_and_stays_in_place(desk, address):
    fixed = "document.getElementById('text').style.fieldSizing = 'fixed'"
    desk.page.add_init_script(f"CSS.supports = () => false; addEventListener('DOMContentLoaded', () => {{ {fixed} }})")
    desk.open(address).begin("A line.\n" * 60).tab("Look inside").tokens()
    desk.press("One token")
    expect(desk.start).to_have_text("Continue", timeout=WAIT)
    desk.tab("Write")
    assert desk.text.evaluate("area => area.scrollHeight <= area.clientHeight")
    desk.page.evaluate("() => scrollTo(0, 300)")
    desk.text.dispatch_event("input")
    assert desk.page.evaluate("() => scrollY") == 300


# --- stops


def test_stop_takes_effect_while_the_model_loads(desk, address):
    held = hold(desk.page, "**/*.onnx")
    desk.page.goto(address + fragment(prompt="The old miller"))
    expect(desk.start).to_have_text("Stop")
    desk.start.click()
    expect(desk.start).to_have_text("Write")
    expect(desk.text).to_have_value("The old miller")
    release(desk.page, "**/*.onnx", held)


def test_of_links_that_come_while_the_model_loads_the_last_is_written(desk, context: BrowserContext, address):
    links = [fragment(prompt=prompt, num_tokens=30) for prompt in ("One", "Two", "Three")]
    held = hold(desk.page, "**/*.onnx")
    desk.page.goto(address + links[0])
    expect(desk.start).to_have_text("Stop")
    for link in links[1:]:
        desk.page.evaluate("link => { location.hash = link; }", link)
    release(desk.page, "**/*.onnx", held)
    alone = Desk(context.new_page()).open(address, links[2]).text.input_value()
    expect(desk.text).to_have_value(alone, timeout=WAIT)
    desk.page.wait_for_timeout(300)
    assert desk.rested() == alone


def test_stop_takes_effect_while_the_sides_load_and_then_menus_open_again(desk, address):
    held = hold(desk.page, "**/lstm-*.onnx")
    desk.open(address).tab("Compare").press("Write both")
    menu = desk.page.locator("#left-model")
    expect(menu).to_be_disabled()
    desk.press("Stop")
    expect(desk.page.get_by_role("button", name="Write both")).to_be_visible()
    expect(menu).to_be_enabled()
    release(desk.page, "**/lstm-*.onnx", held)


def test_a_side_that_fails_stops_the_other(desk, address):
    desk.open(address).set("num_tokens", 50_000).set("pace", 3).tab("Compare")
    expect(desk.page.locator(".score strong")).to_have_count(2, timeout=WAIT)
    on_messages(desk, "if (message.call === 'write' && message.name === 'lstm') throw new Error('broken'); send();")
    desk.press("Write both")
    expect(desk.page.get_by_role("alert")).to_contain_text("broken")
    expect(desk.page.locator(".side .figures").first).to_contain_text("Stopped.")


# --- the keyboard


def test_a_number_that_is_still_being_typed_counts_for_ctrl_enter(desk, address):
    desk.open(address).begin("The old")
    desk.page.locator("#set-num_tokens").fill("3")
    desk.page.locator("#set-num_tokens").press("Control+Enter")
    expect(desk.page.locator(".status")).to_contain_text("3 tokens ·", timeout=WAIT)


def test_a_button_that_has_no_more_to_do_keeps_the_focus(desk, address):
    undo = desk.open(address).page.get_by_role("button", name="Undo")
    undo.press("Enter")
    expect(undo).to_be_disabled()
    desk.page.wait_for_timeout(200)
    expect(undo).to_be_focused()


def test_after_an_alternative_was_chosen_the_tokens_have_the_focus(desk, address):
    desk.open(address).begin("The old miller went to the river").set("num_tokens", 5)
    desk.tab("Look inside").tokens().nth(3).focus()
    for _ in range(2):  # open the card, then choose
        desk.page.keyboard.press("Enter")
    expect(desk.start).to_have_text("Continue", timeout=WAIT)
    expect(desk.ribbon.locator(":focus")).to_have_count(1)
    expect(desk.page.locator(".card")).to_be_hidden()


def test_the_menu_of_an_lstm_keeps_the_focus_when_it_changes(desk, address):
    desk.open(address).model("lstm").begin("The old miller").tab("Look inside").tokens()
    menu = desk.page.get_by_label("Show", exact=False).and_(desk.page.locator("select"))
    menu.focus()
    menu.select_option("cell")
    expect(menu).to_be_focused()
    expect(menu).to_have_value("cell")


# --- looking inside while things change


def on_messages(desk: Desk, action: str) -> None:
    """Do something else with the page's messages to its worker: `send()` sends one."""
    desk.page.evaluate(
        "() => { const post = Worker.prototype.postMessage; Worker.prototype.postMessage = function (message, ...rest)"
        " { const send = () => post.call(this, message, ...rest);" + action + " } }"
    )


def test_tokens_of_an_earlier_text_cannot_be_chosen(desk, address):
    desk.open(address).begin("The old miller went to the river").set("num_tokens", 10).write()
    desk.tab("Look inside").tokens()
    on_messages(desk, "if (message.call !== 'read') send();")
    desk.press("Undo")
    desk.tokens().nth(3).click()
    desk.page.locator(".card button:enabled").first.click()
    desk.page.locator(".next:enabled").first.click()
    desk.tab("Write")
    assert desk.rested() == "The old miller went to the river"


def test_the_inside_is_that_of_the_token_that_was_chosen_last(desk, address):
    desk.open(address).begin("The old miller went to the river").tab("Look inside").tokens()
    inside = desk.page.get_by_role("region", name="Inside the model")
    expect(inside).to_contain_text("Where each head looks", timeout=WAIT)
    on_messages(desk, "if (message.call === 'look' && !window.late) window.late = setTimeout(send, 700); else send();")
    desk.tokens().nth(6).click()
    desk.tokens().nth(1).click()
    desk.page.wait_for_timeout(1200)
    chosen = re.sub("^ | $", "␣", desk.tokens().nth(1).text_content())
    expect(inside).to_contain_text(f"looks from “{chosen}”")


def test_bars_after_a_stop_text_are_those_of_the_text(desk, address):
    desk.open(address).set("num_tokens", 60).set("seed", 3).begin("The ")
    stop = desk.write()[24:28].replace("\n", "\\n")
    desk.press("Undo").set("seed", 3).set("stop", stop).tab("Look inside").tokens()
    desk.press("Write")
    expect(desk.start).to_have_text("Continue", timeout=WAIT)
    bars, shown = desk.page.locator(".bar.next"), []
    for again in ([], ["Undo", "Redo"]):
        for name in again:
            desk.press(name)
        desk.page.wait_for_timeout(800)  # for the text to be read
        shown.append(bars.all_text_contents())
    assert shown[0] == shown[1]


# --- failures


@pytest.mark.parametrize("words", ["missing", "offline"])
def test_a_page_without_its_manifest_can_be_tried_again(desk, address, complaints, words):
    gone = lambda route: route.fulfill(status=404) if words == "missing" else route.abort()  # noqa: E731
    desk.page.route("**/manifest.json", gone)
    desk.page.goto(address)
    expect(desk.page.get_by_role("alert")).to_contain_text(words)
    desk.page.unroute("**/manifest.json")
    desk.press("Try again")
    expect(desk.page.locator("#facts")).to_contain_text("ready in", timeout=WAIT)
    complaints.clear()  # of the file that was missing


def test_the_model_that_is_tried_again_is_the_one_that_failed(desk, address, complaints):
    desk.page.route("**/lstm-*.onnx", lambda route: route.fulfill(status=404))
    desk.open(address).tab("Compare")
    expect(desk.page.get_by_role("alert")).to_contain_text("missing", timeout=WAIT)
    desk.page.unroute("**/lstm-*.onnx")
    desk.press("Try again")
    expect(desk.page.locator(".score strong")).to_have_count(2, timeout=WAIT)
    complaints.clear()


def test_what_cannot_be_tried_again_has_no_button_for_it(desk, address):
    desk.open(address).begin("The old")
    on_messages(desk, "if (message.call === 'write') throw new Error('broken'); send();")
    desk.start.click()
    expect(desk.page.get_by_role("alert")).to_contain_text("broken")
    expect(desk.page.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_crash_of_the_engine_leaves_the_text_and_the_page_writes_on(desk, address, complaints):
    desk.open(address).begin("The old miller").set("num_tokens", 50_000).set("pace", 30)
    desk.press("Write")
    expect(desk.text).to_have_value(re.compile("^The old miller.{6}", re.DOTALL), timeout=WAIT)
    desk.page.workers[0].evaluate("() => void setTimeout(() => { throw new RangeError('out of memory'); })")
    expect(desk.page.get_by_role("alert")).to_be_visible(timeout=WAIT)
    text = desk.text.input_value()
    assert text.startswith("The old miller") and len(text) > len("The old miller") + 5
    complaints.clear()  # of the crash
    desk.set("num_tokens", 3).set("pace", 0).press("Continue")
    expect(desk.page.locator(".status")).to_contain_text("3 tokens ·", timeout=WAIT)
    assert desk.text.input_value().startswith(text) and len(desk.text.input_value()) > len(text)


# --- texts and links


def test_another_link_leaves_the_text_within_reach(desk, address):
    desk.open(address).begin("One.")
    desk.page.evaluate("link => { location.hash = link; }", fragment(prompt="Two", num_tokens=5))
    expect(desk.text).to_have_value(re.compile("^Two."), timeout=WAIT)
    desk.rested()
    desk.press("Undo").press("Undo")
    expect(desk.text).to_have_value("One.")


def test_line_breaks_of_a_link_are_those_of_the_page(desk, address):
    desk.open(address, fragment(prompt="One\r\nTwo", num_tokens=1))
    desk.text.press("Control+End")
    desk.text.press_sequentially(" and more")
    desk.press("Save")
    with desk.page.expect_download() as download:
        desk.page.get_by_role("button", name=".txt").click()
    saved = Path(download.value.path()).read_bytes().decode()
    assert saved == desk.text.input_value() and saved.startswith("One\nTwo")


def test_a_writing_that_comes_to_nothing_leaves_what_could_be_done_again(desk, address, site):
    abandons = """async path => {
        const { Notebook } = await import(path);
        const notebook = new Notebook();
        notebook.open("One");
        notebook.begin("Two");
        notebook.undo();
        notebook.begin("One");
        notebook.abandon();
        notebook.redo();
        return notebook.text;
    }"""
    desk.open(address)
    assert desk.page.evaluate(abandons, f"./{folder_of(site)}/views/notebook.js") == "Two"


# --- failures of the network


@pytest.mark.parametrize(
    ("answer", "words"),
    [({"status": 404, "body": "no"}, "missing"), ({"status": 200, "body": "not a model"}, "damaged")],
)
def test_a_failure_is_explained_and_can_be_tried_again(desk, address, complaints, answer, words):
    desk.page.route("**/*.onnx", lambda route: route.fulfill(**answer))
    desk.page.goto(address)
    notice = desk.page.get_by_role("alert")
    expect(notice).to_contain_text(words, timeout=WAIT)
    desk.page.unroute("**/*.onnx")
    desk.press("Try again")
    expect(desk.page.locator("#facts")).to_contain_text("ready in", timeout=WAIT)
    complaints.clear()  # of the file that was missing
