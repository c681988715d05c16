"""What the tests share: texts written for them, small models with random weights, and their steps."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from janelm.architectures import build_model
from janelm.config import (
    CharacterTokenizerConfig,
    DataConfig,
    GPT2Config,
    LSTMConfig,
    TiktokenTokenizerConfig,
    TrainingConfig,
    TransformerConfig,
)
from janelm.export.graphs import export_graph
from janelm.runs.loaded import LoadedRun, RunConfig
from janelm.text.tokenizers import train_tokenizer
from janelm.training import finish, pipeline
from janelm.training.loop import Trainer
from janelm.writing.generation import Limits, generate_samples

if TYPE_CHECKING:
    import pytest

CONTEXT = 16


SHAPES = {
    "transformer": TransformerConfig(context_length=16, layers=2, width=32, heads=4),
    "lstm": LSTMConfig(context_length=16, layers=2, width=32),
    "gpt2": GPT2Config(context_length=16, layers=2, width=32, heads=4),
}
VARIANTS = SHAPES | {"bigrams": replace(SHAPES["transformer"], bigrams=37)}  # what else engines must write alike


TRAINING = TrainingConfig(
    steps=24,
    batch_tokens=128,
    evaluations=4,
    evaluation_tokens=256,
    warmup_steps=4,
    learning_rate=0.01,
    patience=99,
    precision="fp32",
    compile="off",
    device="cpu",
)


TOKENIZERS = {"character": CharacterTokenizerConfig(), "tiktoken": TiktokenTokenizerConfig(vocab_size=270)}


def write_little() -> None:
    """What training writes on the side is short from now on: else it takes longer than the tests' training itself."""
    finish.COPYING_TOKENS, finish.SAMPLE_TOKENS, pipeline.PROGRESS_TOKENS = 8, 20, 4


def quiet(line: str) -> None:
    """Hear what training has to say, and pass nothing on."""


def write_text(sentences: int, seed: int = 0) -> str:
    """English-like sentences from a small grammar: predictable enough to learn from in a few steps."""
    rng = random.Random(seed)
    who = ["The miller", "A tall visitor", "My aunt", "The old gardener", "Nobody", "Her cousin"]
    did = ["looked at", "forgot", "carried home", "spoke about", "was fond of", "laughed at"]
    what = ["the lamp", "two green apples", "a letter", "the café", "his hat", "the rain"]
    lines = (f"{rng.choice(who)} {rng.choice(did)} {rng.choice(what)}." for _ in range(sentences))
    return "\n".join(lines) + "\n"


def happening(patch: pytest.MonkeyPatch, at_step: int, happen: Callable[[Trainer], object]) -> None:
    """At the end of that step of any training something happens."""
    original = Trainer.step

    def step(self: Trainer, batch: object) -> None:
        original(self, batch)
        if self.state.step == at_step:
            happen(self)

    patch.setattr(Trainer, "step", step)


def kill(trainer: Trainer) -> None:
    """End it as a kill would: nothing is saved."""
    raise MemoryError("as if killed")


def press_ctrl_c(training: subprocess.Popen) -> str:
    """Interrupt a training once it has saved its run, wait for its end, and return what it wrote to stderr."""
    while not Path("models/model/resume.pt").exists():
        assert training.poll() is None, training.stderr.read()
        time.sleep(0.1)
    time.sleep(0.3)
    training.send_signal(signal.SIGINT)
    return training.communicate(timeout=120)[1]


def random_run(shape, tokenizer_config=None, documents=False, seed=0, tokenizer=None):
    tokenizer = tokenizer or train_tokenizer(
        tokenizer_config or CharacterTokenizerConfig(), [write_text(300)], documents
    )
    torch.manual_seed(seed)
    model = build_model(shape, tokenizer.vocab_size, tokenizer.pad_token).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return LoadedRun.of("random", model, tokenizer, RunConfig(shape, DataConfig(), TrainingConfig(steps=1)))


def generate_tokens(run, prompt, count, sampling, **more):
    return [piece.token for piece in generate_samples(run, prompt, Limits(count), sampling, **more)]


def likeliest(engine, tokens, count, never=()):
    """The `count` tokens that an engine goes on with, each the likeliest of those that are not in `never`."""
    state, written = engine.initial_state(1), []
    logits, state = engine.step(np.array([tokens]), state)
    for _ in range(count):
        logits[:, list(never)] = -np.inf
        written.append(int(logits[0].argmax()))
        logits, state = engine.step(np.array([written[-1:]]), state)
    return written


def exported(kind, tokenizer="character", tied=True):
    """A run of random weights and its graph."""
    return _exported(kind, tokenizer, tied)


@cache  # once for all tests: torch's exporter takes seconds
def _exported(kind, tokenizer, tied):
    shape = VARIANTS[kind] if tied else replace(VARIANTS[kind], tied=False, layers=1)
    run = random_run(shape, TOKENIZERS[tokenizer])
    return run, export_graph(run)


def random_tokens(engine, batch, time, seed=0):
    return np.random.default_rng(seed).integers(0, engine.vocab_size, (batch, time))


def in_chunks(engine, tokens, chunks, memory=None):
    """The logits (B, V) after each chunk."""
    state, start, logits = engine.initial_state(len(tokens), memory), 0, []
    for size in chunks:
        out, state = engine.step(tokens[:, start : start + size], state)
        assert out.dtype == np.float32 and out.shape == (len(tokens), engine.vocab_size)
        logits.append(out)
        start += size
    return np.stack(logits)
