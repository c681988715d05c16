"""Splits, batches and evaluation windows."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import write_text

from janelm.architectures.crossentropy import IGNORED
from janelm.config import CharacterTokenizerConfig, DataConfig, TiktokenTokenizerConfig, TrainingConfig
from janelm.errors import JaneLMError, UsageError
from janelm.text.data import load_dataset
from janelm.text.documents import describe_copies, near_copies, settled, split_documents
from janelm.text.encoded import SPLITS, RunningSplits
from janelm.text.sources import Source

CPU = torch.device("cpu")


TRAINING = TrainingConfig(steps=1, batch_tokens=128)


def dataset(text, documents=None, tokenizer=None, context=16, training=TRAINING, **config):
    config = DataConfig(documents=documents, **config)
    return load_dataset([Source("text", text)], config, tokenizer or CharacterTokenizerConfig(), context, training, CPU)


@given(st.text(min_size=40))
@settings(max_examples=50)
def test_the_split_of_running_text_is_90_5_5_and_loses_nothing(text):
    splits = RunningSplits([Source("a", text[:20]), Source("b", text[20:])])
    whole = text[:20] + "\n\n" + text[20:]
    train, validation, test = ("".join(splits.blocks(split)) for split in SPLITS)
    assert train + validation + test == whole
    assert len(train) == int(0.9 * len(whole)) and len(test) == len(whole) - int(0.95 * len(whole))


def test_an_epoch_is_windows_without_replacement_from_an_offset_that_changes(text):
    data = dataset(text)
    seen = []
    for epoch in range(3):
        steps = range(epoch * data.batches_per_epoch, (epoch + 1) * data.batches_per_epoch)
        starts = np.concatenate([data._starts(epoch)[i * 8 : (i + 1) * 8] for i in range(data.batches_per_epoch)])
        assert len(set(starts)) == len(starts) and len({start % 16 for start in starts}) == 1
        assert starts.max() + 17 <= data.train_tokens
        assert not np.array_equal(starts, np.sort(starts))
        seen.append(starts[0] % 16)
        for step in steps:
            inputs, targets = data.batch(step)
            assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert len(set(seen)) > 1


def test_with_a_carried_state_each_row_goes_on_where_it_ended(text):
    data = dataset(text, training=replace(TRAINING, carry_state=True))
    jumps = 0
    for epoch in range(2):
        seen = []
        for index in range(data.batches_per_epoch):
            starts = data._starts(epoch)[index * 8 : (index + 1) * 8]
            if index:
                jumps += int((starts != seen[-1] + 16).sum())
            seen.append(starts)
        assert len(set(np.concatenate(seen))) == 8 * data.batches_per_epoch
        assert np.concatenate(seen).max() + 17 <= data.train_tokens
    assert jumps <= 2, "only where the text ends and begins again"
    assert not np.array_equal(data._starts(0), data._starts(1))


def test_no_training_batch_reaches_into_the_held_out_text(text):
    """The last training target used to be the first character of validation."""
    data = dataset(text)
    edge = data.train_tokens
    for step in range(3 * data.batches_per_epoch):
        epoch, index = divmod(step, data.batches_per_epoch)
        assert data._starts(epoch)[index * 8 : (index + 1) * 8].max() + data.context_length < edge


def test_a_batch_is_a_function_of_seed_and_step_alone(text):
    first, second = dataset(text), dataset(text)
    for step in (70, 3, 41):
        assert torch.equal(first.batch(step)[0], second.batch(step)[0])
    assert not torch.equal(first.batch(3)[0], dataset(text, training=replace(TRAINING, seed=2)).batch(3)[0])


@pytest.mark.parametrize("tokenizer", [CharacterTokenizerConfig(), TiktokenTokenizerConfig(vocab_size=300)])
@pytest.mark.parametrize("documents", [None, "lines"])
def test_evaluation_scores_each_token_and_each_byte_once(text, tokenizer, documents):
    data = dataset(text, documents, tokenizer)
    for split in ("validation", "test"):
        scored = list(data.evaluation(split))
        targets = torch.cat([batch.targets[batch.targets != IGNORED] for batch in scored])
        assert sum(batch.bytes for batch in scored) == data.split_bytes[split]
        if documents is None:
            first, last = data.range(split)
            assert torch.equal(targets, data.take(np.arange(first, last)))
            assert data.split_bytes[split] == len(data.tokenizer.decode(targets.tolist()).encode())
        else:
            ends = int((targets == data.tokenizer.end_token).sum())
            assert len(data.tokenizer.decode(targets.tolist()).encode()) + ends == data.split_bytes[split]


def test_a_limited_evaluation_is_spread_over_the_split_and_always_the_same(text):
    data = dataset(text)
    once, again = (torch.cat([b.inputs for b in data.evaluation("validation", 320)]) for _ in range(2))
    assert torch.equal(once, again) and once.shape == (20, 16)


def test_a_text_too_short_for_the_context_says_what_would_do():
    with pytest.raises(JaneLMError, match="--context_length of at most"):
        dataset("A short text.", context=256)


def test_titles_are_kept_shortened_or_dropped():
    text = "\n".join(f"<Genesis>\tverse {number}" for number in range(40)) + "\nno title, 1 < 2 and 3>\t2\n"
    for titles, expected in (("keep", "<Genesis>\tverse "), ("shorten", "Genesis\tverse "), ("drop", "\tverse ")):
        pieces = split_documents([Source("t", text)], DataConfig(documents="lines", titles=titles))
        documents = [document for piece in pieces for document in piece]
        assert len(documents) == 41 and "no title, 1 < 2 and 3>\t2" in documents
        assert sum(document.startswith(expected) for document in documents) == 40


def test_paragraphs_keep_their_lines_together():
    text = "\n\n\n".join(f"first line {i}\nsecond line {i}" for i in range(30))
    pieces = split_documents([Source("t", text)], DataConfig(documents="paragraphs"))
    assert sorted(d for piece in pieces for d in piece) == sorted(text.split("\n\n\n"))


def test_the_split_of_documents_follows_its_seed():
    text = "\n".join(f"document {i}" for i in range(100))
    splits = [
        split_documents([Source("t", text)], DataConfig(documents="lines", split_seed=seed)) for seed in (0, 0, 1)
    ]
    assert splits[0] == splits[1] != splits[2]
    assert [len(piece) for piece in splits[0]] == [90, 5, 5]
    assert len(set().union(*map(set, splits[0]))) == 100


def test_batches_of_documents_have_few_shapes_and_as_many_tokens_whatever_the_length_of_the_documents():
    """As many documents in each made batches of the longest five times as large, of a new shape each, and training on
    the Bible took 6 GB."""
    text = "\n".join(f"{i:04}" + "x" * (i % 37) for i in range(2000))
    data = dataset(text, "lines", training=replace(TRAINING, batch_tokens=512))
    shapes = set()
    for epoch in range(2):
        batches = data._plan(epoch)
        assert len(batches) == data.batches_per_epoch
        assert sorted(np.concatenate(batches)) == list(range(1800)), "each document once in an epoch"
        steps = range(epoch * data.batches_per_epoch, (epoch + 1) * data.batches_per_epoch)
        shapes |= {tuple(data.batch(step)[0].shape) for step in steps}
    assert len(shapes) <= 10
    sizes = sorted(rows * length for rows, length in shapes)
    assert sizes[-1] <= 512 and sizes[1] > 400, "but for the last, which takes what is left"
    assert [list(batch) for batch in data._plan(0)] != [list(batch) for batch in data._plan(1)]


@pytest.mark.parametrize("documents", [None, "lines"])
def test_with_bpe_dropout_a_batch_says_the_same_in_more_tokens_and_each_epoch_otherwise(text, documents):
    tokenizer = TiktokenTokenizerConfig(vocab_size=300)
    plain = dataset(text, documents, tokenizer)
    drops = replace(TRAINING, bpe_dropout=0.3)
    data, again = (dataset(text, documents, tokenizer, training=drops) for _ in range(2))
    more = 0
    for step in range(data.batches_per_epoch):
        assert torch.equal(data.batch(step)[0], again.batch(step)[0]), "a function of seed and step alone"
        rows, before = (
            torch.cat((batch[0][:, :1], batch[1]), dim=1) for batch in (data.batch(step), plain.batch(step))
        )
        for row, old in zip(rows, before, strict=True):
            said, whole = (data.tokenizer.decode(tokens[tokens != IGNORED].tolist()) for tokens in (row, old))
            assert said == whole if documents else whole.startswith(said.rstrip("\ufffd"))
            more += int((row != IGNORED).sum() - (old != IGNORED).sum()) if documents else said != whole
    assert more > 0
    assert not torch.equal(data.batch(0)[0], data.batch(data.batches_per_epoch)[0])
    scored = [list(d.evaluation("validation")) for d in (data, plain)]
    assert all(torch.equal(a.targets, b.targets) for a, b in zip(*scored, strict=True)), "read as it is"
    with pytest.raises(UsageError, match="these tokens have none"):
        dataset(text, documents, training=drops)


@pytest.mark.parametrize("align", ["left", "right"])
def test_documents_that_fit_are_never_split_and_padding_has_no_target(align):
    text = "\n".join("x" * (1 + i % 37) for i in range(400))
    data = dataset(text, "lines", context=10, align=align)
    end, pad = data.tokenizer.end_token, data.tokenizer.pad_token
    assert data.context_length >= 38
    for step in range(2 * data.batches_per_epoch):
        for row, target in zip(*data.batch(step), strict=True):
            real = row != pad
            assert torch.equal(real, target != IGNORED)
            assert row[real][0] == end and target[real][-1] == end and (row[real][1:] != end).all()
            edges = [i for i, (a, b) in enumerate(pairwise(real.tolist())) if a != b]
            assert len(edges) <= 1 and bool(real[0 if align == "left" else -1])


def test_an_epoch_of_documents_has_each_document_at_most_once():
    data = dataset("\n".join(f"document number {i}" for i in range(400)), "lines")
    plan = np.concatenate(data._plan(0))
    assert len(set(plan)) == len(plan) >= 0.9 * 360 and not np.array_equal(plan, np.concatenate(data._plan(1)))


def test_too_few_documents_is_one_clear_sentence():
    with pytest.raises(JaneLMError, match="20 at least"):
        dataset(write_text(5), "lines")


def test_a_character_that_only_the_held_out_text_has_is_counted(text):
    data = dataset(text + "ж" * 5)
    scored = list(data.evaluation("test"))
    assert sum(batch.unknown for batch in scored) == 5
    assert data.split_bytes["test"] >= 10


@pytest.mark.parametrize("length", [1, 15, 30])
def test_a_text_too_short_to_hold_out_is_told_how_long_it_must_be_and_that_is_enough(length):
    """It was "a --context_length of at most 6", and with 6 the same once more."""
    text = "ab" * 99
    with pytest.raises(JaneLMError, match="too short to hold some of it out") as refused:
        dataset(text[:length], context=6)
    advice = re.search(r"at least (\d+) tokens, with a --context_length of at most (\d+)", str(refused.value))
    dataset(text[: int(advice[1])], context=int(advice[2]))
    with pytest.raises(JaneLMError, match="too few for a context length of 64") as refused:
        dataset(text[:100], context=64)
    dataset(text[:100], context=int(re.search(r"--context_length of at most (\d+)", str(refused.value))[1]))


def long_ones(count=300):
    """Short documents, and a few far longer than any context; no two are alike."""
    documents = [f"a short one, number {number}" for number in range(count)]
    for number in (3, 50, 200):
        documents[number] = " ".join(f"word{number} {i} café" for i in range(150))
    return documents


@pytest.mark.parametrize("tokenizer", [CharacterTokenizerConfig(), TiktokenTokenizerConfig(vocab_size=300)])
@pytest.mark.parametrize("align", ["left", "right"])
def test_long_documents_are_cut_into_windows_that_carry_on_and_nothing_is_lost(tokenizer, align):
    """One long post used to refuse the training, or to raise everyone's context without a word."""
    documents = long_ones()
    data = dataset("\n".join(documents), "lines", tokenizer, align=align)
    assert data.context_length <= 4 * 16 and "cut 3 of 300 documents" in " ".join(data.report)
    end, seen, joined = data.tokenizer.end_token, [], {}
    for step in range(data.batches_per_epoch):
        for inputs, targets in zip(*data.batch(step), strict=True):
            real = targets != IGNORED
            row = [*inputs[real][:1].tolist(), *targets[real].tolist()]
            assert inputs[real][1:].tolist() == row[1:-1]
            seen.append(row)
    assert sum(len(row) - 1 for row in seen) == data.train_tokens
    starts = [row for row in seen if row[0] == end]
    assert len(starts) == sum(row[-1] == end for row in seen) == 270
    joined = sorted(data.tokenizer.decode(part) for part in _split_at(data.training_tokens().tolist(), end))
    assert set(joined) <= set(documents) and len(joined) == 270
    for split in data.held_out:
        scored = list(data.evaluation(split))
        tokens = torch.cat([batch.targets[batch.targets != IGNORED] for batch in scored])
        assert sum(batch.bytes for batch in scored) == data.split_bytes[split]
        assert len(tokens) == sum(len(document) for document, _ in data.whole(split))


