"""How small and fast a page is: python tests/benchmarks/site.py TRANSFORMER LSTM, two finished runs.

All in one run, in the system's Chromium, in turns, so that a noisy machine is equally noisy to all:

- the site of both runs with int8 weights: its size as a static host sends it (gzip), and what a first visitor waits for
- tokens per second, context full, one thread: the page's engine with the transformer; the same page with ONNX Runtime
  (`janelm export --runtime onnxruntime`); `@huggingface/transformers` with a GPT-2 of the same shape and precision on
  the same terms; native ONNX Runtime with the page's own file
- an LSTM of 3 layers of 512, and what the page itself adds to each token

--smallest takes few steps of a small LSTM, once: figures that mean nothing.
Needs pip install -e ".[benchmarks,test]", Chromium and npm.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
import onnx
from generation import random_run
from needs import chromium
from playwright.sync_api import Browser, Page, sync_playwright

from janelm.config import LSTMConfig
from janelm.engines import OnnxEngine
from janelm.export.graphs import export_graph, read_description
from janelm.export.precision import quantise
from janelm.runs import find_run
from janelm.site.folder import SiteOptions, write_site
from janelm.site.models import slug
from janelm.site.server import Server
from janelm.site.vendor import Package, fetch

TOKENS, ROUNDS, VISITS, FILL = 100, 7, 7, 300
LSTM_SHAPE = LSTMConfig(layers=3, width=512)
SMALLEST = {"TOKENS": 8, "ROUNDS": 1, "VISITS": 1, "FILL": 8, "LSTM_SHAPE": LSTMConfig(layers=3, width=32)}
SITES = {
    "native": ("site", "speed"),
    "onnxruntime": ("larger", "speed-larger"),
}  # and their copies for speed, by runtime
SMALL = "int6-weights"  # of the smaller weights, those that a page has unless asked otherwise
PEER = Package(
    name="@huggingface/transformers",
    version="4.3.1",
    holder="Hugging Face",
    archive="5+voSeUCFK6PCKlY15dPhNOKq3/zOTxDN7oC+Wy9dFb1QZ0TSQomZRRy7URRK8YRuUoE9fGMQTTPC5d/pWBJhA==",
    files={"dist/transformers.min.js": (586230, "AFNtlNOt2vbygtlRCUX2TDgkE+EyonjbCLxAfqezYwJJDVlozUhg+yKs4cPwyjHR")},
)
PEER_RUNTIME = Package(  # the version that it asks for
    name="onnxruntime-web",
    version="1.31.0-dev.20260914-8d85527a0",
    holder="Microsoft Corporation",
    archive="Iy7rtadoBgxS/LLvDr3QW38DB1PNXRnr0GJMcL0TAt7c9qjgVQl83UlGCVyeAnK2InpmW8Uc3PL8XIuqtDeF6g==",
    files={
        "dist/ort-wasm-simd-threaded.asyncify.mjs": (
            53057,
            "ik7L7J2uXfXmGuWHh3yOUDPpUslz/dJjcvZgdX5hcItLjxlkEpUF7mpCcATr3Dg8",
        ),
        "dist/ort-wasm-simd-threaded.asyncify.wasm": (
            26861777,
            "JuzrCV6BUmTUbsgNhgU94qo0vZ4l3w0VqgQAKPm0La2hXL9kmv8P9pGenfsWJY9c",
        ),
    },
)

WATCH_FIRST_TEXT = """
const watch = () => {
    const text = document.getElementById("text");
    const start = document.querySelector("#toolbar .primary");
    if (window.pressed === undefined && start && !start.disabled) {
        start.click();
        window.pressed = text.value;
    }
    if (window.pressed !== undefined && text.value !== window.pressed) window.written = performance.now();
    else requestAnimationFrame(watch);
};
requestAnimationFrame(watch);
"""

OURS = """async () => {
    const url = path => new URL(path, location.href).href;
    const manifest = await (await fetch("manifest.json")).json();
    const { Engine } = await import(url(`${manifest.app[0].split("/")[0]}/engine/client.js`));
    const engine = new Engine(manifest, { base: location.href });
    const texts = {};
    const off = { top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1, no_repeat_ngram_size: 0 };
    window.write = async (name, num_tokens) => {
        await engine.load(name);
        texts[name] ??= "";
        const sampling = { ...off, temperature: 0.8, seed: texts[name].length };
        const options = { text: texts[name], num_tokens, sampling };
        return await engine.write(name, options, frame => { texts[name] += frame.text; }).done;
    };
}"""

THEIRS = """<!doctype html><meta charset="utf-8"><title>peer</title><script type="module">
import { AutoModelForCausalLM, Tensor, env } from "./transformers.min.js";
env.allowRemoteModels = false;
env.allowLocalModels = true;
env.localModelPath = new URL("models/", location.href).pathname;
env.useBrowserCache = false;
Object.assign(env.backends.onnx.wasm, { numThreads: 1, wasmPaths: {
    mjs: new URL("ort-wasm-simd-threaded.asyncify.mjs", location.href).href,
    wasm: new URL("ort-wasm-simd-threaded.asyncify.wasm", location.href).href,
} });
const models = {};
window.write = async (dtype, vocabulary, prompt, count) => {
    models[dtype] ??= await AutoModelForCausalLM.from_pretrained("gpt2", { dtype, device: "wasm" });
    const ids = BigInt64Array.from({ length: prompt }, () => BigInt(Math.floor(Math.random() * vocabulary)));
    const times = [];
    await models[dtype].generate({
        inputs: new Tensor("int64", ids, [1, prompt]), max_new_tokens: count, min_new_tokens: count, do_sample: true,
        temperature: 0.8, top_k: 0, streamer: { put: () => times.push(performance.now()), end: () => {} },
    });
    return (times.at(-1) - times[1]) / (times.length - 2);  // the first is the prompt
};
window.ready = true;
</script>"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("transformer", help="a finished run of about 5 million parameters")
    parser.add_argument("lstm", help="another")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--smallest", action="store_true", help="few steps of a small LSTM, to see that it runs")
    options = parser.parse_args()
    globals().update(SMALLEST if options.smallest else {})
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        engines = prepare(root, options.transformer, options.lstm)
        with (
            Server(("127.0.0.1", 0), partial(Quiet, directory=name)) as server,
            sync_playwright() as playwright,
        ):
            threading.Thread(target=server.serve_forever, daemon=True).start()
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            address = f"http://127.0.0.1:{server.server_port}"
            figures = {"size": size(root / "site"), "visit": visits(browser, f"{address}/site/")}
            figures["size with ONNX Runtime"] = size(root / "larger")
            figures |= speeds(browser, address, engines)
            browser.close()
            server.shutdown()
    show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def prepare(root: Path, transformer: str, lstm: str) -> dict[str, OnnxEngine]:
    """Write the site, a copy with the models whose speed is asked, and the peer; return native engines by name."""
    runs = [find_run(name) for name in (transformer, lstm)]
    loaded = runs[0].load()
    graphs = {"transformer": export_graph(loaded), "lstm": export_graph(random_run(LSTM_SHAPE))}
    graphs |= {f"{name} {SMALL}": quantise(graph, SMALL) for name, graph in graphs.items()}
    for runtime, (site, speed) in SITES.items():
        options = SiteOptions(runtime=runtime)
        write_site(runs, root / site, options, say=lambda line: print(line, file=sys.stderr))
        shutil.copytree(root / site, root / speed)
        listed = json.loads((root / speed / "manifest.json").read_text())
        listed["models"] = [add_model(root / speed, listed["models"][0], *pair) for pair in graphs.items()]
        (root / speed / "manifest.json").write_text(json.dumps(listed))
    from gpt2 import write_gpt2  # which needs transformers

    write_gpt2(root / "peer/models/gpt2", loaded.model.config, loaded.model.vocab_size)
    for package in (PEER, PEER_RUNTIME):
        for path, content in fetch(package).items():
            (root / "peer" / Path(path).name).write_bytes(content)
    (root / "peer/index.html").write_text(THEIRS)
    return {name: OnnxEngine(graph, threads=1) for name, graph in graphs.items()}


