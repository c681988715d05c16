"""Whether a page carries a GPT-2 of 124 million parameters: python tests/benchmarks/gpt2_page.py

A model of that shape with random weights and as many tokens, as a page with int8 weights, in the system's Chromium, one
thread: the size of its file, what a visitor waits for, and milliseconds per token.

--smallest takes a small shape: figures that mean nothing. Needs pip install -e ".[test]", Chromium and npm.
"""

from __future__ import annotations

import argparse
import itertools
import json
import string
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import torch
from browser.engine_site import LOAD, model_entry, open_engine, sampling, write
from browser.servers import served
from needs import chromium
from playwright.sync_api import Page, sync_playwright

from janelm.architectures import build_model
from janelm.config import DataConfig, GPT2Config, TiktokenTokenizerConfig, TrainingConfig
from janelm.export.graphs import export_graph
from janelm.export.precision import quantise
from janelm.runs.loaded import LoadedRun, RunConfig
from janelm.site.folder import SiteOptions, _vendor, site_files
from janelm.site.models import SiteModel
from janelm.text.interchange import GPT2_PATTERN
from janelm.text.tokenizers import TiktokenTokenizer

PUBLISHED = GPT2Config(context_length=1024, layers=12, width=768, heads=12)
SMALLEST = GPT2Config(context_length=32, layers=2, width=64, heads=2)
NAME = "gpt2"


def random_gpt2(shape: GPT2Config, merges: int) -> LoadedRun:
    """A model whose tokens are the bytes, words of two, three and four letters in order, and one special token."""
    words = (map("".join, itertools.product(string.ascii_lowercase, repeat=length)) for length in (2, 3, 4))
    letters = [word.encode() for word in itertools.islice(itertools.chain(*words), merges)]
    ranks = [*(bytes([value]) for value in range(256)), *letters]
    tokenizer = TiktokenTokenizer(TiktokenTokenizerConfig(len(ranks), None, GPT2_PATTERN), ranks, specials=1)
    torch.manual_seed(0)
    model = build_model(shape, tokenizer.vocab_size)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    return LoadedRun.of(NAME, model, tokenizer, RunConfig(shape, DataConfig(), TrainingConfig(steps=1)))


def measure(page: Page, address: str, tokens: int) -> dict[str, float]:
    open_engine(page, address + "/")
    began = time.perf_counter()
    page.evaluate(LOAD, NAME)
    figures = {"seconds until it is loaded, from localhost": time.perf_counter() - began}
    written = write(page, NAME, "the", tokens, sampling(seed=1))
    assert written["summary"]["tokens"] == tokens and written["text"]
    figures["ms per token"] = written["summary"]["millisecondsPerToken"]
    figures["tokens/s"] = 1000 / figures["ms per token"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smallest", action="store_true", help="a small shape: figures that mean nothing")
    parser.add_argument("--tokens", type=int, default=100, help="tokens to write")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    run = random_gpt2(*((SMALLEST, 100) if options.smallest else (PUBLISHED, 50_000)))
    graph = quantise(export_graph(run), "int8-weights")
    content, entry = model_entry(NAME, run, graph)
    figures: dict[str, float] = {"parameters": entry["parameters"], "MB of the file": len(content) / 1e6}
    with tempfile.TemporaryDirectory() as folder:
        site = SiteOptions(runtime="onnxruntime")  # the page's own step runs no GPT-2
        files = site_files([SiteModel(content, entry)], _vendor(site, lambda line: None), site)
        for path, data in files.items():
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_bytes(data)
        with served(Path(folder)) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            page = browser.new_page()
            page.set_default_timeout(600_000)
            figures |= measure(page, address, options.tokens)
            browser.close()
    for name, value in figures.items():
        print(f"{name:44}{value:14,.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