def _split_at(tokens, end):
    part = []
    for token in tokens:
        if token == end:
            yield part
            part = []
        else:
            part.append(token)


def test_a_run_that_goes_on_has_the_windows_that_it_had():
    """Otherwise its context, four times as long as asked for, would be raised once more."""
    text = "\n".join("word " * (i % 60) + f"and {i}" for i in range(300))
    data = dataset(text, "lines")
    assert data.context_length == 64
    config = DataConfig(documents="lines")
    again = load_dataset([Source("text", text)], config, data.tokenizer, 64, TRAINING, CPU, final=True)
    assert again.context_length == 64 and torch.equal(again.batch(7)[0], data.batch(7)[0])
    raised = load_dataset([Source("text", text)], config, data.tokenizer, 64, TRAINING, CPU)
    assert raised.context_length > 64


def test_long_documents_can_be_left_out():
    data = dataset("\n".join(long_ones()), "lines", long_documents="drop")
    assert "left out 3 documents" in " ".join(data.report) and not any("cut" in line for line in data.report)
    assert sum(len(list(data.whole(split))) for split in SPLITS) == 297


def test_a_context_that_is_raised_is_said():
    data = dataset("\n".join("x" * 40 + f" {i}" for i in range(100)), "lines")
    assert data.context_length == 48 and "48 tokens instead of 16" in data.report[0]


