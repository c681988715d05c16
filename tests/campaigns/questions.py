"""Whether a server stays as it was: python tests/campaigns/questions.py [--questions 86400] [--megabytes 1024]

`janelm api` with a small transformer and a small LSTM is asked as many questions as come in 24 hours at one a second:
texts whole and streamed, several at once, scores, vectors, mistakes, figures, and clients that hang up in the middle of
a text. They are asked as fast as it answers, by 8 clients side by side. Its resident memory is read after a tenth of
them and at the end; then nobody may wait or be written for, and a seed must still write what it wrote at first. Then
`janelm studio` is sent a file of so many megabytes, while its memory is read.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
from prometheus_client.parser import text_string_to_metric_families
from small import SHAPES, TOKENIZERS, TRAINING, write_text

from janelm.training.pipeline import train

KINDS = {"transformer": "tiktoken", "lstm": "character"}
CLIENTS = 8
GROWTH = 8.0  # megabytes, over nine tenths of the questions
UPLOAD = 16.0  # megabytes that a server may grow by while it is sent a file
PART = 1 << 20
FIRST = {"model": "transformer", "prompt": "The", "max_tokens": 40, "seed": 1, "temperature": 1.0}


def megabytes(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1000


@contextmanager
def server(command: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """The address of a server, and its process."""
    words = [sys.executable, "-m", "janelm", command, *arguments, "--port", "0"]
    serving = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert serving.stdout is not None
        yield serving.stdout.readline().strip(), serving.pid
    finally:
        serving.terminate()
        serving.wait(60)


async def ask(client: httpx.AsyncClient, rng: random.Random) -> str:
    """One question, and what came of it: the kind, and "wrong" behind it where that is not what should have."""
    kind = rng.choice(["whole", "whole", "stream", "several", "gone", "score", "vector", "mistake", "figures"])
    asked = {"model": rng.choice(list(KINDS)), "prompt": "The miller", "max_tokens": rng.randint(1, 40)}
    asked |= {"seed": rng.randrange(1 << 31), "temperature": rng.choice([0.0, 0.8, 1.2])}
    path, status = "/v1/completions", 200
    if kind == "stream":
        told = 0
        async with client.stream("POST", path, json=asked | {"stream": True}) as answer:
            async for line in answer.aiter_lines():
                told += line == "data: [DONE]"
        return kind if told == 1 else f"{kind} wrong"
    if kind == "gone":
        with contextlib.suppress(httpx.HTTPError):
            async with client.stream("POST", path, json=asked | {"stream": True, "max_tokens": 60_000}) as answer:
                await anext(answer.aiter_lines())
        return kind
    if kind == "several":
        asked |= {"n": 3, "logprobs": 2, "echo": True, "stop": ["."], "presence_penalty": 0.5}
    if kind == "score":
        path, asked = "/v1/score", {"model": asked["model"], "input": "Nobody forgot the lamp."}
    if kind == "vector":
        path, asked = "/v1/embeddings", {"model": asked["model"], "input": ["It rained.", "The lamp."]}
    if kind == "mistake":
        asked, status = asked | rng.choice([{"temperature": 9}, {"prompt": [10**6]}, {"x": 1}]), 400
    answer = await (client.get("/metrics") if kind == "figures" else client.post(path, json=asked))
    return kind if answer.status_code == status else f"{kind} wrong ({answer.status_code})"


async def many(address: str, count: int, seed: int) -> Counter[str]:
    """So many questions by clients side by side: how often each came to what."""
    found: Counter[str] = Counter()
    left = itertools.count()

    async def one(number: int) -> None:
        rng = random.Random(f"{seed} {number}")
        async with httpx.AsyncClient(base_url=address, timeout=300) as client:
            while next(left) < count:
                began = time.perf_counter()
                try:
                    found[await ask(client, rng)] += 1
                except httpx.TransportError as error:
                    seconds = time.perf_counter() - began
                    found[f"wrong ({type(error).__name__} after {seconds:.1f} s)"] += 1

    await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    return found


def idle(address: str) -> bool:
    """Whether nobody waits and nobody is written for, within some seconds."""
    for _ in range(100):
        families = text_string_to_metric_families(httpx.get(f"{address}metrics").text)
        samples = [
            sample for one in families if one.name in ("janelm_writing", "janelm_waiting") for sample in one.samples
        ]
        if not any(sample.value for sample in samples):
            return True
        time.sleep(0.1)
    return False


def questions(count: int, seed: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        for kind, tokens in KINDS.items():
            place = Path(folder) / kind
            train(
                SHAPES[kind], TRAINING, place, text=write_text(300), tokenizer=TOKENIZERS[tokens], say=lambda line: None
            )
        with server("api", *(f"{folder}/{kind}" for kind in KINDS)) as (address, process):
            began = time.perf_counter()
            first = httpx.post(f"{address}v1/completions", json=FIRST, timeout=300).json()["choices"]
            found = asyncio.run(many(address, count // 10, seed))
            early = megabytes(process)
            found += asyncio.run(many(address, count - count // 10, seed + 1))
            free = idle(address)
            late = megabytes(process)
            same = httpx.post(f"{address}v1/completions", json=FIRST, timeout=300).json()["choices"] == first
            seconds = time.perf_counter() - began
    wrong = sum(number for what, number in found.items() if "wrong" in what)
    print(", ".join(f"{number:,} {what}" for what, number in sorted(found.items())))
    print(
        f"{found.total():,} questions, {seconds:.0f} s: {wrong} wrong; memory {early:.1f} MB, then {late:.1f} MB"
        f"{'' if late - early < GROWTH else '  GROWS'}; {'nobody' if free else 'SOMEBODY'} is left; the first seed "
        f"{'writes what it wrote' if same else 'WRITES SOMETHING ELSE'}",
        flush=True,
    )
    return not wrong and late - early < GROWTH and free and same


def upload(size: int) -> bool:
    """Send a file of so many megabytes, and read the server's memory after each of them."""
    part, seen = os.urandom(PART), []
    with tempfile.TemporaryDirectory() as folder, server("studio", folder, "--no_browser") as (address, process):
        httpx.put(f"{address}studio/texts/file/small.bin", content=part, timeout=300)
        before = megabytes(process)

        def parts() -> Iterator[bytes]:
            for _ in range(size):
                yield part
                seen.append(megabytes(process))

        answer = httpx.put(f"{address}studio/texts/file/large.bin", content=parts(), timeout=3600).json()
    grown = max(seen) - before
    whole = answer == {"bytes": size * PART}
    print(f"{size} MB sent, {'all' if whole else 'NOT ALL'} arrived; memory grew by at most {grown:.1f} MB")
    return whole and grown < UPLOAD


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=86_400)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    return int(not all([questions(options.questions, options.seed), upload(options.megabytes)]))


if __name__ == "__main__":
    sys.exit(main())
