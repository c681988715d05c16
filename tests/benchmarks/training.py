"""How fast models are trained: python tests/benchmarks/training.py [--only PART ...] [--json FILE]

Parts, each on two threads:

- throughput: a whole training step (loss, gradient, clipping, optimizers) of 16 windows of 256 tokens out of 1,024
  symbols; in turns, so that a noisy machine is equally noisy to all. The transformer has 6 layers, width 384 and 6
  heads, as has GPT2LMHeadModel of `transformers`, with AdamW in fp32; the bare products are those of the step's
  matrices, forward and backward, in bf16 and nothing else. The LSTM has 2 layers of 512, as has torch's own, with fused
  AdamW in fp32.
- growth: tokens/s without torch.compile as context, width and vocabulary grow.
- memory: what a step of the small transformer adds to the process at its peak.
- text: MB/s of tokenising, and seconds from the start of the program to its first step.

--smallest measures all of it with tiny models and few steps: figures that mean nothing, in a minute.
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
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch
import torch.nn.functional as F
from torch import nn

from janelm.architectures import build_model, crossentropy
from janelm.config import LSTMConfig, ModelConfig, TiktokenTokenizerConfig, TrainingConfig, TransformerConfig
from janelm.runs import Run
from janelm.text.corpora import Source, load_sources
from janelm.text.encoded import EncodedText, RunningSplits
from janelm.text.tokenizers import train_tokenizer
from janelm.training.loop import Trainer

ROOT = Path(__file__).parents[2]
SHAPE, SMALL = TransformerConfig(layers=6, width=384, heads=6, context_length=256), TransformerConfig()
TOKENS, VOCAB = 4096, 1024
LSTM_WIDTH = 512
ROUNDS = 9
TEXT = "austen"
GROWTH = {  # what grows in turn, and how far
    "context": (64, 128, 256, 512, 1024, 2048),
    "width": (128, 256, 384, 512, 768),
    "vocabulary": (256, 1024, 4096, 16_384, 50_257),
}
PEAKS = ((1024, True), (50_257, True), (50_257, False))  # symbols; their logits in parts?
FLAGS: list[str] = []  # of the processes that this one starts of itself
TRAINING = ["--steps", "1", "--compile", "off"]
SMALLEST = {
    "SHAPE": TransformerConfig(layers=1, width=64, heads=1, context_length=16),
    "SMALL": TransformerConfig(layers=1, width=64, heads=1, context_length=16),
    "TOKENS": 64,
    "LSTM_WIDTH": 32,
    "ROUNDS": 1,
    "GROWTH": {name: sizes[:1] for name, sizes in GROWTH.items()},
    "PEAKS": PEAKS[::2],
    "FLAGS": ["--smallest"],
    "TRAINING": [*TRAINING, "--preset", "nano"],
}
Step = Callable[[], object]


def batch(context: int = 256, vocab: int = VOCAB) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.randint(vocab, (max(1, TOKENS // context), context + 1))
    return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()


def ours(shape: ModelConfig, vocab: int = VOCAB, **settings: object) -> Step:
    """One step of this package's trainer, which knows nothing of the text but its size."""
    torch.manual_seed(0)
    model = build_model(shape, vocab)
    sizes = {"train_tokens": 10**6 * TOKENS, "tokens_per_step": TOKENS}
    data = SimpleNamespace(batches_per_epoch=10**6, many_shapes=False, **sizes)
    config = TrainingConfig(steps=10**6, learning_rate=1e-4, matrix_learning_rate=1e-4, **settings)
    trainer = Trainer(model, data, config, Run(Path("unused")), say=lambda line: None)
    inputs, targets = batch(shape.context_length, vocab)
    return lambda: trainer.step((inputs, targets))


def hugging_face() -> Step:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=VOCAB, n_positions=256, n_embd=SHAPE.width, n_layer=SHAPE.layers, n_head=SHAPE.heads,
        bos_token_id=0, eos_token_id=None, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    inputs, _ = batch(SHAPE.context_length)

    def step() -> None:
        model(input_ids=inputs, labels=inputs).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def torch_lstm() -> Step:
    """nn.LSTM between an embedding and a tied head, in fp32."""
    D = LSTM_WIDTH
    embedding, lstm, head = nn.Embedding(VOCAB, D), nn.LSTM(D, D, 2, batch_first=True), nn.Linear(D, VOCAB)
    head.weight = embedding.weight
    weights = [*embedding.parameters(), *lstm.parameters(), head.bias]
    optimizer = torch.optim.AdamW(weights, 1e-4, fused=True)
    inputs, targets = batch()

    def step() -> None:
        loss = F.cross_entropy(head(lstm(embedding(inputs))[0]).flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def bare_products() -> Step:
    """Every matrix product of a step of the transformer, forward and backward, in bf16."""
    D, H, T, layers = SHAPE.width, SHAPE.heads, SHAPE.context_length, SHAPE.layers
    B, E = TOKENS // T, D // H

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.bfloat16)

    linears = [(D, 3 * D), (D, D), (D, 4 * D), (4 * D, D)] * layers + [(D, VOCAB)]
    weights = [(random(TOKENS, inner), random(outer, inner), random(TOKENS, outer)) for inner, outer in linears]
    q, scores = random(B, H, T, E), random(B, H, T, T)

    def step() -> None:
        for x, weight, gradient in weights:
            x @ weight.T
            gradient @ weight
            gradient.T @ x
        for _ in range(layers):
            q @ q.mT, scores @ q  # forward; backward:
            q @ q.mT, scores.mT @ q, scores @ q, scores.mT @ q

    return step


