"""How well a model expects its own text: each figure against the model's own, one token at a time."""

from __future__ import annotations

import math

import pytest
import torch
from small import CONTEXT, SHAPES, random_run, write_text

from janelm.config import DataConfig, TrainingConfig
from janelm.reading.surprise import sentence_surprises, surprise_arc, surprise_of
from janelm.reading.words import sentence_bounds
from janelm.text.data import load_dataset
from janelm.text.sources import Source


@pytest.fixture(params=["transformer", "lstm"])
def read(request):
    lines = write_text(400).splitlines()
    text = " ".join(f"{one[:-1]}, and {other}" for one, other in zip(lines[::2], lines[1::2], strict=True))
    run = random_run(SHAPES[request.param])
    training = TrainingConfig(steps=1, batch_tokens=64, device="cpu")
    data = load_dataset([Source("a", text)], DataConfig(), run.tokenizer, CONTEXT, training, torch.device("cpu"))
    return run, data, text


def cost(run, tokens: list[int], scored: int) -> float:
    """Bits for the last so many of these tokens, each after those before it."""
    logits, _ = run.model(torch.tensor([tokens[:-1]]))
    nats = -logits[0].log_softmax(-1)[range(len(tokens) - 1), tokens[1:]]
    return float(nats[-scored:].sum()) / math.log(2)


def test_the_arc_says_what_is_seen_and_what_each_place_costs(read):
    run, data, text = read
    arc = surprise_arc(run, data)
    assert 0.85 < sum(not one.unseen for one in arc) / len(arc) < 0.95
    assert [one.unseen for one in arc] == sorted(one.unseen for one in arc)
    tokens = run.tokenizer.encode(text).tolist()  # characters, of which each is a byte but é
    size = len(text[CONTEXT // 2 + 1 : CONTEXT + 1].encode())
    assert arc[0].bits == pytest.approx(cost(run, tokens[: CONTEXT + 1], CONTEXT // 2) / size, rel=1e-3)


def test_only_held_out_sentences_are_judged_and_each_costs_what_the_model_says(read):
    run, data, text = read
    bounds = sentence_bounds(text)
    found = sentence_surprises(run, data, text, bounds)
    begin = int(0.9 * len(text))
    assert found and all(bounds[one.number] >= begin for one in found)
    assert [one.bits for one in found] == sorted(one.bits for one in found)
    whole = sum(one.bits * len(text[bounds[one.number] : bounds[one.number + 1]].encode()) for one in found)
    assert 2 < whole / sum(bounds[one.number + 1] - bounds[one.number] for one in found) < 40
    assert surprise_of(run, data, text, [])["sentences"] == 0