@given(st.lists(st.sampled_from(["Ok", "ok ", "yes", *(f"one {i}" for i in range(60))]), min_size=20, max_size=200))
@settings(max_examples=100)
def test_copies_never_stand_on_both_sides_of_the_split(documents):
    documents = [*documents, *(f"another {i}" for i in range(40))]
    pieces = split_documents([Source("t", "\n".join(documents))], DataConfig(documents="lines"))
    kept = [{document.strip().casefold() for document in piece} for piece in pieces]
    assert not (kept[0] & kept[1] or kept[0] & kept[2] or kept[1] & kept[2])
    assert sorted(document for piece in pieces for document in piece) == sorted(
        document.strip() for document in documents
    )


def test_a_chat_of_one_message_is_read_and_it_is_said_what_that_is_worth():
    """`--documents lines`, as people type it: a message of two lines is one, and copies are no reason to refuse."""
    messages = ["First line\nsecond line"] * 400
    source = Source("chat.txt", "\n\n".join(messages), documents=messages)
    pieces = split_documents([source], DataConfig(documents="lines"))
    assert [len(piece) for piece in pieces] == [360, 20, 20] and pieces[1][0] == messages[0]
    assert "399 of 400 documents are copies of others, and stand on both sides" in describe_copies(pieces)[0]
    assert "stay on one side" in describe_copies((["a", "b", "A"], ["c"], []))[0]


