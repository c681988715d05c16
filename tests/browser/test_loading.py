"""Loading and keeping models and the runtime, and a clear word for each failure."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil

import numpy as np
import onnx
import pytest
from small import random_run

from browser.engine_site import (
    KEPT,
    LOAD,
    model_entry,
    model_run,
    module,
    open_engine,
    options,
    sampling,
    wait_for,
    write,
    write_engine_site,
)
from browser.servers import Foreign, served
from janelm.config import LSTMConfig
from janelm.export.graphs import export_graph


def requests_of(page) -> list[str]:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def test_progress_is_true_and_ends_at_the_total(page, engine_address):
    open_engine(page, engine_address)
    found = page.evaluate(LOAD.replace("const told", "window.engine = startEngine(); const told"), "lstm-character")
    manifest = page.evaluate("manifest")
    entry = next(model for model in manifest["models"] if model["name"] == "lstm-character")
    total = entry["bytes"] + manifest["runtime"]["relaxed"]["wasm_bytes"]
    assert found["loaded"]["bytes"] == total and not found["loaded"]["cached"]
    assert {step["total"] for step in found["told"]} == {total}
    loaded = [step["loaded"] for step in found["told"]]
    assert loaded == sorted(loaded) and loaded[-1] == total and len(set(loaded)) >= 3  # before, in between, and all
    assert [step["stage"] for step in found["told"]][-1] == "start"
    again = page.evaluate(LOAD, "transformer-character")
    assert again["told"][-1]["total"] < 1e6  # the runtime is there


def test_a_second_visit_asks_for_no_model(context, small_site, complaints):
    _, address = small_site
    for visit in range(2):
        page = context.new_page()
        asked = requests_of(page)
        open_engine(page, address)
        loaded = page.evaluate(LOAD, "lstm-character")["loaded"]
        assert loaded["cached"] == bool(visit) == (not any(".onnx" in url for url in asked))
        wait_for(page, KEPT)
        page.close()


def kept_models(page) -> list[str]:
    return page.evaluate(
        """async () => {
            const { storeName } = await import(new URL(manifest.app[0].split("/")[0] + "/engine/loader.js", location));
            return (await (await caches.open(storeName(location.href))).keys()).map(({ url }) => url.split("/").at(-1));
        }"""
    )


def test_a_new_export_is_picked_up_and_the_old_model_is_removed(context, small_site, host):
    folder, address = small_site
    page = context.new_page()
    open_engine(page, address)
    page.evaluate(LOAD, "lstm-character")
    wait_for(page, KEPT)
    old = kept_models(page)
    shutil.rmtree(folder)
    write_engine_site(folder, ["lstm-tiktoken"])
    open_engine(page, address)
    assert not page.evaluate(LOAD, "lstm-tiktoken")["loaded"]["cached"]
    wait_for(page, KEPT)
    new = kept_models(page)
    assert len(old) == len(new) == 1 and old != new


def test_models_of_another_site_on_the_same_host_are_left_alone(context, small_site, engine_address):
    page = context.new_page()
    open_engine(page, small_site[1])
    page.evaluate(LOAD, "lstm-character")
    wait_for(page, KEPT)
    open_engine(page, engine_address)
    page.evaluate(LOAD, "documents")
    page.goto(small_site[1] + "LICENSES.txt")
    open_engine(page, small_site[1])
    assert page.evaluate(LOAD, "lstm-character")["loaded"]["cached"]


def spoil(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "change",
    [spoil, lambda content: content[:-10], lambda content: content + b"x", lambda content: b"<!doctype html>"],
    ids=["one bit", "cut off", "too long", "a page of HTML"],
)
def test_a_corrupted_model_is_told_and_not_kept(page, small_site, change):
    folder, address = small_site
    (file,) = (folder / "models").iterdir()
    whole = file.read_bytes()
    file.write_bytes(change(whole))
    open_engine(page, address)
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    assert failure["kind"] == "corrupted" and "lstm-character" in failure["message"]
    assert kept_models(page) == []
    file.write_bytes(whole)  # and the next try succeeds, in the same page
    page.evaluate("() => caches.keys()")
    assert page.evaluate(LOAD, "lstm-character")["loaded"]["bytes"] > 0


def test_a_kept_model_that_was_spoiled_is_fetched_again(context, small_site):
    page = context.new_page()
    open_engine(page, small_site[1])
    page.evaluate(LOAD, "lstm-character")
    wait_for(page, KEPT)
    page.evaluate(
        """async () => {
            const [name] = (await caches.keys()).filter(name => name.includes("models"));
            const store = await caches.open(name);
            const [request] = await store.keys();
            const bytes = new Uint8Array(await (await store.match(request)).arrayBuffer());
            bytes[bytes.length - 1] ^= 1;
            await store.put(request, new Response(bytes));
        }"""
    )
    open_engine(page, small_site[1])
    assert not page.evaluate(LOAD, "lstm-character")["loaded"]["cached"]


def test_a_missing_model_is_told(page, small_site, complaints):
    folder, address = small_site
    shutil.rmtree(folder / "models")
    open_engine(page, address)
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    assert failure["kind"] == "missing" and "404" in failure["message"]
    complaints.clear()  # the browser itself writes of each 404


@pytest.mark.parametrize(
    ("site", "part"),
    [
        *(("small_site", part) for part in (".wasm", "native.js", "worker.js")),
        *(("small_onnx_site", part) for part in (".wasm", "simd-threaded.mjs")),
    ],
)
def test_a_missing_part_of_the_engine_is_told(page, request, complaints, site, part):
    folder, address = request.getfixturevalue(site)
    for file in folder.rglob("*"):
        if file.name.endswith(part):
            file.unlink()
    open_engine(page, address)
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    assert failure["kind"] == ("missing" if part == ".wasm" else "failed") and failure["message"].endswith(".")
    complaints.clear()


def test_a_spoiled_runtime_is_told(page, small_site):
    folder, address = small_site
    (file,) = folder.rglob("step-relaxed.wasm")
    content = file.read_bytes()
    for spoiled in (content[: len(content) // 2], b"\0asm" + content[5:]):
        file.write_bytes(spoiled)
        open_engine(page, address)
        assert page.evaluate("() => fails(engine.load('lstm-character'))")["kind"] == "corrupted"


def test_a_host_without_the_wasm_type_still_serves(page, small_site):
    """Streaming compilation insists on application/wasm, which not every host says."""
    as_bytes = lambda route: route.fulfill(response=route.fetch(), content_type="application/octet-stream")  # noqa: E731
    size = next(small_site[0].rglob("step-relaxed.wasm")).stat().st_size
    page.route("**/*.wasm", as_bytes)
    open_engine(page, small_site[1])
    assert page.evaluate(LOAD, "lstm-character")["loaded"]["bytes"] > size


def test_without_a_network_the_error_says_so_and_a_later_try_succeeds(context, small_site):
    page = context.new_page()
    size = next(small_site[0].rglob("step-relaxed.wasm")).stat().st_size
    page.route("**/*.onnx", lambda route: route.abort("internetdisconnected"))
    open_engine(page, small_site[1])
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    assert failure["kind"] == "offline" and "connection" in failure["message"]
    page.unroute("**/*.onnx")
    page.route("**/*.wasm", lambda route: route.abort("internetdisconnected"))
    open_engine(page, small_site[1])
    assert page.evaluate("() => fails(engine.load('lstm-character'))")["kind"] == "offline"
    page.unroute("**/*.wasm")
    assert page.evaluate(LOAD, "lstm-character")["loaded"]["bytes"] > size
    assert write(page, "lstm-character", "The", 5, sampling())["summary"]["tokens"] == 5


def test_a_model_that_fails_leaves_the_one_that_loads_beside_it_alone(context, engine_address):
    page, held = context.new_page(), []
    page.route(re.compile(r"/lstm-character-[0-9a-f]{8}\.onnx$"), lambda route: route.fulfill(status=404))
    page.route("**/*.wasm", lambda route: held.append(route))
    open_engine(page, engine_address)
    page.evaluate("() => { window.other = engine.load('transformer-character'); }")
    assert page.evaluate("() => fails(engine.load('lstm-character'))")["kind"] == "missing"
    for route in held:
        route.continue_()
    assert page.evaluate("() => other.then(({ cached }) => cached)") is False


def put(folder, content: bytes, entry: dict) -> None:
    """Make this the site's only model."""
    (folder / entry["file"]).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["models"] = [entry]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_damaged_model_is_told_when_it_writes(page, small_site):
    """Weights that are not numbers, in a file that arrives as it was exported."""
    folder, address = small_site
    run, graph = model_run("lstm", "character")
    damaged = onnx.ModelProto()
    damaged.CopyFrom(graph)
    weight = next(tensor for tensor in damaged.graph.initializer if tensor.name == "head.bias")
    weight.CopyFrom(onnx.numpy_helper.from_array(np.full(weight.dims, np.nan, np.float32), weight.name))
    put(folder, *model_entry("lstm-character", run, damaged))
    open_engine(page, address)
    page.evaluate(LOAD, "lstm-character")
    failure = page.evaluate("options => fails(write('lstm-character', options))", options("The"))
    assert failure["kind"] == "corrupted" and "damaged" in failure["message"]


