"""How fast many texts are written at once: python tests/benchmarks/serving.py [--json FILE] [--precision int8-weights]

`janelm api` with a model of 10.6 million parameters (6 layers, width 384, 6 heads, context 256, 320 byte pairs) in a
process of its own, asked for 1, 4, 16 and 64 streams at once by another: tokens per second of all streams together from
the first question to the last token, and the time from a question to its first token, median and 99th percentile; the
median of --rounds. What the server's memory grows by is shown after the last round.

Then, once each, peers with the same weights in float32 and two threads: llama.cpp from the GGUF export, all streams in
one batch, as npm's node-llama-cpp has it, without a server (what it lacks, it need not do); llama.cpp's server, where
--llama names a Python that has llama-cpp-python[server]; and `generate` of transformers, all streams as one batch.
--smallest does it with a tiny model: figures that mean nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from llama import run_llama
from small import write_text

from janelm.architectures import build_model
from janelm.config import DataConfig, TiktokenTokenizerConfig, TrainingConfig, TransformerConfig
from janelm.export.gguf import gguf_writer
from janelm.export.huggingface import huggingface_files
from janelm.machine.files import replace_folder
from janelm.runs.folder import Run
from janelm.runs.loaded import RunConfig
from janelm.text.tokenizers import train_tokenizer

SHAPE = TransformerConfig(layers=6, width=384, heads=6, context_length=256)
TINY = TransformerConfig(layers=1, width=64, heads=1, context_length=32)
VOCABULARY = 320  # byte pairs, since llama.cpp reads no characters
STREAMS, TOKENS, ROUNDS = (1, 4, 16, 64), 240, 3  # prompt and text fit into the context
PROMPT = "It was a "
PATIENCE = 120  # seconds for llama.cpp, whose threads wait for each other by spinning: on a busy machine for ever
Figures = dict[str, float]


def write_run(folder: Path, shape: TransformerConfig) -> None:
    tokenizer = train_tokenizer(TiktokenTokenizerConfig(vocab_size=VOCABULARY), [write_text(500)])
    torch.manual_seed(0)
    model = build_model(shape, tokenizer.vocab_size)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    run = Run(folder)
    run.write_settings(RunConfig(shape, DataConfig(), TrainingConfig(steps=1)), tokenizer, {})  # type: ignore[typeddict-item]
    run.write_best(model)


async def stream(client: httpx.AsyncClient, seed: int, tokens: int) -> tuple[float, int]:
    """The seconds until the first token, and how many came."""
    asked = {"model": "run", "prompt": PROMPT, "max_tokens": tokens, "seed": seed, "stream": True}
    began, first, count, whole = time.perf_counter(), 0.0, 0, False
    async with client.stream("POST", "/v1/completions", json=asked) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                first = first or time.perf_counter() - began
                count += 1
                whole |= '"finish_reason": "length"' in line
    return first, tokens if whole else count  # parts of characters may come together with the next


async def measure(address: str, streams: int, tokens: int) -> Figures:
    limits = httpx.Limits(max_connections=streams)
    async with httpx.AsyncClient(base_url=address, timeout=600, limits=limits) as client:
        began = time.perf_counter()
        found = await asyncio.gather(*(stream(client, seed, tokens) for seed in range(streams)))
        seconds = time.perf_counter() - began
    return figures_of([first for first, _ in found], sum(count for _, count in found), seconds)


def figures_of(firsts: list[float], tokens: int, seconds: float) -> Figures:
    late = sorted(firsts)[min(len(firsts) - 1, round(0.99 * len(firsts)))]
    return {"tokens_per_second": tokens / seconds, "first_median": statistics.median(firsts), "first_p99": late}


def memory(process: int) -> float:
    """Resident, in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


@contextmanager
def process(command: list[str], **options: Any) -> Iterator[subprocess.Popen]:
    serving = subprocess.Popen(command, text=True, **options)
    try:
        yield serving
    finally:
        serving.terminate()
        serving.wait(60)


def ours(folder: Path, precision: str, tokens: int, rounds: int) -> dict[str, Figures]:
    command = [sys.executable, "-m", "janelm", "api", str(folder), "--port", "0", "--precision", precision]
    with process(command, stdout=subprocess.PIPE) as serving:
        assert serving.stdout is not None
        address = serving.stdout.readline().strip()
        asyncio.run(measure(address, 4, 8))  # warms up
        before, figures = memory(serving.pid), {}
        for streams in STREAMS:
            some = [asyncio.run(measure(address, streams, tokens)) for _ in range(rounds)]
            figures[str(streams)] = {key: statistics.median(one[key] for one in some) for key in some[0]}
            show("janelm api", streams, figures[str(streams)])
        print(f"memory: {before:.0f} MB, and {memory(serving.pid) - before:.0f} MB more afterwards", flush=True)
    return figures


