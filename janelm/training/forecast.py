"""How fast this machine would train a model, from a few real steps of it; and what such budgets have come to."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TypedDict, cast

import numpy as np
import torch

from ..architectures import build_model
from ..config import ModelConfig, TrainingConfig
from ..machine.hardware import choose_device
from ..text.data import Dataset
from .distributed import Team
from .step import Stepper

SECONDS = 2.0  # of steps that are timed
STEPS = 2  # at least
# What budgets of minutes came to on Austen's novels, with byte pairs, on two cores: bits per byte of held-out text.
# From the tables of docs/measurements.md.
REACHED = {
    "transformer": {2: 1.5844, 5: 1.4785, 10: 1.4534, 30: 1.4427, 120: 1.3893},
    "lstm": {10: 1.4855, 20: 1.4783},
}


class Speed(TypedDict):
    """What was measured: tokens per second in so many steps on this device."""

    tokens_per_second: float
    steps: int
    device: str


def measured_speed(model: ModelConfig, training: TrainingConfig, vocab_size: int) -> Speed:
    """Train an untrained model of this shape on random tokens for a few steps, not compiled, and forget it."""
    device = choose_device(training.device, model.kind, _silent)
    state = torch.get_rng_state()
    network = build_model(model, vocab_size, None).to(device)
    rows = max(1, training.batch_tokens // model.context_length)
    tokens = torch.randint(vocab_size, (rows, model.context_length + 1), device=device)
    batch = tokens[:, :-1], tokens[:, 1:]
    plain = replace(training, compile="off")
    data = cast(Dataset, SimpleNamespace(many_shapes=False))  # all that a step asks of it besides its batches
    stepper = Stepper(network, data, plain, Team(), None, _silent)
    stepper.take(batch, 0, 0.0)  # the first also warms up
    began, steps = time.perf_counter(), 0
    while steps < STEPS or time.perf_counter() - began < SECONDS:
        stepper.take(batch, steps + 1, 0.0)
        steps += 1
    seconds = time.perf_counter() - began
    torch.set_rng_state(state)
    return {"tokens_per_second": steps * batch[0].numel() / seconds, "steps": steps, "device": device.type}


def reached(minutes: float) -> dict[str, float]:
    """What so many minutes came to where they were measured, by architecture: between two budgets, the line over the
    logarithm of minutes; nothing beyond the first and the last."""
    found = {}
    for kind, measured in REACHED.items():
        if min(measured) <= minutes <= max(measured):
            logs = [math.log(each) for each in measured]
            found[kind] = float(np.interp(math.log(minutes), logs, list(measured.values())))
    return found


def _silent(line: str) -> None:
    pass
