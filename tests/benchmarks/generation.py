"""How fast text is written: python tests/benchmarks/generation.py [--json FILE] [--growth] [--long TOKENS]

One stream, 10.6 million parameters (6 layers, width 384, 6 heads, context 256, 81 symbols), context full: each engine
of this package with its sampler, GPT2LMHeadModel.generate of `transformers` with its cache at the same shape, and the
machine's own limit: a bare chain of the same matrix-vector products. Each has a process of its own, as when it is used,
and they take turns of equal time, so that a noisy machine is equally noisy to all; who waits, sleeps. Then the time
from the start of a process to the first character of a model of 5 million parameters. --growth adds how the time per
token grows with context and width, and --long what memory inference.py holds with each engine along so many tokens.
--smallest does it all with tiny models, once, and with all contenders in one process: figures that mean nothing.
Needs pip install -e ".[benchmarks]".
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch

from janelm.architectures import build_model
from janelm.config import DataConfig, LSTMConfig, ModelConfig, SamplingConfig, TrainingConfig, TransformerConfig
from janelm.engines import CompiledTorchEngine, Engine, NativeEngine, OnnxEngine, TorchEngine
from janelm.export.graphs import export_graph
from janelm.export.precision import quantise
from janelm.runs import LoadedRun, Run, RunConfig
from janelm.text.tokenizers import CharacterTokenizer
from janelm.writing.generation import Limits, generate_samples

SHAPE = TransformerConfig(layers=6, width=384, heads=6, context_length=256)
LSTM = LSTMConfig(layers=2, width=810)  # as many parameters
SMALL = TransformerConfig()  # of 5 million parameters
ROOT = Path(__file__).parents[2]
SAMPLING = SamplingConfig(temperature=0.8)
TOKENS, ROUNDS, FILL = 100, 7, 300  # tokens between two looks at the clock, turns, tokens that fill the context
TURN, WARM = 1.0, 0.3  # seconds of a turn, and before its clock starts: the processor's caches are still another's
STARTS = 5  # of a process until its first character
GROWTH = {"context": (64, 256, 1024, 4096), "width": (128, 256, 512, 768)}  # what grows in turn, and how far
FLAGS: list[str] = []  # of the processes that this one starts of itself
_TINY = {"layers": 1, "width": 64, "context_length": 16}
SMALLEST = {
    "SHAPE": TransformerConfig(**_TINY, heads=1),
    "LSTM": LSTMConfig(**_TINY),
    "SMALL": TransformerConfig(**_TINY, heads=1),
    **{"TOKENS": 10, "ROUNDS": 1, "FILL": 20, "TURN": 0.001, "WARM": 0.001, "STARTS": 1},
    "GROWTH": {"context": (16,), "width": (64,)},
    "FLAGS": ["--smallest"],
}

ENGINES = {
    "torch, fp32": ["--engine", "torch"],
    "ONNX Runtime, fp32": ["--engine", "onnx"],
    "ONNX Runtime, int8": ["--engine", "onnx", "--precision", "int8"],
    "native, fp32": ["--engine", "native"],
    "native, int8 weights": ["--engine", "native", "--precision", "int8-weights"],
}
STARTED = ENGINES  # those of which processes are started
SMALLEST["STARTED"] = {"native, fp32": ENGINES["native, fp32"]}
TWICE = True  # whether the compiled engine contends with several samples and as an LSTM too
SMALLEST["TWICE"] = False  # to compile takes longer than all else
MEMORY = {"VmRSS": "resident", "RssAnon": "anonymous", "VmHWM": "peak"}  # what Linux calls them


def random_run(shape: ModelConfig) -> LoadedRun:
    """A model of this shape with random weights and 81 symbols: speed does not ask what the weights are."""
    tokenizer = CharacterTokenizer(map(chr, range(33, 33 + 80)))
    torch.manual_seed(0)
    model = build_model(shape, tokenizer.vocab_size).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return LoadedRun.of("random", model, tokenizer, RunConfig(shape, DataConfig(), TrainingConfig(steps=1)))


def seconds_per_step(write: Callable[[], None], seconds: float) -> float:
    """How long each of the steps of `write`, which takes TOKENS of them, lasts, over at least so many seconds."""
    began, steps, took = time.perf_counter(), 0, 0.0
    while took < seconds:
        write()
        steps += TOKENS
        took = time.perf_counter() - began
    return took / steps


def writer(run: LoadedRun, engine: Engine, samples: int = 1, fill: int = 0) -> Callable[..., None]:
    """A function that writes TOKENS tokens more in each of `samples` texts, after `fill` tokens or FILL."""
    limits = Limits(10**9)
    pieces = generate_samples(run, "A", limits, SAMPLING, num_samples=samples, engine=engine)

    def write(count: int = 0) -> None:
        for _ in range((count or TOKENS) * samples):
            next(pieces)

    write(fill or FILL)
    return write


def hugging_face() -> Callable[[], None]:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=81, n_positions=1024, n_embd=SHAPE.width, n_layer=SHAPE.layers, n_head=SHAPE.heads,
        bos_token_id=0, eos_token_id=None,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).eval()
    prompt = torch.randint(81, (1, SHAPE.context_length - TOKENS))  # the cache grows to the same length

    def write() -> None:
        with torch.inference_mode():
            model.generate(
                prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=TOKENS, min_new_tokens=TOKENS,
                do_sample=True, temperature=0.8, top_k=0, use_cache=True, pad_token_id=0,
            )  # fmt: skip

    write()
    return write


def bare_products(run: LoadedRun) -> Callable[[], None]:
    """Every weight matrix of the model times one vector, and nothing else."""
    weights = [weight.detach() for weight in run.model.hidden_matrices()] + [run.model.head.weight.detach()]
    vectors = [torch.randn(1, weight.size(1)) for weight in weights]

    def write() -> None:
        with torch.inference_mode():
            for _ in range(TOKENS):
                for weight, vector in zip(weights, vectors, strict=True):
                    torch.nn.functional.linear(vector, weight)

    write()
    return write


def growth(threads: int) -> dict[str, float]:
    """Milliseconds per token of the native engine in fp32, as context and width grow; prints and returns them."""
    shapes = [("context", replace(SHAPE, context_length=context)) for context in GROWTH["context"]]
    shapes += [("width", replace(SHAPE, width=width, heads=width // 64)) for width in GROWTH["width"]]
    figures = {}
    for name, shape in shapes:
        run = random_run(shape)
        fill = shape.context_length + 50
        write = writer(run, NativeEngine(run, threads=threads), fill=fill)
        value = shape.context_length if name == "context" else shape.width
        step = 1e3 * statistics.median(seconds_per_step(write, WARM) for _ in range(5))
        figures[f"{name} {value}"] = step
        print(f"{name:8}{value:5}:{step:8.3f} ms per token ({run.model.parameter_count():,} parameters)")
    return figures


def first_character() -> dict[str, float]:
    """Seconds from the start of a process to the first character, of a model in the default size."""
    figures = {}
    with saved(SMALL) as folder:
        for name, options in STARTED.items():
            command = inference(10 * TOKENS, options)
            figures[name] = statistics.median(_seconds_to_output(command, folder) for _ in range(STARTS))
            print(f"first character, {name}: {figures[name]:.2f} s")
    return figures


@contextmanager
def saved(shape: ModelConfig) -> Iterator[Path]:
    """A folder in which `inference.py` finds a model of this shape."""
    run = random_run(shape)
    with tempfile.TemporaryDirectory() as name:
        finished = Run(Path(name) / "models" / "model")
        finished.write_settings(run.config, run.tokenizer, {})
        finished.write_best(run.model)
        yield Path(name)


def inference(tokens: int, options: list[str]) -> list[str]:
    return [sys.executable, str(ROOT / "inference.py"), "--text", "A", "--num_tokens", str(tokens), *options]


def started(command: list[str], folder: Path, **environment: str) -> subprocess.Popen:
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _seconds_to_output(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    with started(command, folder) as process:
        process.stdout.read(2)  # the prompt's one character, and the first that is written
        took = time.perf_counter() - began
        process.stdout.read()
    return took


def resident(process: subprocess.Popen) -> dict[str, float]:
    """MB of memory that a process holds now, how much of it is not of files, and the most it has held (Linux)."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    sizes = {name: value.split()[0] for name, value in (line.split(":", 1) for line in lines) if name in MEMORY}
    return {label: int(sizes[name]) * 1024 / 1e6 for name, label in MEMORY.items()}


