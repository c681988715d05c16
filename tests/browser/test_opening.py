"""Models of a reader's own, opened on the page: checked, run, and refused with one sentence where one is wrong."""

from __future__ import annotations

import base64
import copy
import io
import json
import zipfile
from functools import partial
from pathlib import Path

import onnx
import pytest
from onnx import helper
from playwright.sync_api import Page, expect

from browser.desk import WAIT, Desk
from browser.engine_site import STOCK_STYLE, model_entry, site_models, write_engine_site
from janelm.config import SamplingConfig
from janelm.config.tokenizers import SPLIT_PATTERN
from janelm.engines import TorchEngine
from janelm.export.graphs import read_description, write_description
from janelm.writing.generation import generate

NAME = "transformer-tiktoken"  # which the page itself has not


@pytest.fixture
def desk(page: Page, small_site) -> Desk:
    return Desk(page).open(small_site[1])


@pytest.fixture(scope="module")
def graph() -> bytes:
    return model_entry(NAME, *site_models()[NAME])[0]


def choose(desk: Desk, what: str, *files: Path | str | dict) -> None:
    if not desk.page.get_by_role("dialog").is_visible():
        desk.press("Open a model of your own")
    expect(desk.page.get_by_role("dialog")).to_be_visible(timeout=WAIT)
    desk.page.locator(f"input[aria-label='{what}']").set_input_files(list(files) if len(files) > 1 else files[0])


def named(name: str, content: bytes) -> dict:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def opened(desk: Desk, name: str) -> None:
    expect(desk.page.get_by_role("dialog")).to_be_hidden(timeout=WAIT)
    expect(desk.page.locator("#model")).to_have_value(name, timeout=WAIT)
    expect(desk.page.locator("#facts")).to_contain_text("ready in", timeout=WAIT)


def refused(desk: Desk, why: str) -> None:
    alert = desk.page.get_by_role("dialog").get_by_role("alert")
    expect(alert).to_contain_text(why, timeout=WAIT)
    assert alert.inner_text().count("\n") == 0
    expect(desk.page.locator("#model option")).to_have_count(1)
    expect(desk.page.locator("#model")).to_have_value("lstm-character")