def test_a_browser_without_webassembly_is_told(page, small_site):
    page.add_init_script("delete globalThis.WebAssembly")
    open_engine(page, small_site[1])
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    assert failure["kind"] == "no-webassembly" and "WebAssembly" in failure["message"]
    assert page.evaluate("() => engine.tokens('lstm-character', 'The').length") == 3  # the rest of the page goes on


def test_a_device_without_enough_memory_is_told(launch, small_site):
    folder, address = small_site
    large = random_run(LSTMConfig(layers=1, width=1024))
    put(folder, *model_entry("lstm-character", large, export_graph(large)))
    browser = launch("--js-flags=--wasm-max-mem-pages=500")  # of 64 KB: 33 MB, and the weights take 34
    page = browser.new_page()
    open_engine(page, address)
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    browser.close()
    assert failure["kind"] == "out-of-memory" and "memory" in failure["message"], failure


@pytest.mark.parametrize(
    ("thrown", "kind"),
    [
        ("new RangeError('WebAssembly.Memory(): could not allocate memory')", "out-of-memory"),
        ("new Error('Out of memory')", "out-of-memory"),
        ('new Error("Can\'t create a session. ERROR_CODE: 6, ERROR_MESSAGE: std::bad_alloc")', "out-of-memory"),
        ("new RangeError('Array buffer allocation failed')", "out-of-memory"),
        ("new Error('WebAssembly SIMD is not supported in the current environment.')", "no-webassembly"),
        ("new Error('something else')", "failed"),
        ("'no error at all'", "failed"),
    ],
)
def test_what_browsers_throw_becomes_a_sentence(engine, thrown, kind):
    """What Chromium, Firefox and Safari say, of which only the first can be had here."""
    turns = f"""async path => {{
        const {{ asEngineError }} = await import(new URL(path, location.href));
        const {{ kind, message }} = asEngineError({thrown}, "the model could not be started");
        return [kind, message];
    }}"""
    found, message = engine.evaluate(turns, module(engine, "errors.js"))
    assert found == kind and message[0].isupper() and message.endswith(".")


