"""Vectors of words and names, the map that keeps neighbours, and who writes like whom: by texts made for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import SHAPES, random_run, write_text

from janelm.reading.contexts import find_occurrences, read_passages
from janelm.reading.embeddings import embed, neighbours_of, read_means, tokens_of
from janelm.reading.likeness import bits_of_books, burrows_delta
from janelm.reading.maps import directions, neighbour_map
from janelm.reading.parts import part_text
from janelm.text.sources import Source

CONTEXT = 64
SCENE = 'So Mr. Hill was glad, and Ann said "no" to Mr. Hill in Bath. Then Ann sat in Bath, by the old mill in Bath. '


@pytest.fixture
def parted():
    return part_text([Source("a.txt", SCENE * 30)])


@pytest.fixture(params=["transformer", "lstm"])
def run(request):
    return random_run(replace(SHAPES[request.param], context_length=CONTEXT))


def test_each_entry_is_a_person_a_name_or_a_word_and_a_name_is_no_word(parted):
    found = find_occurrences(parted)
    kinds = {entry.name: entry.kind for entry in found.entries}
    assert kinds["Mr. Hill"] == kinds["Ann"] == "person" and kinds["Bath"] == "name" and kinds["mill"] == "word"
    assert not {"hill", "ann", "mr"} & set(kinds)
    texts = {parted.text[a:b] for a, b, who in zip(found.begins, found.ends, found.of, strict=True) if b and not who}
    assert texts == {found.entries[0].form}


def test_each_place_in_a_passage_is_that_of_its_word(parted, run):
    found = find_occurrences(parted)
    passages = read_passages(run, parted.text, found, 600)
    assert len(passages) > 4
    for one in passages:
        letters = run.tokenizer.decode(one.tokens.tolist())  # a token for each character
        for first, last, who in zip(one.first, one.last, one.of, strict=True):
            word = letters[first : last + 1]
            assert word.lower() == found.entries[who].form.lower() or run.tokenizer.unknown_characters(SCENE)
            assert len(word) == len(found.entries[who].form) and first >= one.lead > 0


def test_rare_words_are_read_too(run):
    text = "the cat sat on the mat. " * 400 + "a heron stood by. " * 12
    parted = part_text([Source("a.txt", text)])
    found = find_occurrences(parted)
    seen = np.zeros(len(found.entries))
    for one in read_passages(run, text, found, 12 * CONTEXT):
        np.add.at(seen, one.of, 1)
    heron = next(i for i, entry in enumerate(found.entries) if entry.name == "heron")
    assert seen[heron] > 3


def test_a_vector_is_the_mean_of_what_the_model_makes_of_a_word_in_its_places(parted, run):
    found = find_occurrences(parted)
    passages = read_passages(run, parted.text, found, 400)
    features = lambda tokens: run.model.features(tokens)[0].detach()  # noqa: E731
    means, _ = read_means(passages, features, len(found.entries), run.tokenizer.vocab_size)
    before, after = [], []
    for one in passages:
        states = features(torch.from_numpy(one.tokens)[None])[0].numpy()
        for first, last, who in zip(one.first, one.last, one.of, strict=True):
            if who == 0:
                before.append(states[first - 1])
                after.append(states[last])
    assert means.counts[0] == len(after) > 2
    assert means.after[0] == pytest.approx(np.mean(after, 0), abs=1e-4)
    assert means.before[0] == pytest.approx(np.mean(before, 0), abs=1e-4)


def test_words_of_which_a_model_makes_the_same_are_neighbours(run):
    """Of a model that knows no more than the last character."""
    parted = part_text([Source("a.txt", "we saw the mob here. they had a cab. it was fun. " * 40)])
    found = embed(run, parted, features=lambda tokens: torch.eye(run.tokenizer.vocab_size)[tokens])
    names = [name for name, _ in neighbours_of(run, found, "mob")["near"]]
    assert names[0] == "cab"
    assert found.neighbours(found.find("mob"))[0][1] == pytest.approx(1, abs=0.01)


def test_a_word_that_the_text_lacks_is_placed_by_its_pieces_or_not_at_all(parted, run):
    found = embed(run, parted, plane=False)
    assert neighbours_of(run, found, "moth")["guessed"]
    assert neighbours_of(run, found, "") is None
    assert tokens_of(run, "mill") == run.tokenizer.encode("mill").tolist()
    assert neighbours_of(run, found, "hill")["name"] == "Mr. Hill"


def test_a_text_with_hardly_a_word_has_no_neighbours_and_no_error(run):
    found = embed(run, part_text([Source("a.txt", "12 34 56 word 78 " * 3)]))
    assert len(found.entries) == len(found.map) == 0


def test_the_map_keeps_groups_together():
    random = np.random.default_rng(0)
    centres = random.normal(size=(4, 20)) * 4
    group = np.repeat(np.arange(4), 25)
    points = centres[group] + random.normal(size=(100, 20))
    places = neighbour_map(points)
    far = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(far, np.inf)
    assert (group[far.argmin(1)] == group).mean() > 0.97
    assert (neighbour_map(points) == places).all()


def test_the_directions_are_those_of_most_variance():
    points = np.random.default_rng(0).normal(size=(500, 3)) * [1, 5, 2]
    assert np.abs(directions(points, 2)).argmax(0).tolist() == [1, 2]


def test_burrows_delta_of_counts_that_one_can_work_out():
    """Shares of the first word .2, .4, .6: mean .4, deviation .2, so scores -1, 0, 1; of the second the opposite."""
    assert burrows_delta(np.array([[2, 8], [4, 6], [60, 40]])) == pytest.approx(
        np.array([[0, 1, 2], [1, 0, 1], [2, 1, 0]])
    )


def test_a_word_that_all_texts_use_alike_has_no_part_in_delta():
    counts = np.array([[5, 2, 3], [5, 3, 2], [5, 4, 1]])
    assert burrows_delta(counts)[0, 2] == pytest.approx(2)


def test_bits_of_a_book_are_what_the_model_says_and_what_was_seen_is_known(run):
    text = write_text(300)
    parted = part_text([Source("a.txt", text)])
    ((bits, unseen),) = bits_of_books(run, text, parted.text, parted.books)
    assert unseen == 0 and bits_of_books(run, "", parted.text, parted.books)[0] == (bits, 1)
    assert bits_of_books(run, None, parted.text, parted.books)[0] == (bits, None)
    assert 2 < bits < 12
    short = part_text([Source("a.txt", text[:CONTEXT])])
    assert bits_of_books(run, text, short.text, short.books) == [None]
