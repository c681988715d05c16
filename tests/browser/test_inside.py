"""Further inside a model, and where models part: each against the same worked out in Python."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from small import write_text

from browser.desk import WAIT
from browser.engine_site import module, sampling, site_models
from janelm.architectures import build_model
from janelm.engines import TorchEngine

TEXT = write_text(3)[:50]
SAMPLING = sampling()


def shares_after(run, layers: int, text: str) -> np.ndarray:
    """Probabilities (V) after a text by the first layers alone: a model of that shape with these weights."""
    model = build_model(replace(run.config.model, layers=layers), run.tokenizer.vocab_size, run.tokenizer.pad_token)
    own = run.model.state_dict()
    model.load_state_dict({name: own[name] for name in model.state_dict()})
    engine = TorchEngine(model.eval())
    tokens = run.tokenizer.encode(text)[None]
    logits = torch.from_numpy(engine.step(tokens, engine.initial_state(1))[0][0].astype(np.float64))
    logits[run.tokenizer.never_written] = -torch.inf
    return logits.softmax(0).numpy()


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
@pytest.mark.parametrize("tokenizer", ["character", "tiktoken"])
def test_what_a_layer_says_is_what_a_model_of_so_many_layers_says(engine, kind, tokenizer):
    run, _ = site_models()[f"{kind}-{tokenizer}"]
    found = engine.evaluate("([name, text]) => engine.lens(name, text)", [f"{kind}-{tokenizer}", TEXT])
    assert found["first"] == (0 if kind == "transformer" else 1)
    assert found["first"] + len(found["layers"]) - 1 == run.config.model.layers
    for layers, top in enumerate(found["layers"], start=found["first"]):
        if not layers:
            continue  # no such model can be built; its head reads the embedding
        expected = shares_after(run, layers, TEXT)
        assert [one["token"] for one in top] == np.argsort(-expected, kind="stable")[:5].tolist()
        assert [one["probability"] for one in top] == pytest.approx([expected[one["token"]] for one in top], abs=1e-4)


@pytest.mark.parametrize("name", ["transformer-character", "lstm-character"])
def test_looking_by_layers_leaves_the_model_as_it_was(engine, name):
    """The layers are run in the memory that the text is carried in."""
    asks = """async ([name, text]) => {
        const before = await engine.read(name, text);
        await engine.lens(name, text);
        await engine.lens(name, text.slice(0, 20));
        const { logits } = await engine.read(name, text, { from: text.length - 1 });
        return [Array.from(before.logits), Array.from(logits)];
    }"""
    before, after = engine.evaluate(asks, [name, TEXT])
    np.testing.assert_allclose(before, after, atol=1e-5)


@pytest.mark.parametrize("length", [1, 10, 50])
def test_how_far_heads_look_is_the_mean_of_what_each_token_looks_at(engine, length):
    """The model sees 16 tokens: of 50 characters it has forgotten most."""
    asks = """async text => {
        const looks = [];
        for (let end = 2; end <= text.length; end++) {
            const { heads, attention } = await engine.look("transformer-character", text.slice(0, end));
            looks.push(attention.map(layer => [heads, Array.from(layer)]));
        }
        return [looks, await engine.distances("transformer-character", text)];
    }"""
    looks, found = engine.evaluate(asks, TEXT[:length])
    rows = [[np.reshape(weights, (heads, -1)) for heads, weights in layers] for layers in looks]
    back = [[layer @ np.arange(layer.shape[1])[::-1] for layer in layers] for layers in rows]  # (L, H) of each token
    assert found["tokens"] == length - 1
    np.testing.assert_allclose(found["layers"], np.mean(back, axis=0) if back else 0.0, atol=1e-3)


def test_the_units_of_an_lstm_are_those_that_change_most(engine):
    run, _ = site_models()["lstm-character"]
    found = engine.evaluate(
        """text => engine.units("lstm-character", text).then(({ spans, units }) =>
        ({ spans, units: units.map(one => ({ ...one, values: Array.from(one.values) })) }))""",
        TEXT,
    )
    torch_engine = TorchEngine(run.model)
    state, hidden = torch_engine.initial_state(1), []
    for token in run.tokenizer.encode(TEXT).tolist():
        _, state = torch_engine.step(np.array([[token]]), state)
        hidden.append(np.asarray(state[1][0]).reshape(-1))
    values = np.array(hidden)[1:]  # the first token is where it starts
    width = run.config.model.width
    spread = ((values - values.mean(0)) ** 2).sum(0)
    ours = [one["layer"] * width + one["unit"] for one in found["units"]]
    assert spread[ours] == pytest.approx(np.sort(spread)[::-1][: len(ours)], rel=1e-3)
    np.testing.assert_allclose([one["values"] for one in found["units"]], values[:, ours].T, atol=1e-4)
    assert [TEXT[one["start"] : one["end"]] for one in found["spans"]] == list(TEXT[1:])


def test_the_layers_of_the_token_that_is_looked_at_are_shown(desk, address):
    desk.open(address).begin("The old miller went").tab("Look inside").tokens()
    desk.page.locator("summary", has_text="Further inside").click()
    rows = desk.page.locator(".lens tr")
    expect(rows).to_have_count(3, timeout=WAIT)  # the token itself, and after each of two layers
    expect(desk.page.locator(".lens tr").last.locator("td").first).to_have_class("own")
    before = rows.last.inner_text()
    desk.tokens().nth(1).click()
    expect(rows.last).not_to_have_text(before, timeout=WAIT)
    expect(desk.page.locator(".units")).to_be_hidden()
    expect(desk.page.locator(".distances tr")).to_have_count(2, timeout=WAIT)  # layers
    expect(desk.page.locator(".distances p")).to_contain_text("(tokens: 1)")
    heads = desk.page.locator(".head-button")
    expect(heads.nth(1)).to_have_attribute("title", re.compile(r"Layer 1, head 1, [\d.]+ tokens back on average"))


def test_a_unit_colours_the_text_above_and_below_zero(desk, address):
    desk.open(address).model("lstm").begin("The old miller went to the river").tab("Look inside").tokens()
    desk.page.locator("summary", has_text="Further inside").click()
    expect(desk.page.locator(".unit-buttons button")).to_have_count(12, timeout=WAIT)
    desk.page.locator(".unit-buttons button").first.click()
    tones = {one.evaluate("one => one.style.getPropertyValue('--tone')") for one in desk.tokens().all()}
    assert tones == {"var(--accent)", "var(--cool)"}
    expect(desk.page.locator(".units [role=status]")).to_contain_text("is highest at")
    expect(desk.page.locator(".distances")).to_be_hidden()
    assert desk.page.locator("#shading").input_value() == "unit"


# --- where models part


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["So it was a river, and", "So it was a rain, and"], {"at": 11, "words": [" river", " rain"]}),
        (["So it was a river", "So it was the river"], {"at": 9, "words": [" a", " the"]}),
        (["So it was.", "So it was, and"], {"at": 9, "words": [".", ","]}),
        (["So he ran", "So heron"], {"at": 2, "words": [" he", " heron"]}),
        (["So one", "So one"], None),
        (["So one", "So one two"], None),
        (["So a\nb", "So a c", "So a d"], {"at": 4, "words": ["\nb", " c", " d"]}),
        (["Soon", "Sore"], {"at": 2, "words": ["on", "re"]}),
    ],
)
def test_models_part_at_the_first_word_that_differs(engine, texts, expected):
    path = module(engine, "../views/parting.js")
    ours = engine.evaluate(
        "async ([path, texts]) => (await import(new URL(path, location.href))).partingOf(texts, 2)", [path, texts]
    )
    assert ours == expected


def test_where_two_models_part_both_probabilities_are_those_of_the_models(desk, address, exact_address):
    desk.open(exact_address).set("num_tokens", 40).set("seed", 3).tab("Compare")
    desk.page.get_by_label("Your words").fill("The old miller")
    desk.press("Write both")
    table = desk.page.locator(".parting table")
    expect(table).to_be_visible(timeout=WAIT)
    assert table.locator("thead th").all_inner_texts()[1:] == ["transformer", "lstm"]
    assert table.locator("td.own").count() == 2, "each model's own word is marked"
    words = [text.strip("“”") for text in table.locator("tbody th").all_inner_texts()]
    first, second = (
        desk.page.get_by_role("region", name=f"What {name} writes").inner_text() for name in ("transformer", "lstm")
    )
    assert len(set(words)) == 2 and words[0] in first and words[1] in second


def test_three_models_write_side_by_side_and_race_by_one_clock(desk, address):
    desk.open(address).set("num_tokens", 60).tab("Compare")
    desk.page.get_by_label("Your words").fill("The old")
    desk.press("Three models")
    expect(desk.page.locator(".side")).to_have_count(3)
    desk.page.get_by_label("Race").check()
    desk.press("Write all three")
    expect(desk.page.locator(".side .figures", has_text="on the clock")).to_have_count(3, timeout=WAIT)
    for name in ("transformer", "lstm", "verses"):
        expect(desk.page.get_by_role("region", name=f"What {name} writes")).to_have_text(
            re.compile("^The old.+", re.DOTALL)
        )
    assert float(desk.page.locator(".clock").inner_text().split()[0]) >= 0
    desk.press("Two models")
    expect(desk.page.locator(".side")).to_have_count(2)


def test_in_a_race_each_has_the_same_time_and_not_as_many_tokens(engine):
    """The slow one is held up at each token."""
    races = """async ([names, options]) => {
        const counts = {};
        const all = names.map(name => engine.write(name, options, ({ written }) => { counts[name] = written; }));
        await Promise.race(all.map(one => one.done));
        const at = { ...counts };
        for (const one of all) one.stop();
        const told = await Promise.all(all.map(one => one.done));
        return [at, told.map(one => one.millisecondsPerToken)];
    }"""
    names = ["transformer-tiktoken", "lstm-character"]
    options = {"text": "The", "num_tokens": 3000, "sampling": SAMPLING, "race": True}
    counts, costs = engine.evaluate(races, [names, options])
    used = [counts[name] * cost for name, cost in zip(names, costs, strict=True)]
    assert 0.4 < used[0] / used[1] < 2.5


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
