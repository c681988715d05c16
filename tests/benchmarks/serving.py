"""How fast many texts are written at once: python tests/benchmarks/serving.py [--json FILE] [--precision int8-weights]

`janelm api` with a model of 10.6 million parameters (6 layers, width 384, 6 heads, context 256, 80 symbols) in a
process of its own, asked for 1, 4, 16 and 64 streams at once by another: tokens per second of all streams together from
the first question to the last token, and the time from a question to its first token, median and 99th percentile; the
median of --rounds. Then, once, a peer with the same weights in float32: llama.cpp's server from the GGUF export, where
--llama names a Python that has llama-cpp-python[server], or this one has it; else `generate` of transformers, all
streams as one batch. All have two threads. What our server's memory grows by is shown after the last round. --smallest
does it with a tiny model: figures that mean nothing.
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

from janelm.architectures import build_model
from janelm.config import DataConfig, TrainingConfig, TransformerConfig
from janelm.export.gguf import gguf_writer
from janelm.export.huggingface import huggingface_files
from janelm.machine.files import replace_folder
from janelm.runs.folder import Run
from janelm.runs.loaded import RunConfig
from janelm.text.tokenizers import CharacterTokenizer

SHAPE = TransformerConfig(layers=6, width=384, heads=6, context_length=256)
TINY = TransformerConfig(layers=1, width=64, heads=1, context_length=32)
SYMBOLS = [chr(code) for code in range(32, 112)]
STREAMS, TOKENS, ROUNDS = (1, 4, 16, 64), 240, 3  # prompt and text fit into the context
PROMPT = "It was a "
Figures = dict[str, float]


def write_run(folder: Path, shape: TransformerConfig) -> None:
    tokenizer = CharacterTokenizer(SYMBOLS)
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
    began, first, count = time.perf_counter(), 0.0, 0
    async with client.stream("POST", "/v1/completions", json=asked) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: {") and '"text": ""' not in line:
                first = first or time.perf_counter() - began
                count += 1
    return first, count


async def measure(address: str, streams: int, tokens: int) -> Figures:
    limits = httpx.Limits(max_connections=streams)
    async with httpx.AsyncClient(base_url=address, timeout=600, limits=limits) as client:
        began = time.perf_counter()
        found = await asyncio.gather(*(stream(client, seed, tokens) for seed in range(streams)))
        seconds = time.perf_counter() - began
    firsts = sorted(first for first, _ in found)
    late = firsts[min(len(firsts) - 1, round(0.99 * len(firsts)))]
    total = sum(count for _, count in found)
    return {"tokens_per_second": total / seconds, "first_median": statistics.median(firsts), "first_p99": late}


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


def llama(python: str, folder: Path, tokens: int) -> dict[str, Figures]:
    """llama.cpp's server from Python's package, which writes one text after the other."""
    loaded, file = Run(folder).load(), folder.parent / "run.gguf"
    gguf_writer(loaded, "fp32", say=lambda line: None)(file)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = {"model": file, "model_alias": "run", "port": port, "n_ctx": loaded.config.model.context_length}
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
        return {"tokens_per_second": total / seconds, "first_median": firsts[0], "first_p99": firsts[0]}

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
        peer = "llama.cpp" if python else "transformers"
        figures[peer] = llama(python, folder, tokens) if python else transformers(folder, tokens)
    times = figures["janelm"]["16"]["tokens_per_second"] / figures[peer]["16"]["tokens_per_second"]
    print(f"at 16 streams {times:.1f} times {peer}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
