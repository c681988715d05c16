"""What damaged files and links do to the page: python tests/campaigns/page.py [--trials 1000] [--seed 1]

Each trial opens the page in Chromium with a damaged manifest, a damaged graph (whose hash in the manifest is right, as
a hostile site's would be), or a link of nonsense, and then writes, if it can. The page must end ready or with a
sentence in its alert; an exception, an error in the console, a script that ran, or 20 seconds without either is wrong.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.servers import served
from campaigns.damage import doubled, flipped, json_damaged, zeroed
from needs import chromium
from playwright.sync_api import Browser, Page, Route, sync_playwright
from playwright.sync_api import Error as PageError
from small import SHAPES, TRAINING, quiet, write_text

from janelm.site.folder import write_site
from janelm.training.pipeline import train

SECONDS = 20
ATTACK = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
FIELDS = (
    "prompt",
    "model",
    "seed",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "num_tokens",
    "stop",
    "tab",
    "memory",
    "text",
)


def make(folder: Path) -> dict[str, bytes]:
    """A site of two small models; its manifest and its graphs by their paths."""
    runs = [
        train(SHAPES[kind], TRAINING, folder / kind, text=write_text(300), say=quiet).run
        for kind in ("transformer", "lstm")
    ]
    write_site(runs, folder / "site", say=quiet)
    files = [folder / "site" / "manifest.json", *(folder / "site" / "models").glob("*.onnx")]
    return {path.relative_to(folder / "site").as_posix(): path.read_bytes() for path in files}


def hostile(manifest: bytes, rng: random.Random) -> bytes:
    """A manifest with markup where text should be."""
    raw = json_damaged(manifest, rng) if rng.random() < 0.5 else manifest

    def attack(node: object) -> None:
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):  # type: ignore[union-attr]
            if isinstance(value, str) and rng.random() < 0.2:
                node[key] = value + ATTACK  # type: ignore[index]
            elif isinstance(value, dict | list):
                attack(value)

    try:
        values = json.loads(raw)
        attack(values)
        return json.dumps(values).encode("utf-8", "surrogatepass")
    except RecursionError:  # nested too deeply for Python, which is an attack of its own
        return raw


def with_hash(manifest: bytes, path: str, content: bytes) -> bytes:
    """The manifest, in which this graph has the hash and size that it has."""
    values = json.loads(manifest)
    for model in values["models"]:
        for part in [model, *(value for value in model.values() if isinstance(value, dict))]:
            if part.get("file") == path or part.get("url") == path or part.get("path") == path:
                for name, value in part.items():
                    if isinstance(value, str) and value.startswith("sha"):
                        algorithm = value.split("-")[0]
                        digest = hashlib.new(algorithm, content).digest()
                        part[name] = f"{algorithm}-{base64.b64encode(digest).decode()}"
                    elif isinstance(value, str) and len(value) == 64:
                        part[name] = hashlib.sha256(content).hexdigest()
                if "bytes" in part:
                    part["bytes"] = len(content)
    return json.dumps(values).encode()


def link(rng: random.Random) -> str:
    """A fragment of nonsense."""
    values = [ATTACK, "1e999", "-1", "NaN", "\0\r\n", "%%%", "9" * 400, "x" * 20_000, "💥" * 50, "write", "Compare", ""]
    parts = [f"{rng.choice(FIELDS)}={quote(rng.choice(values))}" for _ in range(rng.randrange(1, 6))]
    whole = "#" + "&".join(parts)
    return whole if rng.random() < 0.7 else "#" + "".join(rng.choice(whole + "%&=#") for _ in range(60))


def open_and_write(page: Page, address: str) -> str:
    """Where the page ends: "ready" or "a sentence"; anything else is wrong."""
    page.goto(address, wait_until="domcontentloaded")
    settled = """() => {
        const alerts = [...document.querySelectorAll('[role=alert]')].map(alert => alert.textContent.trim()).join('');
        if (alerts) return 'a sentence';
        return document.querySelector('#facts')?.textContent.includes('ready in') ? 'ready' : null;
    }"""
    outcome = page.wait_for_function(settled, timeout=1000 * SECONDS).json_value()
    if outcome == "ready":
        page.locator("#toolbar .primary").click(timeout=1000 * SECONDS)
        page.wait_for_timeout(150)
        page.evaluate("() => 1")  # it answers
    return str(outcome)


def trial(browser: Browser, address: str, files: dict[str, bytes], rng: random.Random) -> tuple[str, str]:
    kind, answers, fragment = rng.choice(["manifest", "graph", "link"]), {}, ""
    if kind == "manifest":
        raw = files["manifest.json"]
        damage = rng.choice([flipped, zeroed, doubled, json_damaged, json_damaged, hostile, hostile])
        answers["manifest.json"] = damage(raw, rng)
    elif kind == "graph":
        path = rng.choice([path for path in files if path.endswith(".onnx")])
        content = rng.choice([flipped, zeroed, doubled, lambda raw, rng: raw[: rng.randrange(len(raw))]])(
            files[path], rng
        )
        answers = {path: content, "manifest.json": with_hash(files["manifest.json"], path, content)}
    else:
        fragment = link(rng)
    context = browser.new_context(service_workers="block")
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(f"exception: {error}"))
    page.on("console", lambda said: said.type == "error" and wrong.append(f"console: {said.text}"))
    for path, content in answers.items():

        def answer(route: Route, _: object = None, content: bytes = content) -> None:
            route.fulfill(body=content, content_type="application/octet-stream")

        page.route(f"**/{path}*", answer)
    try:
        outcome = open_and_write(page, address + fragment)
        if page.evaluate("() => 'hacked' in window"):
            wrong.append("a script ran")
    except PageError as error:
        outcome = f"no answer: {str(error).splitlines()[0][:100]}"
    context.close()
    wrong = [line for line in wrong if "Failed to load resource" not in line]
    return kind, "; ".join([outcome] * (outcome not in ("ready", "a sentence")) + wrong)[:300] or outcome


def campaign(trials: int, seed: int) -> Counter:
    figures: Counter = Counter()
    with tempfile.TemporaryDirectory() as base, sync_playwright() as playwright:
        files = make(Path(base))
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        with served(Path(base)) as address:
            for number in range(seed, seed + trials):
                kind, outcome = trial(browser, f"{address}/site/", files, random.Random(number))
                if outcome not in ("ready", "a sentence"):
                    print(f"seed {number}, {kind}: {outcome}", flush=True)
                figures[kind, outcome if outcome in ("ready", "a sentence") else "wrong"] += 1
        browser.close()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    figures = campaign(options.trials, options.seed)
    print(f"{'damaged':10} {'ready':>7} {'a sentence':>11} {'wrong':>6}")
    for kind in ("manifest", "graph", "link"):
        row = [figures[kind, outcome] for outcome in ("ready", "a sentence", "wrong")]
        print(f"{kind:10} {row[0]:7} {row[1]:11} {row[2]:6}")
    print(f"{sum(figures.values())} trials, {time.perf_counter() - began:.0f} s")
    return int(any(outcome == "wrong" for _, outcome in figures))


if __name__ == "__main__":
    sys.exit(main())