def in_turns(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Tokens/s of each, from the median of its times."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - began)
    return {name: TOKENS / statistics.median(values) for name, values in seconds.items()}


def throughput() -> dict[str, float]:
    compiled = ours(SHAPE, compile="on")
    began = time.perf_counter()
    compiled()
    figures = {"seconds to compile": time.perf_counter() - began}
    steps = {
        "transformers, GPT-2, AdamW, fp32": hugging_face(),
        "bare products, bf16": bare_products(),
        "transformer": ours(SHAPE, compile="off"),
        "transformer, compiled": compiled,
        "torch.nn.LSTM, fused AdamW, fp32": torch_lstm(),
        "LSTM": ours(LSTMConfig(width=LSTM_WIDTH), compile="off"),
    }
    for step in steps.values():
        step()
    figures |= in_turns(steps, ROUNDS)
    for name in steps:
        print(f"{name:36}{figures[name]:12,.0f} tokens/s")
    peer, bare = figures["transformers, GPT-2, AdamW, fp32"], figures["bare products, bf16"]
    ratios = {
        "transformer, compiled, to transformers": figures["transformer, compiled"] / peer,
        "transformer, compiled, to bare products": figures["transformer, compiled"] / bare,
        "LSTM to torch.nn.LSTM": figures["LSTM"] / figures["torch.nn.LSTM, fused AdamW, fp32"],
    }
    for name, ratio in ratios.items():
        print(f"{name:44}{ratio:8.2f}")
    print(f"compiling took {figures['seconds to compile']:.0f} s")
    return figures | ratios


def growth() -> dict[str, float]:
    shapes = [("context", replace(SMALL, context_length=length), VOCAB) for length in GROWTH["context"]]
    shapes += [("width", replace(SMALL, width=width, heads=width // 64), VOCAB) for width in GROWTH["width"]]
    shapes += [("vocabulary", SMALL, vocab) for vocab in GROWTH["vocabulary"]]
    figures = {}
    for name, shape, vocab in shapes:
        step = ours(shape, vocab, compile="off")
        step()
        value = {"context": shape.context_length, "width": shape.width, "vocabulary": vocab}[name]
        figures[f"{name} {value}"] = speed = in_turns({"": step}, 3)[""]
        print(f"{name:12}{value:7,}{speed:12,.0f} tokens/s")
    return figures


def memory() -> dict[str, float]:
    """Megabytes, each measured in a process of its own."""
    figures = {}
    for vocab, in_parts in PEAKS:
        command = [sys.executable, __file__, *FLAGS, "--peak", str(vocab), *([] if in_parts else ["--plain"])]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        name = f"{vocab} symbols{'' if in_parts else ', all logits at once'}"
        figures[name] = float(done.stdout)
        print(f"{name:44}{figures[name]:8,.0f} MB")
    return figures


def peak(vocab: int, plain: bool) -> None:
    """Print by how many MB a step raises the highest memory of this process."""
    if plain:
        crossentropy.LOGITS_AT_ONCE = 10**12
    tiny = ours(TransformerConfig(layers=1, width=32, heads=1), 32, compile="off")
    tiny()  # so that what torch itself takes at its first step is not counted
    step = ours(SMALL, vocab, compile="off")
    before = highest()
    step(), step()
    print(highest() - before)


def highest() -> float:
    """The most memory that this process has held, in MB (Linux; getrusage would count what held its parent)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def text() -> dict[str, float]:
    name = str(Path(TEXT).resolve()) if Path(TEXT).exists() else TEXT
    (source,) = load_sources((name,))
    splits = RunningSplits([Source("four times over", source.text * 4)])
    tokenizer = train_tokenizer(TiktokenTokenizerConfig(), splits.blocks("train"))
    began = time.perf_counter()
    extent = EncodedText(splits, tokenizer).extent
    figures = {"tokenising, MB/s": sum(extent.bytes) / 1e6 / (time.perf_counter() - began)}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, ROOT / "traineval.py", "--data", name, *TRAINING]
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        metrics = Path(folder) / "models" / "model" / "metrics.csv"
        while not metrics.exists():  # written just before the first step
            if process.poll():
                sys.exit(process.communicate()[1].decode())
            time.sleep(0.01)
        figures["startup to the first step, s"] = time.perf_counter() - began
        process.kill()
        process.communicate()
    for name, value in figures.items():
        print(f"{name:32}{value:8.1f}")
    return figures


PARTS = {"throughput": throughput, "growth": growth, "memory": memory, "text": text}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure (default: all)")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--threads", type=int, default=2, help="threads (default: 2)")
    parser.add_argument("--text", default=TEXT, help="the text of the part of that name (default: %(default)s)")
    parser.add_argument("--smallest", action="store_true", help="tiny models and few steps, to see that it runs")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    globals().update(SMALLEST if options.smallest else {}, TEXT=options.text)
    torch.set_num_threads(options.threads)
    if options.peak:
        return peak(options.peak, options.plain)
    figures = {name: PARTS[name]() for name in options.only}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