def archive(files: dict[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", packed) as made:
        for path, data in files.items():
            made.writestr(path, data)
    return content.getvalue()


def site_of(folder: Path, *names: str) -> dict[str, bytes]:
    write_engine_site(folder, list(names))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_single_file_writes_what_python_writes_and_nothing_is_asked_of_the_network(desk, graph):
    asked: list[str] = []
    choose(desk, "A file", named("mine.onnx", graph))
    desk.page.on("request", lambda request: asked.append(request.url))
    opened(desk, "random")
    desk.begin("The old miller").set("num_tokens", 30).set("seed", 4)
    run = site_models()[NAME][0]
    sampling = SamplingConfig(seed=4)
    expected = "".join(generate(run, "The old miller", 30, sampling, engine=TorchEngine(run.model)))
    assert desk.write() == "The old miller" + expected
    assert not asked


@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_zip_of_an_exported_folder_brings_all_its_models(desk, tmp_path, packed):
    files = {f"my page/{path}": data for path, data in site_of(tmp_path / "site", NAME, "lstm-character").items()}
    choose(desk, "A file", named("site.zip", archive(files, packed)))
    opened(desk, NAME)
    expect(desk.page.locator("#model option")).to_have_count(3)
    desk.model("lstm-character 2")
    assert desk.begin("The old").write() != "The old"
    desk.tab("About")
    expect(desk.page.locator(".model-card")).to_have_count(3)
    desk.tab("Compare")
    desk.page.locator("#right-model").select_option(NAME)
    desk.press("Write both")
    expect(desk.page.locator(".side .figures").last).to_contain_text("tokens/s", timeout=WAIT)


def test_an_exported_folder_is_opened_as_it_is(desk, tmp_path):
    site_of(tmp_path / "site", NAME)
    choose(desk, "A folder", tmp_path / "site")
    opened(desk, NAME)


def test_a_file_is_opened_where_it_is_dropped(desk, graph):
    desk.page.evaluate(
        """content => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(atob(content), letter => letter.charCodeAt(0))], "mine.onnx"));
            const event = type => new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
            window.allowed = !document.getElementById("text").dispatchEvent(event("dragover"));
            document.getElementById("text").dispatchEvent(event("drop"));
        }""",
        base64.b64encode(graph).decode(),
    )
    opened(desk, "random")
    assert desk.page.evaluate("allowed"), "a browser would open the file instead"


def test_a_page_that_is_reloaded_has_forgotten_the_model_but_not_the_text(desk, graph):
    choose(desk, "A file", named("mine.onnx", graph))
    opened(desk, "random")
    desk.begin("The old miller").page.reload()
    expect(desk.text).to_have_value("The old miller", timeout=WAIT)
    expect(desk.page.locator("#model option")).to_have_count(1)


def changed(graph: bytes, change) -> bytes:
    """The same graph after something was done to its description."""
    model = onnx.load_from_string(graph)
    description = copy.deepcopy(read_description(model))
    change(description)
    write_description(model, description)
    return model.SerializeToString()


def into(description: dict, part: str, value: object) -> None:
    *path, last = part.split(".")
    for name in path:
        description = description[name]
    description[last] = value


WRONG = {
    "layers that are not there": ("config.layers", 3, "no transformer has its shape"),
    "a width beyond its weights": ("config.width", 64, "by 32, not"),
    "a shape that is no number": ("config.width", "32", "config"),
    "heads that do not divide": ("config.heads", 5, "no transformer has its shape"),
    "a vocabulary of its own": ("vocab_size", 9_999, "not those of its vocabulary"),
    "no end of tokens": ("vocab_size", 1e300, "vocab_size"),
    "another kind": ("kind", "gpt2", "this page's own step has no model of kind gpt2"),
    "a look back without end": ("ring.memory", 10**9, "ring.memory"),
    "a name that is markup over lines": ("name", "<b>\n</b>", "name"),
    "states that are none": ("states", "all", "states"),
    "a pattern that never ends": ("tokenizer.pattern", r"(?:\p{L}+)+$", "never come to an end"),
    "byte pairs that are none": ("tokenizer.ranks", "ä ö", "byte pairs are damaged"),
}


def test_a_description_that_is_not_true_is_refused(desk, graph):
    for name, (part, value, why) in WRONG.items():
        choose(desk, "A file", named(f"{name}.onnx", changed(graph, partial(into, part=part, value=value))))
        refused(desk, why)


def test_an_lstm_with_smaller_states_than_it_writes_to_is_refused(desk):
    """The step would write beyond them."""
    graph = model_entry("lstm", *site_models()["lstm-tiktoken"])[0]
    small = changed(graph, lambda told: into(told["states"][0], "shape", [1, "batch", 1]))
    choose(desk, "A file", named("mine.onnx", small))
    refused(desk, "no lstm has its shape")


def plain_onnx() -> bytes:
    return onnx.ModelProto(graph=onnx.GraphProto()).SerializeToString()


def with_step(graph: bytes, kind: str, domain: str = "") -> bytes:
    model = onnx.load_from_string(graph)
    model.graph.node.append(helper.make_node(kind, [], ["more"], domain=domain))
    return model.SerializeToString()


def without_weights(graph: bytes) -> bytes:
    model = onnx.load_from_string(graph)
    del model.graph.initializer[:]
    return model.SerializeToString()


def test_files_that_hold_no_model_are_refused(desk, graph):
    for content, why in (
        (b"no model at all", "damaged"),
        (plain_onnx(), "does not say what it is"),
        (graph[: len(graph) // 2], "ends too early"),
        (with_step(graph, "Loop"), "a step that JaneLM does not write (Loop)"),
        (with_step(graph, "Anything", "of.another.library"), "of.another.library:Anything"),
        (changed(graph, lambda told: told.clear()), "name"),
        (without_weights(graph), "it has no"),
    ):
        choose(desk, "A file", named("mine.onnx", content))
        refused(desk, why)


def test_archives_that_are_none_or_too_much_are_refused(desk, tmp_path):
    files = site_of(tmp_path / "site", NAME)
    whole = archive(files)
    encrypted = bytearray(archive({"manifest.json": files["manifest.json"]}))
    at = encrypted.rindex(b"PK\x01\x02")
    encrypted[at + 8] |= 1
    bomb = bytearray(archive({"manifest.json": b" " * 1_000_000}))
    at = bomb.rindex(b"PK\x01\x02")
    bomb[at + 24 : at + 28] = (100).to_bytes(4, "little")  # says that it unpacks to 100 bytes
    giant = bytearray(archive({"manifest.json": b"{}"}))
    at = giant.rindex(b"PK\x01\x02")
    giant[at + 24 : at + 28] = (3 << 30).to_bytes(4, "little")
    damaged = bytearray(whole)
    damaged[len(files["index.html"]) // 4 :: 500] = bytes(len(damaged[len(files["index.html"]) // 4 :: 500]))
    for content, why in (
        (b"PK no zip", "it is no zip archive"),
        (whole[:-60], "it is no zip archive"),
        (b"PK" + whole[-600:], "it ends too early"),
        (bytes(encrypted), "encrypted"),
        (bytes(bomb), "damaged"),
        (bytes(giant), "larger than a gigabyte"),
        (archive({str(number): b"" for number in range(5001)}), "more than 5000 files"),
        (archive({"notes.txt": b"hello"}), "no manifest.json"),
        (archive(files | {"manifest.json": b"{"}), "the manifest is damaged"),
        (archive(files | {"manifest.json": b'{"format":2,"models":[]}'}), "not one that this page knows"),
        (archive({"manifest.json": files["manifest.json"]}), "its folder lacks models/"),
    ):
        choose(desk, "A file", named("site.zip", content))
        refused(desk, why)


def test_a_manifest_that_is_not_true_is_refused(desk, tmp_path):
    files = site_of(tmp_path / "site", NAME)
    for part, value, why in (
        ("sha256", "0" * 64, "not the one that was exported"),
        ("bytes", 5, "not the one that was exported"),
        ("kind", "lstm", "disagree"),
        ("file", "../../etc/passwd", "lacks ../../etc/passwd"),
        ("parameters", "many", "parameters"),
    ):
        manifest = json.loads(files["manifest.json"])
        manifest["models"][0][part] = value
        choose(desk, "A file", named("site.zip", archive(files | {"manifest.json": json.dumps(manifest).encode()})))
        refused(desk, why)


def test_what_a_manifest_tells_besides_is_shown_as_text_or_left_out(desk, tmp_path):
    files = site_of(tmp_path / "site", NAME)
    manifest = json.loads(files["manifest.json"])
    markup = "<img src=x onerror=alert(1)>"
    manifest["models"][0] |= {
        "name": markup,
        "card": {"data": [markup], "steps": 1, "tokens": 2, "seconds": 3, "settings": {"a": {"b": {}}}},
        "losses": {"validation": "none"},
        "curves": {"tokens": ["x"]},
        "example": {"prompt": 5},
        "overlap": {"text": {"runs_of_8": {}}},
    }
    choose(desk, "A file", named("site.zip", archive(files | {"manifest.json": json.dumps(manifest).encode()})))
    opened(desk, markup)
    for name in ("About", "Compare", "Look inside"):
        desk.tab(name)
        desk.page.wait_for_timeout(200)
    desk.tab("About")
    expect(desk.page.locator(".model-card").last).to_contain_text(markup)
    assert desk.page.locator("main img").count() == 0


def test_patterns_that_tokenizers_have_are_quick_and_those_that_repeat_repetitions_are_not(desk, small_site):
    folder = next(small_site[0].glob("app-*")).name
    slow = [r"(a+)+", r"(?:\p{L}*)*x", r"(?:a|a){2,}b", r"(a)\1+", "+".join("ab" * 30), r"(?:[^x]+y?)*$"]
    good = [SPLIT_PATTERN, STOCK_STYLE, r"(?:ab|c)?\p{L}+", r"[(+*)]+", r"\(a+\)+", r"(?=a+)b"]
    found = desk.page.evaluate(
        "async ([path, patterns]) => { const { isQuick } = await import(path); return patterns.map(isQuick); }",
        [f"./{folder}/files/check.js", [*slow, *good]],
    )
    assert found == [False] * len(slow) + [True] * len(good)


def test_archives_that_the_page_writes_are_read_by_others_and_by_itself(desk, small_site):
    folder = next(small_site[0].glob("app-*")).name
    made = desk.page.evaluate(
        """async path => {
            const { readZip, writeZip } = await import(path);
            const files = [["one.txt", "One, naïve ☃"], ["dir/ä.bin", Uint8Array.of(0, 255, 7)], ["empty", ""]];
            const bytes = writeZip(files);
            const found = await readZip(new Blob([bytes]));
            const again = await Promise.all(found.map(async one => [one.path, Array.from(await one.read())]));
            return { bytes: Array.from(bytes), again };
        }""",
        f"./{folder}/files/zip.js",
    )
    with zipfile.ZipFile(io.BytesIO(bytes(made["bytes"]))) as found:
        assert found.testzip() is None
        held = {name: found.read(name) for name in found.namelist()}
    assert held == {"one.txt": "One, naïve ☃".encode(), "dir/ä.bin": b"\x00\xff\x07", "empty": b""}
    assert {name: bytes(content) for name, content in made["again"]} == held


def test_nothing_of_it_is_fetched_before_it_is_wanted(page, small_site):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    desk = Desk(page).open(small_site[1])
    page.wait_for_timeout(300)
    assert not [url for url in asked if "/files/" in url]
    desk.press("Open a model of your own")
    expect(page.get_by_role("dialog")).to_be_visible(timeout=WAIT)
    assert any(url.endswith("/files/open.js") for url in asked)
