"""The static page's rooms inside the studio: small models in the browser, large ones stepped by the server."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from playwright.sync_api import expect
from small import SHAPES, TOKENIZERS, TRAINING, quiet, write_text

from janelm.config import DataConfig, SamplingConfig
from janelm.runs.folder import load_run
from janelm.studio import pages, server
from janelm.studio.app import UPLOADS, Studio, add_studio
from janelm.studio.shelf import Shelf
from janelm.training.pipeline import train
from janelm.writing.generation import generate
from studio.conftest import KINDS, running


@pytest.fixture(scope="session")
def learned(made_once):
    """A run of each architecture, and the text that they learned from."""

    def make(folder):
        (folder / "tale.txt").write_text(write_text(600), encoding="utf-8")
        for kind, tokens in KINDS.items():
            data = DataConfig(data=(str(folder / "tale.txt"),))
            train(SHAPES[kind], TRAINING, folder / kind, data=data, tokenizer=TOKENIZERS[tokens], say=quiet)

    return made_once("runs-of-the-rooms", make)


@pytest.fixture
def studio(tmp_path, learned):
    for kind in KINDS:
        shutil.copytree(learned / kind, tmp_path / "models" / kind)
    made = Studio(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def client(studio):
    shelf = Shelf(studio.library.find, engine="torch", most=4)
    app = server.api_app(shelf, studio.library.names)
    add_studio(app, studio)
    with running(server.guarded(app, server.Place(), UPLOADS)) as client:
        yield client
    studio.end()


def step(client, **wish):
    answer = client.post("/studio/steps", json={"model": "transformer"} | wish)
    if answer.status_code != 200:
        return answer.status_code, answer.json()["error"]["message"]
    return np.frombuffer(answer.content, "<f4"), answer.headers["x-session"]


@pytest.mark.parametrize("model", KINDS)
def test_steps_are_those_of_the_model_however_the_tokens_come(client, trained, model):
    tokens = [1, 5, 9, 2, 7, 3]
    whole, first = step(client, model=model, tokens=tokens)
    part, name = step(client, model=model, tokens=tokens[:2])
    for token in tokens[2:]:
        part, name = step(client, model=model, tokens=[token], session=name)
    np.testing.assert_allclose(part, whole, atol=1e-4)
    rows, name = step(client, model=model, tokens=tokens[:4])
    rows, _ = step(client, model=model, tokens=tokens[4:], session=name, rows=2)
    np.testing.assert_allclose(rows[-len(whole) :], whole, atol=1e-4)
    assert len(rows) == 2 * len(whole) == len(step(client, model=model, tokens=tokens, rows=2)[0])
    assert step(client, model=model, tokens=[1], session=first)[0].shape == whole.shape
    assert step(client, model=model, tokens=[1], session=first)[0] == 409, "a name is used up"


def test_states_are_as_many_as_fit_and_the_oldest_go(client, studio):
    names = [step(client, tokens=[1])[1] for _ in range(6)]
    assert len(studio.states) == 4
    assert step(client, tokens=[2], session=names[0])[0] == 409
    assert step(client, tokens=[2], session=names[-1])[0].size
    assert step(client, tokens=[10**6])[0] == 400 and step(client, model="none", tokens=[1])[0] == 400


def test_texts_of_a_model_that_has_changed_on_disk_are_begun_anew(client, studio, tmp_path):
    _, name = step(client, tokens=[1])
    os.utime(tmp_path / "models" / "transformer" / "best.safetensors", (1, 1))
    step(client, tokens=[1])
    assert len(studio.states) == 1 and step(client, tokens=[2], session=name)[0] == 409


def test_a_text_that_is_stepped_and_texts_that_are_written_share_a_model(client, learned):
    asked = {"model": "lstm", "prompt": "The", "max_tokens": 200, "seed": 3}
    wanted = "".join(generate(load_run(learned / "lstm"), "The", 200, SamplingConfig(temperature=1, seed=3)))
    with client.stream("POST", "/v1/completions", json=asked | {"stream": True}) as writing:
        lines = writing.iter_lines()
        next(lines)
        _, name = step(client, model="lstm", tokens=[1, 2])
        for _ in range(5):
            _, name = step(client, model="lstm", tokens=[3], session=name)
        list(lines)
    assert client.post("/v1/completions", json=asked).json()["choices"][0]["text"] == wanted


@pytest.mark.browser
@pytest.mark.needs("chromium", "npm")
@pytest.mark.parametrize("small", [0, pages.SMALL])
def test_the_rooms_write_look_compare_and_read(client, browser, learned, monkeypatch, small):
    monkeypatch.setattr(pages, "SMALL", small)
    answer = client.post("/studio/rooms", json={"runs": list(KINDS)}, timeout=300)
    assert answer.json() == {"served": list(KINDS) if small == 0 else []}
    again = client.get("/rooms/manifest.json").text
    client.post("/studio/rooms", json={"runs": list(KINDS)}, timeout=300)
    assert client.get("/rooms/manifest.json").text == again, "nothing has changed: nothing is made anew"
    page = browser.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{client.base_url}/rooms/")
    folder = next(path for path in client.get("/rooms/manifest.json").json()["app"]).split("/")[0]
    written = page.evaluate(
        """async (folder) => {
            const { Engine } = await import(new URL(`${folder}/engine/client.js`, location.href));
            const manifest = await (await fetch("manifest.json")).json();
            const engine = new Engine(manifest, { base: location.href });
            const told = {};
            for (const { name } of manifest.models) {
                await engine.load(name);
                let text = "";
                const sampling = { temperature: 1, top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1,
                                   no_repeat_ngram_size: 0, seed: 5 };
                const options = { text: "The", num_tokens: 60, sampling };
                await engine.write(name, options, (frame) => (text += frame.text)).done;
                const { tokens } = await engine.read(name, "The lamp.");
                const { bitsPerByte } = await engine.score(name, "The lamp.");
                told[name] = { text, bits: tokens.map(({ bits }) => bits), bitsPerByte, looks: engine.canLook(name) };
            }
            engine.terminate();
            return told;
        }""",
        folder,
    )
    for kind in KINDS:
        if small == 0:  # six-bit weights write otherwise
            run = load_run(learned / kind)
            assert written[kind]["text"] == "".join(generate(run, "The", 60, SamplingConfig(temperature=1, seed=5)))
            scored = client.post("/v1/score", json={"model": kind, "input": "The lamp."}).json()
            assert written[kind]["bitsPerByte"] == pytest.approx(scored["bits_per_byte"], abs=1e-4)
        assert len(written[kind]["bits"]) > 2 and written[kind]["looks"] == bool(small)
    for room in ("Look inside", "Compare", "Read", "Write"):
        page.get_by_role("tab", name=room).click()
        page.wait_for_timeout(1000)
        page.screenshot(path=f"room-{room}-{small}.png")
    assert not complaints and not page.locator("#notice:not([hidden])").count()
    page.close()


LATE = """const plain = window.fetch;
window.fetch = async (...asked) => {
    const answer = await plain(...asked);
    if (String(asked[0]).endsWith("/studio/rooms")) await new Promise((done) => setTimeout(done, 4000));
    return answer;
};"""


@pytest.mark.browser
@pytest.mark.needs("chromium", "npm")
def test_rooms_do_not_begin_anew_when_the_answer_comes_after_the_state(client, browser):
    """On a busy machine the state told of them first. They were shown, and once more when the answer came, so that the
    reader was thrown out of the room they had gone into."""
    page, opened = browser.new_page(), []
    page.on("request", lambda asked: asked.url.endswith("/rooms/") and opened.append(asked.resource_type))
    page.add_init_script(LATE)
    page.goto(str(client.base_url))
    page.get_by_role("tab", name="Look inside").click()
    page.get_by_role("button", name="Open the rooms").click()
    expect(page.get_by_text("The rooms are open")).to_be_attached(timeout=120_000)
    page.frame_locator("iframe.rooms").get_by_text("ready in").wait_for(timeout=60_000)
    assert opened == ["document"]
    page.close()


def test_rooms_of_what_is_no_finished_run_are_one_sentence(client):
    answer = client.post("/studio/rooms", json={"runs": ["none"]})
    assert answer.status_code == 400 and "no run called" in answer.json()["error"]["message"]