def test_a_run_from_before_splits_copies_as_it_did():
    text = "\n".join(f"document {i % 50}" for i in range(100))
    old = split_documents([Source("t", text)], DataConfig(documents="lines", rules=1))
    order = np.random.default_rng(0).permutation(100)
    assert old[0] == [f"document {i % 50}" for i in order[:90]]


def test_near_copies_are_counted():
    training = ["the miller went to the mill and slept there all night", "nothing like it was ever seen in any village"]
    held_out = [
        "The miller went to the mill, and slept there all day.",
        "a text of its own that has never been seen before",
    ]
    assert near_copies(training, held_out) == 1
    assert describe_copies((training, held_out, [])) == ["1 of 2 held-out documents are near-copies of training ones"]
    lines = [f"the miller went to the mill and slept there all night {i}" for i in range(40)]
    assert "4 of 4 held-out documents are near-copies" in dataset("\n".join(lines), "lines").report[0]


@pytest.mark.parametrize("mark", ["<|endoftext|>", "---", "%"])
def test_a_separator_of_ones_own_parts_documents_and_is_none_of_them(mark):
    story = "Once there was a fox {}. It was 100% red --- so it was.\n\nIt slept."
    text = f"\n{mark}\n".join(story.format(i) for i in range(40))
    config = settled(DataConfig(separator=mark), [Source("t", text)])
    assert config.documents == "whole"
    pieces = split_documents([Source("t", text)], config)
    assert sorted(document for piece in pieces for document in piece) == sorted(story.format(i) for i in range(40))


def test_posts_are_documents_by_themselves_unless_running_text_is_asked_for():
    posts = Source("t", "a\nb", documents=["a", "b"])
    assert settled(DataConfig(), [posts]).documents == "whole"
    assert settled(DataConfig(running_text=True), [posts]).documents is None
    assert settled(DataConfig(documents="lines"), [posts]).documents == "lines"
    assert settled(DataConfig(), [Source("t", "a\nb")]).documents is None
