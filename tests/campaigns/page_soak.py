"""Whether the page's memory stays flat: python tests/campaigns/page_soak.py [--tokens 100000]

The page's engine writes in Chromium with a tiny model of each kind and, unless there is no time for it, with the
transformer that comes with JaneLM. In its worker the memory of the WebAssembly and the heap of JavaScript, after its
garbage is collected, are read at a tenth of the tokens and at the end.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.engine_site import model_entry, open_engine, sampling
from browser.servers import served
from needs import chromium
from playwright.sync_api import Page, sync_playwright
from small import SHAPES, random_run

from janelm.export.graphs import export_graph
from janelm.export.precision import quantise
from janelm.runs.folder import sample_run
from janelm.runs.loaded import LoadedRun
from janelm.site.folder import STEPS, SiteOptions, _vendor, site_files
from janelm.site.models import SiteModel

GROWTH = 1.0  # megabytes of JavaScript's heap: ten bytes to a token; that of the WebAssembly must not grow at all
FLAGS = ["--no-sandbox", "--js-flags=--expose-gc"]
# Put before the worker's own script: it keeps the memory that the engine makes.
KEEP = """const instantiate = WebAssembly.instantiate;
WebAssembly.instantiate = async (...given) => {
    const made = await instantiate(...given);
    (self.memories ??= []).push((made.instance ?? made).exports.memory);
    return made;
};
"""
READ = """() => {
    for (let i = 0; i < 3; i++) gc();
    return memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}"""
WRITE = """([name, options]) => {
    window.writing = engine.write(name, options, frame => { window.written = frame.written; });
}"""


def write_site(folder: Path, runs: dict[str, LoadedRun]) -> None:
    models = [
        SiteModel(*model_entry(name, run, quantise(export_graph(run), "int6-weights"))) for name, run in runs.items()
    ]
    options = SiteOptions()
    for path, content in site_files(models, _vendor(options, lambda line: None), options).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


class Worker:
    """What the page's worker holds, which Chromium's protocol tells of a target of its own."""

    def __init__(self, page: Page) -> None:
        self._page, self._answers = page, list[dict]()
        self._protocol, self._session = page.context.new_cdp_session(page), ""
        self._protocol.on("Target.attachedToTarget", self._attached)
        self._protocol.on(
            "Target.receivedMessageFromTarget", lambda one: self._answers.append(json.loads(one["message"]))
        )
        self._protocol.send(
            "Target.setAutoAttach", {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": False}
        )

    def _attached(self, event: dict) -> None:
        if event["targetInfo"]["type"] == "worker":
            self._session = event["sessionId"]

    def megabytes(self) -> tuple[float, float]:
        """Of the WebAssembly, and of the heap."""
        buffers = self._page.workers[0].evaluate(READ)
        message = {"sessionId": self._session, "message": json.dumps({"id": 1, "method": "Runtime.getHeapUsage"})}
        self._answers.clear()
        self._protocol.send("Target.sendMessageToTarget", message)
        while not self._answers:
            self._page.wait_for_timeout(20)
        return buffers / 1e6, self._answers[0]["result"]["usedSize"] / 1e6


def soak(page: Page, name: str, tokens: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Megabytes of the WebAssembly and of the heap, after a tenth of the tokens and at the end."""
    worker = Worker(page)
    page.evaluate("name => engine.load(name)", name)
    page.evaluate("() => { window.written = 0; }")
    options = {"text": "The", "num_tokens": tokens, "sampling": sampling(seed=1)}
    page.evaluate(WRITE, [name, options])
    page.wait_for_function("count => written >= count", arg=tokens // 10, timeout=0)
    early = worker.megabytes()
    page.evaluate("() => writing.done")
    assert page.evaluate("() => written") == tokens
    return early, worker.megabytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--tiny", action="store_true", help="without the transformer that comes with JaneLM")
    options = parser.parse_args()
    runs = {f"tiny {kind}": random_run(SHAPES[kind]) for kind in STEPS}
    sample = None if options.tiny else sample_run("transformer")
    if sample:
        runs["transformer that comes with JaneLM"] = sample.load()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_site(Path(folder), runs)
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        with served(Path(folder)) as address:
            for name in runs:
                page = browser.new_context(service_workers="block").new_page()
                page.set_default_timeout(0)
                page.route(
                    "**/worker.js", lambda route: route.fulfill(response=(own := route.fetch()), body=KEEP + own.text())
                )
                open_engine(page, address + "/")
                began = time.perf_counter()
                early, late = soak(page, name, options.tokens)
                flat = late[0] == early[0] and late[1] - early[1] < GROWTH
                wrong += not flat
                print(
                    f"{name:36} {options.tokens:8,}  WebAssembly {early[0]:.2f} MB, then {late[0]:.2f}; JavaScript "
                    f"{early[1]:.2f} MB, then {late[1]:.2f}  {time.perf_counter() - began:4.0f} s"
                    f"{'' if flat else '  GROWS'}",
                    flush=True,
                )
                page.context.close()
        browser.close()
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
