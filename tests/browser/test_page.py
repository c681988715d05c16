"""The page as a person uses it: written on, looked into, linked to, by mouse, by keyboard and on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from browser.conftest import TITLES
from janelm.config import SamplingConfig
from janelm.engines import TorchEngine
from janelm.runs import Run
from janelm.site.folder import SiteOptions, write_site
from janelm.site.vendor import Package, fetch
from janelm.writing.generation import generate

WAIT = 30_000  # milliseconds: for a model to load, or a text to be written, on a busy machine
TABS = ("Write", "Look inside", "Compare", "Read", "About")
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


@pytest.fixture
def desk(page: Page) -> Desk:
    return Desk(page)


def fragment(**fields: object) -> str:
    return "#" + urlencode(fields)


def example(site: Path, number: int = 0) -> dict:
    return json.loads((site / "manifest.json").read_text(encoding="utf-8"))["models"][number]["example"]


# --- writing


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


# --- links


@pytest.mark.parametrize("model", ["transformer", "lstm"])
def test_a_link_writes_what_python_writes(desk, exact_address, runs, model):
    sampling = SamplingConfig(temperature=0.9, top_k=30, top_p=0.95, repetition_penalty=1.1, seed=42)
    settings = {"temperature": 0.9, "top_k": 30, "top_p": 0.95, "repetition_penalty": 1.1, "seed": 42}
    desk.open(exact_address, fragment(model=model, prompt="The old miller", num_tokens=80, **settings))
    run = next(run for run in runs if run.name == model).load()
    expected = "".join(generate(run, "The old miller", 80, sampling, engine=TorchEngine(run.model)))
    expect(desk.text).to_have_value("The old miller" + expected, timeout=WAIT)


def test_a_copied_link_replays_the_text_wherever_it_was_stopped(desk, context, address, complaints):
    desk.open(address).begin("The old").set("num_tokens", 40).set("min_p", 0.05).set("stop", "\\t\\t")
    desk.write()
    desk.set("num_tokens", 50_000)
    desk.start.click()
    before = desk.text.input_value()
    expect(desk.text).not_to_have_value(before, timeout=WAIT)
    desk.page.wait_for_timeout(100)
    if desk.start.text_content() == "Stop":
        desk.start.click()
    text = desk.rested()
    other = Desk(context.new_page()).open(address, desk.link())
    expect(other.text).to_have_value(text, timeout=WAIT)


def test_a_text_too_long_for_a_link_is_said_and_the_address_stays(desk, address):
    """Three million characters went into the address bar without a word."""
    desk.open(address).begin("It rained. " * 4000)
    before = desk.page.url
    desk.page.get_by_role("button", name="Copy link").click()
    expect(desk.page.locator(".flash")).to_have_text("The text is too long for a link: Save keeps it")
    assert desk.page.url == before


def test_a_link_to_the_example_writes_the_example(desk, context, exact_address, host):
    told = example(host[0] / "some" / "exact")
    desk.open(exact_address).page.keyboard.press("Shift")
    other = Desk(context.new_page()).open(exact_address, desk.link())
    told_text = re.sub("\r\n?", "\n", told["prompt"] + told["text"])  # as every textarea has it
    expect(other.text).to_have_value(told_text, timeout=WAIT)


def test_values_in_a_link_that_make_no_sense_are_named_and_passed_over(desk, address):
    bad = {"temperature": "NaN", "top_p": "7", "seed": "-1", "num_tokens": "1e99", "top_k": "2.5", "memory": "x"}
    desk.open(address, fragment(prompt="The old", model="nobody", **bad))
    notice = desk.page.get_by_role("alert")
    for name in (*bad, "nobody"):
        expect(notice).to_contain_text(name)
    assert len(desk.rested()) > len("The old")
    expect(desk.page.locator(".settings output[for=set-temperature]")).to_have_text("0.8")


def test_text_from_a_link_is_never_taken_for_markup(desk, address):
    text = "<img src=x onerror=alert(1)></textarea><script>alert(1)</script>"
    desk.open(address, fragment(prompt=text, num_tokens=1))
    assert desk.text.input_value().startswith(text)
    desk.tab("Look inside").tokens()
    assert desk.page.locator("main img, main script").count() == 0


# --- looking inside


def test_choosing_an_alternative_goes_on_from_there(desk, address):
    desk.open(address).begin("The old miller went to the river").set("num_tokens", 15)
    written = desk.write()
    desk.tab("Look inside").tokens().nth(3).click()
    card = desk.page.locator(".card")
    expect(card).to_be_visible()
    other = card.locator("button:enabled").first
    chosen = other.locator(".name").text_content().replace("␣", " ").replace("↵", "\n")
    before = "".join(desk.tokens().nth(i).text_content() for i in range(3)).replace("↵", "")
    other.click()
    desk.tab("Write")
    branched = desk.rested()
    assert branched.startswith(before + chosen) and branched != written
    assert len(branched) > len(before + chosen)


def test_the_tokens_are_the_text(desk, address):
    desk.open(address).begin("The old miller went\nto the river, naïve").tab("Look inside")
    tokens = desk.tokens()
    assert "".join(tokens.all_text_contents()).replace("↵", "") == "The old miller went\nto the river, naïve"
    expect(desk.page.locator(".reading")).to_contain_text("bits each on average")


def test_bars_follow_the_temperature_without_the_model(desk, address):
    desk.open(address).begin("The old miller ").tab("Look inside").tokens()
    share = desk.page.locator(".next .share").first
    expect(share).to_have_text(re.compile("%"))
    at_first = share.text_content()
    desk.page.evaluate("() => { Worker.prototype.postMessage = () => { throw new Error('the model was asked') } }")
    desk.page.locator("#bars-temperature").fill("0.3")
    expect(share).not_to_have_text(at_first)
    desk.page.locator("#bars-temperature").fill("0")
    expect(share).to_have_text("100%")
    desk.page.locator("#bars-temperature").fill("0.8")
    expect(share).to_have_text(at_first)
    expect(desk.page.locator(".next.ruled-out")).to_have_count(0)
    desk.page.locator(".next-token summary").click()
    desk.page.locator("#bars-no_repeat_ngram_size").fill("1")
    expect(desk.page.locator(".next.ruled-out .share").first).to_have_text("ruled out")


def test_one_can_choose_each_token_oneself(desk, address):
    desk.open(address).begin("The old").tab("Look inside")
    expect(desk.tokens().last).to_be_visible()
    before = desk.tokens().count()
    desk.page.locator(".next:enabled").first.click()
    expect(desk.ribbon.get_by_role("option")).not_to_have_count(before)
    desk.press("One token")
    desk.tab("Write")
    assert len(desk.rested()) > len("The old")


def test_attention_shades_the_text(desk, address):
    desk.open(address).begin("The old miller went to the river").tab("Look inside").tokens()
    heads = desk.page.locator(".head-button")
    expect(heads).to_have_count(1 + 2 * 4)  # all together; two layers of four
    heads.nth(3).click()
    expect(heads.nth(3)).to_have_attribute("aria-pressed", "true")
    expect(desk.page.locator("#head-words")).to_contain_text("Layer 1, head 3 looks most at")
    weights = [float(one.evaluate("one => one.style.getPropertyValue('--weight')")) for one in desk.tokens().all()]
    assert max(weights) == 1 and min(weights) >= 0


def test_the_activity_of_an_lstm_is_drawn_by_layer(desk, address):
    desk.open(address).model("lstm").begin("The old miller").tab("Look inside").tokens()
    expect(desk.page.get_by_role("img", name=re.compile("Layer .: .* of 32 numbers"))).to_have_count(2)
    desk.page.get_by_label("Show").select_option("cell")
    expect(desk.page.get_by_role("img", name=re.compile("Layer"))).to_have_count(2)


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


# --- comparing


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


# --- when things go wrong


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


# --- everybody


@pytest.fixture
def phone(browser: Browser, host: tuple[Path, str], complaints: list[str]) -> Iterator[Desk]:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
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
    context = browser.new_context(reduced_motion="reduce")
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


@pytest.fixture(scope="module")
def axe() -> str:
    return fetch(AXE)["axe.min.js"].decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_tab_has_a_flaw_that_axe_finds(browser: Browser, address, axe, scheme):
    context: BrowserContext = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    context.add_init_script(axe)
    desk = Desk(context.new_page()).open(address).begin("The old miller went to the river").set("num_tokens", 20)
    desk.write()
    for name in TABS:
        desk.tab(name)
        if name == "Look inside":
            desk.tokens().nth(2).click()
            desk.page.get_by_text("Other settings").click()
        desk.page.wait_for_timeout(500)
        found = desk.page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
        flaws = [
            f"{flaw['id']}: {node['html'][:200]} {node['any'] and node['any'][0]['message']}"
            for flaw in found
            for node in flaw["nodes"]
        ]
        assert not flaws, f"{name}, {scheme}:\n" + "\n".join(flaws)
    context.close()


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