def memory(tokens: int) -> dict[str, dict[str, dict[str, float]]]:
    """MB that `inference.py` itself holds after its first character and after each tenth of `tokens` tokens."""
    figures = {}
    with saved(SHAPE) as folder:
        for name, options in STARTED.items():
            with started(inference(2 * tokens, options), folder, OMP_NUM_THREADS="1") as process:
                process.stdout.read(2)
                held = {"first character": resident(process)}
                for tenth in range(1, 11):
                    process.stdout.read(tokens // 10)  # a token is a character is a byte
                    held[f"{tenth}0 %"] = resident(process)
                process.kill()
            figures[name] = held
            for label in ("first character", "10 %", "100 %"):
                parts = ", ".join(f"{kind} {value:.0f} MB" for kind, value in held[label].items())
                print(f"memory along {tokens:,} tokens, {name}, {label}: {parts}")
    return figures


BASE = "transformers, GPT-2, fp32"
NAMES = ["torch, fp32", "torch compiled, fp32", *list(ENGINES)[1:]]


def contenders(threads: int) -> dict[str, Callable[[], Callable[[], None]]]:
    """What makes each contender, by its name: the function it makes writes TOKENS tokens a call."""

    def engine(name: str, shape: ModelConfig, samples: int) -> Callable[[], None]:
        run = random_run(shape)
        if name.startswith("torch"):
            return writer(run, (CompiledTorchEngine if "compiled" in name else TorchEngine)(run.model), samples)
        if name.startswith("native"):
            return writer(run, NativeEngine(run, "int8-weights" if "int8" in name else "fp32", threads), samples)
        graph = export_graph(run)
        return writer(run, OnnxEngine(quantise(graph, "int8") if "int8" in name else graph, threads), samples)

    made = {BASE: hugging_face, "bare products, fp32": lambda: bare_products(random_run(SHAPE))}
    made |= {name: partial(engine, name, SHAPE, 1) for name in NAMES}
    made |= {f"{name}, 16 samples": partial(engine, name, SHAPE, 16) for name in NAMES}
    made |= {f"LSTM, {name}": partial(engine, name, LSTM, 1) for name in NAMES if "int8" not in name}
    return {name: make for name, make in made.items() if TWICE or "compiled" not in name or name in NAMES}


def take_turns(threads: int) -> None:
    """Be the contender that a line of the input names, and print the seconds that a step of it takes."""
    writers: dict[str, Callable[[], None]] = {}
    for name in map(str.strip, sys.stdin):
        write = writers[name] = writers.get(name) or contenders(threads)[name]()
        seconds_per_step(write, WARM)
        print(seconds_per_step(write, TURN), flush=True)


def turn(name: str, process: subprocess.Popen) -> float:
    """Let a contender take its turn: the seconds that a step took."""
    print(name, file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{name} ended without an answer: what it said stands above")
    return float(line)


def contest(threads: int) -> dict[str, dict[str, float]]:
    """All contenders in turns; prints and returns their figures."""
    command = [sys.executable, __file__, *FLAGS, "--threads", str(threads), "--contenders"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes: dict[str, subprocess.Popen] = {}
    for name in contenders(threads):
        alone = not FLAGS or not processes
        processes[name] = subprocess.Popen(command, **pipes) if alone else processes[BASE]
        turn(name, processes[name])  # one after the other they get ready
    seconds = {name: [] for name in processes}
    for _ in range(ROUNDS):
        for name, process in processes.items():
            seconds[name].append(turn(name, process))
    for process in set(processes.values()):
        process.communicate()
    base = statistics.median(seconds[BASE])
    figures = {}
    print(f"{'':34}{'ms/step':>9}{'fastest':>9}{'tokens/s':>10}{'x transformers':>16}")
    for name, values in seconds.items():
        step = statistics.median(values)
        rate = (16 if "16 samples" in name else 1) / step
        figures[name] = {"ms_per_step": 1e3 * step, "fastest_ms": 1e3 * min(values), "tokens_per_second": rate}
        print(f"{name:34}{1e3 * step:9.3f}{1e3 * min(values):9.3f}{rate:10,.0f}{rate * base:16.1f}")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--threads", type=int, default=2, help="threads of each engine (default: 2)")
    parser.add_argument("--growth", action="store_true", help="also as context and width grow")
    parser.add_argument("--long", type=int, metavar="TOKENS", help="also the memory held along so many tokens")
    parser.add_argument("--smallest", action="store_true", help="tiny models and few steps, to see that it runs")
    parser.add_argument("--contenders", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    globals().update(SMALLEST if options.smallest else {})
    torch.set_num_threads(options.threads)
    if options.contenders:
        return take_turns(options.threads)
    figures = contest(options.threads)
    figures["first character, s"] = first_character()
    if options.growth:
        figures["growth"] = growth(options.threads)
    if options.long:
        figures["memory, MB"] = memory(options.long)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