def add_model(site: Path, entry: dict, name: str, graph: onnx.ModelProto) -> dict:
    """Put a graph into the site, and return its entry in the manifest."""
    content, file = graph.SerializeToString(), f"models/{slug(name)}.onnx"
    (site / file).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    description = read_description(graph)
    more = {"kind": description["kind"], "file": file, "bytes": len(content), "sha256": digest}
    return entry | more | {"name": name, "description": description}


def size(site: Path) -> dict[str, int]:
    """Bytes of the site as they are and as a static host sends them, the same of its largest parts, and of all that is
    fetched only when the room Read is opened."""
    files = {path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    sizes = {path: len(gzip.compress(content, 6)) for path, content in files.items()}
    listed = json.loads(files[Path("manifest.json")])["files"]
    reading = [Path(one["path"]) for one in listed if one.get("room") == "read"]
    sent = {path.parts[0]: 0 for path in files}
    for path, size in sizes.items():
        sent[path.parts[0]] += size
    figures = {"raw": sum(map(len, files.values())), "gzip": sum(sizes.values())}
    return figures | {"room Read": sum(sizes[path] for path in reading)} | sent


def visits(browser: Browser, address: str) -> dict[str, float]:
    """Seconds from navigation to the first text on screen, and to the first character that the model writes here."""
    first_text, first_written = [], []
    for _ in range(VISITS):
        context = browser.new_context()
        page = context.new_page()
        page.add_init_script(WATCH_FIRST_TEXT)
        page.goto(address)
        page.wait_for_function("() => window.written !== undefined")
        first_written.append(page.evaluate("window.written") / 1000)
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        first_text.append(page.evaluate(paint) / 1000)
        context.close()
    return {"first text": statistics.median(first_text), "first written": statistics.median(first_written)}


def speeds(browser: Browser, address: str, engines: dict[str, OnnxEngine]) -> dict[str, dict]:
    """Milliseconds per token, context full, in turns; and the page's own share of a token."""
    ours = {runtime: open_page(browser, f"{address}/{speed}/") for runtime, (_, speed) in SITES.items()}
    theirs = open_page(browser, f"{address}/peer/")
    for opened in ours.values():
        opened.evaluate(OURS)
    theirs.wait_for_function("() => window.ready")
    context, vocabulary = engines["transformer"].config.context_length, engines["transformer"].vocab_size
    shares: dict[str, list[float]] = {name: [] for name in engines}

    def page(name: str, count: int = 0, runtime: str = "native") -> float:
        summary = ours[runtime].evaluate("([name, count]) => write(name, count)", [name, count or TOKENS])
        if runtime == "native":
            shares[name].append(summary["ownShare"])
        return 1000 / summary["tokensPerSecond"]

    def peer(dtype: str) -> float:
        arguments = [dtype, vocabulary, context - TOKENS, TOKENS]
        return theirs.evaluate(
            "([dtype, vocabulary, prompt, count]) => write(dtype, vocabulary, prompt, count)", arguments
        )

    turns: dict[str, Callable[[], float]] = {}
    for name, engine in engines.items():
        for runtime in SITES:
            page(name, FILL, runtime)
        turns[f"page, {name}"] = partial(page, name)
        turns[f"page with ONNX Runtime, {name}"] = partial(page, name, runtime="onnxruntime")
        turns[f"native, {name}"] = native(engine)
    turns |= {"peer, int8": partial(peer, "q8"), "peer, fp32": partial(peer, "fp32")}
    for turn in turns.values():  # to warm up
        turn()
    times: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(ROUNDS):
        for name, turn in turns.items():
            times[name].append(turn())
    return {
        "milliseconds": {name: statistics.median(values) for name, values in times.items()},
        "own share": {name: statistics.median(values[2:]) for name, values in shares.items()},
    }


def native(engine: OnnxEngine) -> Callable[[], float]:
    """A function that steps the engine on and returns its milliseconds per token, sampling aside."""
    token = np.zeros((1, 1), np.int64)
    state = engine.initial_state(1)
    for _ in range(FILL):
        _, state = engine.step(token, state)

    def step() -> float:
        nonlocal state
        began = time.perf_counter()
        for _ in range(TOKENS):
            _, state = engine.step(token, state)
        return 1000 * (time.perf_counter() - began) / TOKENS

    return step


def open_page(browser: Browser, address: str) -> Page:
    page = browser.new_context().new_page()
    page.on("pageerror", lambda error: print(error, file=sys.stderr))
    page.on("console", lambda message: message.type == "error" and print(message.text, file=sys.stderr))
    page.goto(address)
    return page


def show(figures: dict) -> None:
    """Print the table, each line with what it should come to."""
    bytes_, visit, ms, own = (figures[name] for name in ("size", "visit", "milliseconds", "own share"))
    rows = [
        ("whole site, gzip", f"{bytes_['gzip'] / 1e6:.2f} MB", "at most 8.2 MB"),
        ("... without the room Read", f"{(bytes_['gzip'] - bytes_['room Read']) / 1e6:.2f} MB", ""),
        ("... for the room Read, once it is opened", f"{bytes_['room Read'] / 1e6:.2f} MB", "at most 3 MB"),
        ("whole site with ONNX Runtime", f"{figures['size with ONNX Runtime']['gzip'] / 1e6:.2f} MB", "at most 12 MB"),
        ("first text on screen, cold cache", f"{visit['first text']:.2f} s", "under 0.3 s"),
        ("first character that the model writes, cold cache", f"{visit['first written']:.2f} s", "under 0.6 s"),
    ]
    for precision, name in ((SMALL, f"transformer {SMALL}"), ("fp32", "transformer")):
        theirs = "fp32" if precision == "fp32" else "int8"
        page, peer, bare = ms[f"page, {name}"], ms[f"peer, {theirs}"], ms[f"native, {name}"]
        larger = ms[f"page with ONNX Runtime, {name}"]
        rows += [
            (f"page, transformer, {precision}", f"{page:.2f} ms per token, {1000 / page:.0f} tokens/s", ""),
            ("... the page with ONNX Runtime", f"{larger:.2f} ms per token", ""),
            ("... of its time", f"{page / larger:.2f}", "at most 0.55"),
            (f"transformers.js, GPT-2, {theirs}", f"{peer:.2f} ms per token, {1000 / peer:.0f} tokens/s", ""),
            ("... times as long as the page", f"{peer / page:.1f}", "at least 4.5"),
            (f"native ONNX Runtime, one thread, {precision}", f"{bare:.2f} ms per token", ""),
            ("... the page takes times as long", f"{page / bare:.2f}", "at most 1.5"),
            ("... the page's own share of a token", f"{own[name]:.1%}", "under 15%"),
        ]
    for precision, name in ((SMALL, f"lstm {SMALL}"), ("fp32", "lstm")):
        page, bare = ms[f"page, {name}"], ms[f"native, {name}"]
        rows += [
            (f"page, LSTM of 3 layers of 512, {precision}", f"{page:.2f} ms per character", "under 1.8 ms"),
            ("... of the page with ONNX Runtime", f"{page / ms[f'page with ONNX Runtime, {name}']:.2f}", ""),
            ("... times as long as native ONNX Runtime", f"{page / bare:.2f}", "at most 1.5"),
            ("... the page's own share of a character", f"{own[name]:.1%}", "under 15%"),
        ]
    print("| what | measured | wanted |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
