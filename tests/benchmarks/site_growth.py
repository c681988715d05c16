"""How a page's step grows with what a transformer remembers and with its width: python tests/benchmarks/site_growth.py

Milliseconds of a step of one token, of the page's own step in the system's Chromium beside the engine `native` with one
thread, int8 weights, context full, in turns: medians. The models have random weights, 6 layers, heads of 64, and width
256 and context 256 where nothing else is said.

--smallest takes two tiny models, once: figures that mean nothing. Needs pip install -e ".[test]", Chromium and npm.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from browser.engine_site import model_entry, module, open_engine
from browser.servers import served
from generation import random_run
from needs import chromium
from playwright.sync_api import Page, sync_playwright

from janelm.config import TransformerConfig
from janelm.engines import NativeEngine
from janelm.export.graphs import export_graph
from janelm.export.precision import quantise
from janelm.runs.loaded import LoadedRun
from janelm.site.folder import SiteOptions, _vendor, site_files
from janelm.site.models import SiteModel

GROWTH = {
    "context": {
        context: TransformerConfig(context_length=context, layers=6, width=256, heads=4) for context in (64, 256, 1024)
    },
    "width": {
        width: TransformerConfig(context_length=256, layers=6, width=width, heads=width // 64)
        for width in (128, 256, 384, 512, 768)
    },
}
SMALLEST = {"context": {8: TransformerConfig(context_length=8, layers=1, width=64, heads=1)}}
STEPS, ROUNDS, PRECISION = 50, 7, "int8-weights"

PREPARE = """async ([native, wasm]) => {
    const url = path => new URL(path, location.href).href;
    const { startStep } = await import(url(native));
    const compiled = await WebAssembly.compile(await (await fetch(wasm)).arrayBuffer());
    window.make = async name => {
        const { file, description } = manifest.models.find(model => model.name === name);
        const step = await startStep(compiled);
        window.model = await step.model(new Uint8Array(await (await fetch(file)).arrayBuffer()), description);
        window.state = window.model.initialState();
    };
    window.time = count => {
        const began = performance.now();
        for (let i = 0; i < count; i++) window.model.step([i % 80], window.state);
        return (performance.now() - began) / count;
    };
}"""


def native(run: LoadedRun) -> Callable[[int], float]:
    """A function that takes so many steps and returns the milliseconds of one."""
    engine = NativeEngine(run, PRECISION, threads=1)
    state = engine.initial_state(1)

    def steps(count: int) -> float:
        nonlocal state
        began = time.perf_counter()
        for i in range(count):
            _, state = engine.step(np.array([[i % 80]]), state)
        return 1000 * (time.perf_counter() - began) / count

    return steps


def in_turns(turns: dict[str, Callable[[int], float]], fill: int, rounds: int) -> dict[str, float]:
    for turn in turns.values():
        turn(fill)
    times: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            times[name].append(turn(STEPS))
    return {name: statistics.median(values) for name, values in times.items()}


def write_site(folder: Path, runs: dict[str, LoadedRun]) -> None:
    models = []
    for name, run in runs.items():
        models.append(SiteModel(*model_entry(name, run, quantise(export_graph(run), PRECISION))))
    options = SiteOptions()
    for path, content in site_files(models, _vendor(options, lambda line: None), options).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def measure(page: Page, runs: dict[str, LoadedRun], rounds: int) -> dict[str, dict[str, float]]:
    page.evaluate(PREPARE, [module(page, "native.js"), module(page, "step-relaxed.wasm")])
    figures = {}
    for name, run in runs.items():
        page.evaluate("name => make(name)", name)
        turns = {"page": lambda count: page.evaluate("count => time(count)", count), "native": native(run)}
        figures[name] = in_turns(turns, run.config.model.context_length, rounds)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smallest", action="store_true", help="a tiny model, once: figures that mean nothing")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    growth, rounds = (SMALLEST, 1) if options.smallest else (GROWTH, ROUNDS)
    runs = {f"{of} {size}": random_run(shape) for of, shapes in growth.items() for size, shape in shapes.items()}
    with tempfile.TemporaryDirectory() as folder:
        write_site(Path(folder), runs)
        with served(Path(folder)) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            page = browser.new_page()
            open_engine(page, address + "/")
            figures = measure(page, runs, rounds)
            browser.close()
    for name, row in figures.items():
        print(f"{name:14}" + "".join(f"  {who} {value:6.2f} ms" for who, value in row.items()))
    if options.json:
        options.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
