"""The figures people quote must mean what they say."""

import math

import numpy as np
import pytest
import torch
from small import SHAPES

from janelm.architectures import build_model
from janelm.config import CharacterTokenizerConfig, DataConfig, TiktokenTokenizerConfig, TrainingConfig
from janelm.measuring.evaluation import Losses, carried_losses, cold_losses, final_losses
from janelm.text.data import load_dataset
from janelm.text.sources import Source

CPU = torch.device("cpu")


def make(text, shape, tokenizer=None, **config):
    training = TrainingConfig(steps=1, batch_tokens=256)
    data = load_dataset(
        [Source("t", text)], DataConfig(**config), tokenizer or CharacterTokenizerConfig(), 16, training, CPU
    )
    torch.manual_seed(0)
    model = build_model(shape, data.tokenizer.vocab_size, data.tokenizer.pad_token)
    return model, data


@pytest.mark.parametrize("tokenizer", [CharacterTokenizerConfig(), TiktokenTokenizerConfig(vocab_size=300)])
def test_a_model_that_knows_nothing_costs_log2_of_the_vocabulary_for_each_token(text, shape, tokenizer):
    model, data = make(text, shape, tokenizer)
    torch.nn.init.zeros_(model.head.weight)
    losses = cold_losses(model, data.evaluation("validation"))
    assert losses.loss == pytest.approx(math.log(data.tokenizer.vocab_size), rel=1e-5)
    assert losses.perplexity == pytest.approx(data.tokenizer.vocab_size, rel=1e-4)
    bits = math.log2(data.tokenizer.vocab_size) * losses.tokens / data.split_bytes["validation"]
    assert losses.bits_per_byte == pytest.approx(bits, rel=1e-5)


def test_bytes_are_counted_and_not_characters():
    """Two bytes a character: bits per byte must be half the bits per character."""
    losses = Losses(nats=100 * math.log(2), tokens=50, bytes=100)
    assert losses.bits_per_byte == pytest.approx(1) and losses.loss == pytest.approx(2 * math.log(2))


def test_an_unknown_character_also_costs_the_bits_that_name_it():
    assert Losses(nats=0, tokens=1, bytes=1, unknown=1).bits_per_byte == pytest.approx(math.log2(0x110000))


def test_carried_scores_the_same_bytes_as_cold(text, shape):
    model, data = make(text, shape)
    cold, carried = cold_losses(model, data.evaluation("test")), carried_losses(model, data, "test")
    assert (cold.bytes, cold.tokens) == (carried.bytes, carried.tokens)


def test_carried_equals_one_pass_over_the_text_from_its_very_beginning(text, shape):
    """With one stream whose warm-up reaches back over all text before it, nothing is approximate."""
    model, data = make(text[:1200], shape)
    first, last = data.range("test")
    model.eval()
    with torch.no_grad():
        logits, _ = model(data.take(np.arange(last - 1))[None])
    targets = data.take(np.arange(first, last))
    expected = torch.nn.functional.cross_entropy(logits[0, first - 1 :], targets, reduction="sum")
    one = carried_losses(model, data, "test", streams=1)
    near = 2e-2 if shape.kind == "gpt2" else 2e-3  # where its windows begin depends on where reading does
    assert one.nats == pytest.approx(expected.item(), rel=near)


def test_a_limited_carried_evaluation_scores_the_beginnings_of_its_parts(text, shape):
    model, data = make(text, shape)
    limited, whole = (carried_losses(model, data, "test", 8, limit) for limit in (320, None))
    assert limited.tokens == 320 and limited.bytes < whole.bytes
    assert limited.bits_per_byte == pytest.approx(whole.bits_per_byte, rel=0.1)


def test_evaluation_leaves_the_model_as_it_was(text, shape):
    model, data = make(text, shape)
    model.train()
    cold_losses(model, data.evaluation("test", 64))
    carried_losses(model, data, "test")
    assert model.training


def test_held_out_is_validation_and_test_together(text):
    model, data = make(text, SHAPES["lstm"])
    losses = final_losses(model, data)
    assert losses["heldout"]["bytes"] == losses["validation"]["bytes"] + losses["test"]["bytes"]
    assert losses["heldout_carried"]["bytes"] == losses["heldout"]["bytes"]
    parts = sum(losses[name]["bits_per_byte"] * losses[name]["bytes"] for name in ("validation", "test"))
    assert losses["heldout"]["bits_per_byte"] == pytest.approx(parts / losses["heldout"]["bytes"])


@pytest.mark.parametrize("documents", [None, "lines"])
def test_a_split_without_a_test_steers_by_all_that_is_held_out(text, documents):
    model, data = make(text, SHAPES["lstm"], documents=documents, split="90/10")
    _, halved = make(text, SHAPES["lstm"], documents=documents)
    losses = final_losses(model, data)
    assert not any("test" in name for name in losses) and data.held_out == ("validation",)
    assert losses["heldout"] == losses["validation"] and data.split_bytes["train"] == halved.split_bytes["train"]
    assert losses["heldout"]["bytes"] == halved.split_bytes["validation"] + halved.split_bytes["test"]


def test_documents_are_scored_whole_and_from_a_fresh_state(text, shape):
    model, data = make(text, shape, documents="lines")
    assert set(final_losses(model, data)) == {"validation", "test", "heldout"}
