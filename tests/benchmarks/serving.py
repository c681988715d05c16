"""How fast many texts are written at once: python tests/benchmarks/serving.py [--json FILE] [--precision int8-weights]

`janelm api` with a model of 10.6 million parameters (6 layers, width 384, 6 heads, context 256, 80 symbols) in a
process of its own, asked for 1, 4, 16 and 64 streams at once by another: tokens per second of all streams together from
the first question to the last token, and the time from a question to its first token, median and 99th percentile. What
the server's memory grows by is shown after the last of --rounds. --smallest does it with a tiny model: figures that
mean nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import torch

from janelm.architectures import build_model
from janelm.config import DataConfig, TrainingConfig, TransformerConfig
from janelm.runs.folder import Run
from janelm.runs.loaded import RunConfig
from janelm.text.tokenizers import CharacterTokenizer

SHAPE = TransformerConfig(layers=6, width=384, heads=6, context_length=256)
TINY = TransformerConfig(layers=1, width=64, heads=1, context_length=16)
SYMBOLS = [chr(code) for code in range(32, 112)]
STREAMS, TOKENS, ROUNDS = (1, 4, 16, 64), 256, 3


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
    asked = {"model": "run", "prompt": "It was a ", "max_tokens": tokens, "seed": seed, "stream": True}
    began, first, count = time.perf_counter(), 0.0, 0
    async with client.stream("POST", "/v1/completions", json=asked) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                first = first or time.perf_counter() - began
                count += 1
    return first, count


async def measure(address: str, streams: int, tokens: int) -> dict[str, float]:
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--smallest", action="store_true")
    options = parser.parse_args()
    tokens, shape = (8, TINY) if options.smallest else (TOKENS, SHAPE)
    rounds = 1 if options.smallest else options.rounds
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        write_run(Path(name) / "run", shape)
        command = [
            sys.executable,
            "-m",
            "janelm",
            "api",
            f"{name}/run",
            "--port",
            "0",
            "--precision",
            options.precision,
        ]
        serving = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert serving.stdout is not None
            address = serving.stdout.readline().strip()
            asyncio.run(measure(address, 4, 8))  # warms up
            before = memory(serving.pid)
            for streams in STREAMS:
                some = [asyncio.run(measure(address, streams, tokens)) for _ in range(rounds)]
                figures[str(streams)] = {key: statistics.median(one[key] for one in some) for key in some[0]}
                one = figures[str(streams)]
                print(
                    f"{streams} streams: {one['tokens_per_second']:,.0f} tokens/s, first token after "
                    f"{1000 * one['first_median']:.0f} ms (p99 {1000 * one['first_p99']:.0f} ms)"
                )
            grown = memory(serving.pid) - before
            print(f"memory: {before:.0f} MB, and {grown:.0f} MB more afterwards")
        finally:
            serving.terminate()
            serving.wait(60)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
