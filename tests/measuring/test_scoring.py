"""Bits per byte of any file."""

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from small import SHAPES, random_run, write_text

from janelm.config import DataConfig, TiktokenTokenizerConfig, TrainingConfig
from janelm.errors import UsageError
from janelm.measuring import scoring
from janelm.measuring.evaluation import Losses, carried_losses
from janelm.measuring.scoring import (
    Block,
    DynamicReader,
    Reader,
    held_out,
    read_whole,
    score,
    shared_tokenizer,
)
from janelm.runs.dataset import dataset_of, run_data
from janelm.text.corpora import read_source
from janelm.text.sources import BLOCK, Source
from janelm.training.pipeline import train


def block(run, text):
    return Block(run.tokenizer.encode(text), len(text.encode()))


def costs(readers, run, text, losses=None):
    scored = score(readers, run.tokenizer, [block(run, text)], losses or Losses())
    return [token.nats for token in scored]


@pytest.mark.parametrize("tokenizer", [None, TiktokenTokenizerConfig(vocab_size=300)])
def test_a_score_is_what_the_whole_text_at_once_costs(shape, tokenizer):
    run = random_run(shape, tokenizer)
    text, losses = write_text(8), Losses()
    tokens = list(score([Reader(run.model)], run.tokenizer, [block(run, text)], losses))
    whole = torch.from_numpy(run.tokenizer.encode("\n" + text))
    expected = torch.nn.functional.cross_entropy(run.model(whole[None, :-1])[0][0], whole[1:], reduction="sum").item()
    if whole[1:].tolist() == run.tokenizer.encode(text).tolist():
        assert losses.nats == pytest.approx(expected, rel=1e-4)
    assert losses.bytes == len(text.encode()) and losses.tokens == len(tokens)
    assert sum(token.nats for token in tokens) == pytest.approx(losses.nats, rel=1e-5)
    assert run.tokenizer.decode([token.token for token in tokens]) == text
    assert losses.bits_per_byte == pytest.approx(losses.nats / math.log(2) / len(text.encode()))


@pytest.mark.parametrize("before", [None, "\nThe miller", "\n" + "The miller slept. " * 40])
def test_parts_that_are_read_side_by_side_cost_what_they_cost_in_a_row(monkeypatch, before):
    """Two megabytes by characters used to take hours on a machine with other work to do."""
    runs = [random_run(SHAPES["transformer"], seed=seed) for seed in (0, 1)]
    text, tokenizer = write_text(90), runs[0].tokenizer
    before = before and tokenizer.encode(before).tolist()
    parts = [Block(tokenizer.encode(part), len(part.encode())) for part in (text[:3000], text[3000:3010], text[3010:])]
    found = []
    for rows, span in ((1, 1 << 17), (8, 1 << 17), (3, 700)):
        monkeypatch.setattr(scoring, "ROWS", rows)
        monkeypatch.setattr(scoring, "SPAN", span)
        losses = Losses()
        scored = list(score([Reader(run.model) for run in runs], tokenizer, parts, losses, before))
        assert tokenizer.decode([token.token for token in scored]) == text and losses.bytes == len(text.encode())
        found.append([token.nats for token in scored] + [losses.nats / losses.tokens, losses.correct])
    np.testing.assert_allclose(found[1], found[0], atol=1e-4)
    np.testing.assert_allclose(found[2], found[0], atol=1e-4)


def test_what_is_told_on_the_way_counts_the_bytes_of_what_was_judged(monkeypatch):
    """At first it was four bits per byte where two came out: whole spans were judged before a byte counted."""
    run, text = random_run(SHAPES["transformer"]), write_text(300)
    monkeypatch.setattr(scoring, "SPAN", 5000)
    tokens, losses = run.tokenizer.encode(text), Losses()
    told = []
    for _ in score([Reader(run.model)], run.tokenizer, [Block(tokens, len(text.encode()))], losses):
        told.append(losses.bits_per_byte)
    assert told == pytest.approx([told[-1]] * len(tokens), rel=0.3) and losses.bytes == len(text.encode())


def test_a_file_is_read_in_blocks_that_lose_nothing_and_cut_no_line():
    run = random_run(SHAPES["lstm"])
    text = write_text(20_000) + "x" * (5 * BLOCK) + "\nthe end, without a line break"
    Path("long.txt").write_text(text, encoding="utf-8")
    blocks = list(read_whole(read_source(Path("long.txt")), run.tokenizer, DataConfig()))
    assert np.array_equal(np.concatenate([part.tokens for part in blocks]), run.tokenizer.encode(text))
    assert sum(part.bytes for part in blocks) == len(text.encode()) and len(blocks) > 3
    assert run.tokenizer.decode(blocks[0].tokens[-1:]) == "\n" and max(part.bytes for part in blocks) < 7 * BLOCK