def test_what_is_under_way_when_the_engine_ends_rejects(page, small_site):
    open_engine(page, small_site[1])
    ends = """async options => {
        await engine.load("lstm-character");
        const { done } = engine.write("lstm-character", options, () => engine.terminate());
        return [await fails(done), await fails(engine.score("lstm-character", "The"))];
    }"""
    for failure in page.evaluate(ends, options("The", num_tokens=100_000)):
        assert failure["kind"] == "failed"


@pytest.fixture
def other_host(host):
    """A second origin with the files of the first."""
    with served(host[0], Foreign) as origin:
        yield origin


@pytest.mark.parametrize("spoiled", [None, "glue", "wasm"])
def test_a_runtime_from_elsewhere_is_taken_only_with_the_right_hash(
    context, small_onnx_site, other_host, host, spoiled
):
    folder, address = small_onnx_site
    manifest = json.loads((folder / "manifest.json").read_text())
    runtime, integrity = manifest["runtime"], {}
    for part in ("glue", "wasm"):
        content = (folder / runtime[part]).read_bytes()
        hashed = base64.b64encode(hashlib.sha384(content + b" " * (part == spoiled)).digest()).decode()
        runtime[part] = f"{address.replace(host[1], other_host)}{runtime[part]}"
        integrity[runtime[part]] = f"sha384-{hashed}"
    (folder / "manifest.json").write_text(json.dumps(manifest | {"runtime": runtime | {"integrity": integrity}}))
    page = context.new_page()
    asked = requests_of(page)
    open_engine(page, address)
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    if spoiled:
        assert failure["kind"] in ("failed", "offline")
    else:
        assert failure is None and write(page, "lstm-character", "The", 5, sampling())["summary"]["tokens"] == 5
        assert not any(url.startswith(host[1]) and "vendor" in url for url in asked)
