"""Links: the same settings write the same text, elsewhere and in Python."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.desk import WAIT, Desk, example, fragment
from janelm.config import SamplingConfig
from janelm.engines import TorchEngine
from janelm.writing.generation import generate


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