def llama_batch(folder: Path, tokens: int) -> dict[str, Figures]:
    """llama.cpp itself, all streams in one context whose batches they share."""
    script, streams = Path(__file__).with_name("llama.mjs"), [str(each) for each in STREAMS]
    figures = {}
    try:
        lines = run_llama(script, str(gguf(folder)), PROMPT, str(tokens), *streams, timeout=PATIENCE).splitlines()
    except subprocess.TimeoutExpired:
        print(f"llama.cpp, in one batch: more than {PATIENCE} s, left out")
        lines = []
    for line in lines:
        told = json.loads(line)
        figures[str(told["streams"])] = figures_of(told["firsts"], told["tokens"], told["seconds"])
        show("llama.cpp, in one batch", told["streams"], figures[str(told["streams"])])
    return figures


def gguf(folder: Path) -> Path:
    file = folder.parent / "run.gguf"
    if not file.exists():
        gguf_writer(Run(folder).load(), "fp32", say=lambda line: None)(file)
    return file


def llama_server(python: str, folder: Path, tokens: int) -> dict[str, Figures]:
    """llama.cpp's server from Python's package, which writes one text after the other."""
    loaded = Run(folder).load()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = {"model": gguf(folder), "model_alias": "run", "port": port, "n_ctx": loaded.config.model.context_length}
    words |= {"n_threads": 2, "n_threads_batch": 2, "interrupt_requests": False, "verbose": False}
    command = [python, "-m", "llama_cpp.server", *(str(each) for name in words for each in (f"--{name}", words[name]))]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    address, figures = f"http://127.0.0.1:{port}", {}
    with process(command, **quiet) as serving:
        while serving.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"{address}/v1/models")
                break
            time.sleep(0.2)
        asyncio.run(measure(address, 2, 8))
        for streams in STREAMS:
            figures[str(streams)] = asyncio.run(measure(address, streams, tokens))
            show("llama.cpp's server", streams, figures[str(streams)])
    return figures


def transformers(folder: Path, tokens: int) -> dict[str, Figures]:
    """`generate`, all streams as one batch: nobody joins or leaves, and all have their first token at once."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessorList

    loaded, place, figures = Run(folder).load(), folder.parent / "transformers", {}
    replace_folder(place, huggingface_files(loaded, "fp32"))
    torch.set_num_threads(2)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(place), AutoTokenizer.from_pretrained(place)

    def write(streams: int, count: int) -> Figures:
        asked, firsts = tokenizer([PROMPT] * streams, return_tensors="pt"), []

        def note(_: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
            firsts.append(time.perf_counter() - began)
            return logits

        began = time.perf_counter()
        limits = {"max_new_tokens": count, "min_new_tokens": count, "do_sample": True}
        written = model.generate(**asked, **limits, logits_processor=LogitsProcessorList([note]))
        seconds, total = time.perf_counter() - began, written[:, asked["input_ids"].shape[1] :].numel()
        return figures_of(firsts[:1] * streams, total, seconds)

    write(2, 8)
    for streams in STREAMS:
        figures[str(streams)] = write(streams, tokens)
        show("transformers, in one batch", streams, figures[str(streams)])
    return figures


def show(name: str, streams: int, one: Figures) -> None:
    print(
        f"{name}, {streams} streams: {one['tokens_per_second']:,.0f} tokens/s, first token after "
        f"{1000 * one['first_median']:.0f} ms (p99 {1000 * one['first_p99']:.0f} ms)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--llama", help="a Python that has llama-cpp-python[server]")
    parser.add_argument("--smallest", action="store_true")
    options = parser.parse_args()
    tokens, shape = (8, TINY) if options.smallest else (TOKENS, SHAPE)
    rounds = 1 if options.smallest else options.rounds
    python = options.llama or (sys.executable if importlib.util.find_spec("llama_cpp") else None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        write_run(folder, shape)
        figures = {"janelm": ours(folder, options.precision, tokens, rounds)}
        figures["llama.cpp"] = llama_batch(folder, tokens)
        if python:
            figures["llama.cpp's server"] = llama_server(python, folder, tokens)
        figures["transformers"] = transformers(folder, tokens)
    for peer in [name for name in figures if name != "janelm" and "16" in figures[name]]:
        times = figures["janelm"]["16"]["tokens_per_second"] / figures[peer]["16"]["tokens_per_second"]
        print(f"at 16 streams {times:.1f} times {peer}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
