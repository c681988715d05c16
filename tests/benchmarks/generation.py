"""How fast text is written: python tests/benchmarks/generation.py [--json FILE] [--growth] [--long TOKENS]

One stream, 10.6 million parameters (6 layers, width 384, 6 heads, context 256, 81 symbols), context full. In one run,
in turns of equal time, so that a noisy machine is equally noisy to all: each engine of this package with its sampler,
GPT2LMHeadModel.generate of `transformers` with its cache at the same shape, and the machine's own limit: a bare chain
of the same matrix-vector products. Then the time from the start of a process to the first character of a model of 5
million parameters. --growth adds how the time per token grows with context and width, and --long what memory each
engine holds along so many tokens. Needs pip install -e ".[benchmarks]".
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
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch

from janelm.architectures import build_model
from janelm.config import DataConfig, LSTMConfig, ModelConfig, SamplingConfig, TrainingConfig, TransformerConfig
from janelm.engines import Engine, OnnxEngine, TorchEngine
from janelm.export.graphs import export_graph
from janelm.export.precision import quantise
from janelm.generation import Limits, generate_samples
from janelm.runs import LoadedRun, Run, RunConfig
from janelm.tokenizers import CharacterTokenizer

SHAPE = TransformerConfig(layers=6, width=384, heads=6, context_length=256)
SAMPLING = SamplingConfig(temperature=0.8)
TOKENS, ROUNDS, FILL = 100, 7, 300  # tokens between two looks at the clock, turns, tokens that fill the context
TURN, WARM = 1.0, 0.3  # seconds of a turn, and before its clock starts: caches and threads are still the last engine's


def random_run(shape: ModelConfig) -> LoadedRun:
    """A model of this shape with random weights and 81 symbols: speed does not ask what the weights are."""
    tokenizer = CharacterTokenizer(map(chr, range(33, 33 + 80)))
    torch.manual_seed(0)
    model = build_model(shape, tokenizer.vocab_size).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return LoadedRun("random", model, tokenizer, RunConfig(shape, DataConfig(), TrainingConfig(steps=1)))


def seconds_per_step(write: Callable[[], None], seconds: float) -> float:
    """How long each of the steps of `write`, which takes TOKENS of them, lasts, over at least so many seconds."""
    began, steps, took = time.perf_counter(), 0, 0.0
    while took < seconds:
        write()
        steps += TOKENS
        took = time.perf_counter() - began
    return took / steps


def writer(run: LoadedRun, engine: Engine, samples: int = 1, fill: int = FILL) -> Callable[..., None]:
    """A function that writes TOKENS tokens more in each of `samples` texts."""
    limits = Limits(10**9)
    pieces = generate_samples(run, "A", limits, SAMPLING, num_samples=samples, engine=engine)

    def write(count: int = TOKENS) -> None:
        for _ in range(count * samples):
            next(pieces)

    write(fill)
    return write


def hugging_face() -> Callable[[], None]:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=81, n_positions=1024, n_embd=384, n_layer=6, n_head=6, bos_token_id=0, eos_token_id=None
    )
    model = GPT2LMHeadModel(config).eval()
    prompt = torch.randint(81, (1, 256 - TOKENS))  # the cache grows to the same 256

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
    """Milliseconds per token of the ONNX engine in fp32, as context and width grow; prints and returns them."""
    shapes = [("context", replace(SHAPE, context_length=context)) for context in (64, 256, 1024, 4096)]
    shapes += [("width", replace(SHAPE, width=width, heads=width // 64)) for width in (128, 256, 512, 768)]
    figures = {}
    for name, shape in shapes:
        run = random_run(shape)
        fill = shape.context_length + 50
        write = writer(run, OnnxEngine(export_graph(run), threads), fill=fill)
        value = shape.context_length if name == "context" else shape.width
        step = 1e3 * statistics.median(seconds_per_step(write, 0.3) for _ in range(5))
        figures[f"{name} {value}"] = step
        print(f"{name:8}{value:5}:{step:8.3f} ms per token ({run.model.parameter_count():,} parameters)")
    return figures


def first_character() -> dict[str, float]:
    """Seconds from the start of a process to the first character, of a model in the default size: 5M parameters."""
    run = random_run(TransformerConfig())
    root, figures = Path(__file__).parents[2], {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        finished = Run(folder / "models" / "model")
        finished.write_settings(run.config, run.tokenizer, {})
        finished.write_best(run.model)
        for engine in ("torch", "onnx"):
            command = [sys.executable, str(root / "inference.py"), "--text", "A", "--num_tokens", "1000"]
            figures[engine] = statistics.median(
                _seconds_to_output([*command, "--engine", engine], folder, root) for _ in range(5)
            )
            print(f"first character, {engine}: {figures[engine]:.2f} s ({run.model.parameter_count():,} parameters)")
    return figures


def _seconds_to_output(command: list[str], folder: Path, root: Path) -> float:
    began = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        process.stdout.read(2)  # the prompt's one character, and the first that is written
        took = time.perf_counter() - began
        process.stdout.read()
    return took


def resident() -> float:
    """MB of memory that this process holds now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def hold(engine: str, tokens: int) -> dict[str, float]:
    """MB held before there is a model, and after each tenth of `tokens` tokens; to be run in a process of its own."""
    torch.set_num_threads(1)
    before = resident()
    run = random_run(SHAPE)
    if engine != "torch":
        graph = export_graph(run)
        made = OnnxEngine(graph if engine == "fp32" else quantise(graph, engine))
        del graph
    else:
        made = TorchEngine(run.model)
    write = writer(replace(run, model=None), made)
    del run
    held = []
    for _ in range(10):
        write(tokens // 10)
        held.append(resident())
    return {"before": before, "first tenth": held[0], "last tenth": held[-1], "most": max(held)}


def memory(tokens: int) -> dict[str, dict[str, float]]:
    figures = {}
    for engine in ("torch", "fp32", "int8"):
        with get_context("spawn").Pool(1) as pool:
            figures[engine] = pool.apply(hold, (engine, tokens))
        parts = ", ".join(f"{name} {value:.0f} MB" for name, value in figures[engine].items())
        print(f"memory along {tokens:,} tokens, {engine}: {parts}")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--threads", type=int, default=2, help="threads of each engine (default: 2)")
    parser.add_argument("--growth", action="store_true", help="also as context and width grow")
    parser.add_argument("--long", type=int, metavar="TOKENS", help="also the memory held along so many tokens")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    run = random_run(SHAPE)
    graph = export_graph(run)
    lstm = random_run(LSTMConfig(layers=2, width=810))  # as many parameters
    engines = {
        "torch, fp32": (run, TorchEngine(run.model), 1),
        "ONNX Runtime, fp32": (run, OnnxEngine(graph, options.threads), 1),
        "ONNX Runtime, int8": (run, OnnxEngine(quantise(graph, "int8"), options.threads), 1),
        "torch, fp32, 16 samples": (run, TorchEngine(run.model), 16),
        "ONNX Runtime, fp32, 16 samples": (run, OnnxEngine(graph, options.threads), 16),
        "ONNX Runtime, int8, 16 samples": (run, OnnxEngine(quantise(graph, "int8"), options.threads), 16),
        "LSTM, torch, fp32": (lstm, TorchEngine(lstm.model), 1),
        "LSTM, ONNX Runtime, fp32": (lstm, OnnxEngine(export_graph(lstm), options.threads), 1),
    }
    timed: dict[str, Callable[[], None]] = {"transformers, GPT-2, fp32": hugging_face()}
    timed["bare products, fp32"] = bare_products(run)
    timed |= {name: writer(*what) for name, what in engines.items()}
    samples = {name: what[2] for name, what in engines.items()}
    seconds = {name: [] for name in timed}
    for _ in range(ROUNDS):
        for name, write in timed.items():
            seconds_per_step(write, WARM)
            seconds[name].append(seconds_per_step(write, TURN))
    base = statistics.median(seconds["transformers, GPT-2, fp32"])
    figures = {}
    print(f"{'':34}{'ms/step':>9}{'fastest':>9}{'tokens/s':>10}{'x transformers':>16}")
    for name, values in seconds.items():
        step = statistics.median(values)
        rate = samples.get(name, 1) / step
        figures[name] = {"ms_per_step": 1e3 * step, "fastest_ms": 1e3 * min(values), "tokens_per_second": rate}
        print(f"{name:34}{1e3 * step:9.3f}{1e3 * min(values):9.3f}{rate:10,.0f}{rate * base:16.1f}")
    figures["first character, s"] = first_character()
    if options.growth:
        figures["growth"] = growth(options.threads)
    if options.long:
        figures["memory, MB"] = memory(options.long)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