def test_unknown_characters_are_charged_for(shape):
    losses, run = Losses(), random_run(shape)
    costs([Reader(run.model)], run, "The ж", losses)
    assert losses.unknown == 1


def test_dynamic_evaluation_never_sees_the_future(shape):
    """Whatever is changed later in the text, in the same chunk or beyond, no earlier token costs more or less."""
    run = random_run(shape)
    text = write_text(6)
    whole = costs([DynamicReader(run.model, 0.01)], run, text)
    for place in (1, 6, 7, 50, 51, 100):
        changed = text[:place] + "q" + text[place + 1 :].upper()
        assert costs([DynamicReader(run.model, 0.01)], run, changed)[:place] == whole[:place]


def test_dynamic_evaluation_learns_from_what_it_has_read_and_leaves_the_model_alone(shape):
    run = random_run(shape)
    before = copy.deepcopy(run.model.state_dict())
    text = write_text(60)
    plain, dynamic = costs([Reader(run.model)], run, text), costs([DynamicReader(run.model, 0.01)], run, text)
    assert dynamic[:4] == pytest.approx(plain[:4], abs=1e-4), "nothing is learnt before the first chunk is judged"
    assert np.mean(dynamic[-500:]) < 0.75 * np.mean(plain[-500:])
    after = run.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_learning_rate_of_nothing_is_plain_reading_with_a_full_context(shape):
    run = random_run(shape)
    text = write_text(4)[:16]  # one context
    assert costs([DynamicReader(run.model, 0.0)], run, text) == pytest.approx(
        costs([Reader(run.model)], run, text), abs=1e-4
    )


def test_an_ensemble_averages_probabilities(text):
    runs = [random_run(SHAPES[kind], seed=seed) for seed, kind in enumerate(("transformer", "lstm"))]
    alone = np.exp([-np.array(costs([Reader(run.model)], run, "The miller")) for run in runs])
    together = costs([Reader(run.model) for run in runs], runs[0], "The miller")
    np.testing.assert_allclose(np.exp([-nats for nats in together]), alone.mean(0), rtol=1e-4)


def test_an_ensemble_of_different_tokenizers_is_refused():
    runs = [random_run(SHAPES["lstm"]), random_run(SHAPES["lstm"], TiktokenTokenizerConfig(vocab_size=300))]
    with pytest.raises(UsageError, match="different tokenizers"):
        shared_tokenizer(runs)


def test_the_held_out_text_of_a_run_costs_what_its_results_say(text, shape):
    training = TrainingConfig(
        steps=3, batch_tokens=64, evaluations=1, evaluation_tokens=64, compile="off", device="cpu"
    )
    finished = train(shape, training, Path("run"), text=text, say=lambda line: None)
    run = finished.run.load()
    data = dataset_of(finished.run, run.config, [Source("text", text)], "cpu")
    parts, before = held_out(data, shape.context_length)
    losses = Losses()
    list(score([Reader(run.model)], run.tokenizer, parts, losses, before))
    told = finished.results["losses"]["heldout_carried"]
    assert (losses.bytes, losses.tokens) == (told["bytes"], told["tokens"])
    assert losses.bits_per_byte == pytest.approx(told["bits_per_byte"], rel=5e-3)
    assert carried_losses(run.model, data, "test", streams=1).bytes < losses.bytes


@pytest.mark.parametrize(("kind", "titles"), [("transformer", "keep"), ("lstm", "shorten"), ("gpt2", "keep")])
def test_documents_are_scored_one_by_one_as_training_measured_them(kind, titles):
    """A file of them used to be read as one endless document, for a figure that meant nothing."""
    shape = SHAPES[kind]
    verses = [f"<Ruth>\t{line}" for line in write_text(120).splitlines() if line]
    Path("verses.txt").write_text("\n".join(verses), encoding="utf-8")
    training = TrainingConfig(steps=3, batch_tokens=512, evaluations=1, compile="off", device="cpu")
    data = DataConfig(("verses.txt",), documents="lines", titles=titles)
    finished = train(shape, training, Path("run"), data=data, say=lambda line: None)
    run, told = finished.run.load(), finished.results["losses"]["heldout"]
    losses, whole = Losses(), Losses()
    parts, before = held_out(run_data(finished.run), shape.context_length)
    list(score([Reader(run.model)], run.tokenizer, parts, losses, before))
    assert (losses.bytes, losses.tokens) == (told["bytes"], told["tokens"])
    assert losses.bits_per_byte == pytest.approx(told["bits_per_byte"], rel=5e-3)
    parts = list(read_whole(read_source(Path("verses.txt")), run.tokenizer, data))
    list(score([DynamicReader(run.model, 0.0)], run.tokenizer, parts, whole))
    assert len(parts) == len(verses) and whole.unknown == 0
    assert whole.bits_per_byte == pytest.approx(losses.bits_per_byte, rel=0.1)
