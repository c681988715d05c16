"""Copied passages: the fast answer against the obvious one."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from janelm.errors import UsageError
from janelm.measuring.overlap import Passage, TokenIndex, longest_passages, report, run_shares, suffix_array

FEW_TOKENS = st.lists(st.integers(0, 2), max_size=60)  # few different ones, so that much repeats
ANY_TOKENS = st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 3), max_size=40)


def array(tokens) -> np.ndarray:
    return np.array(tokens, dtype=np.int64)


def stands_in(run, tokens) -> bool:
    return any(tokens[place : place + len(run)] == run for place in range(len(tokens) - len(run) + 1))


def obvious_lengths(training, query) -> list[int]:
    lengths = []
    for start in range(len(query)):
        length = 0
        while start + length < len(query) and stands_in(query[start : start + length + 1], training):
            length += 1
        lengths.append(length)
    return lengths


def check_matches(training, query):
    lengths, places = TokenIndex(array(training)).matches(array(query))
    assert lengths.dtype == places.dtype == np.int64
    assert lengths.tolist() == obvious_lengths(training, query)
    for start, (length, place) in enumerate(zip(lengths.tolist(), places.tolist(), strict=True)):
        if length:
            assert training[place : place + length] == query[start : start + length]
        else:
            assert place == -1
    return lengths, places


@given(FEW_TOKENS, FEW_TOKENS)
@settings(max_examples=200)
def test_matches_are_the_longest_and_stand_where_they_are_said_to(training, query):
    check_matches(training, query)


@given(ANY_TOKENS, st.data())
def test_matches_are_right_for_any_token_ids(training, data):
    pieces = data.draw(st.lists(st.sampled_from(training), max_size=20)) if training else []
    check_matches(training, pieces + data.draw(ANY_TOKENS))


@pytest.mark.parametrize(
    ("training", "query"),
    [
        ([], []),
        ([], [1, 2]),
        ([1, 2, 3], []),
        ([7], [7]),
        ([7], [8]),
        ([7], [7, 7, 7]),
        ([1, 2], [1, 2, 1, 2, 1, 2]),
        ([4, 5, 6], [0, 1, 9]),
        ([0] * 70, [0] * 90),
        ([1, 2] * 100, [1, 2] * 90 + [3]),
    ],
    ids=lambda tokens: f"{len(tokens)} tokens",
)
def test_matches_at_the_edges(training, query):
    check_matches(training, query)


@given(FEW_TOKENS)
@example([0] * 300)  # ties that outlast the first round of sorting, which sees at most 63 tokens
@example([0, 1] * 200)
def test_the_suffix_array_is_in_order(tokens):
    suffixes, ranks = suffix_array(array(tokens))
    assert suffixes.tolist() == sorted(range(len(tokens)), key=lambda place: tokens[place:])
    assert ranks[suffixes].tolist() == list(range(len(tokens)))
    assert ranks[-1] == -1


def test_a_large_vocabulary_that_repeats_for_long_is_in_order():
    tokens = array([5, 2**40, 2**50, 5, 2**60] * 40)
    suffixes, _ = suffix_array(np.unique(tokens, return_inverse=True)[1])
    assert suffixes.tolist() == sorted(range(200), key=lambda place: tokens[place:].tolist())


def test_a_long_copy_is_found_whole():
    training = np.random.default_rng(0).integers(0, 50, 50_000)
    query = np.concatenate([[60], training[10_000:30_000], [61]])
    lengths, places = TokenIndex(training).matches(query)
    assert longest_passages(lengths, places) == [Passage(start=1, length=20_000, place=10_000)]
    assert lengths[1:20_001].tolist() == list(range(20_000, 0, -1))


def test_other_integer_types_do_and_other_arrays_are_refused():
    lengths, _ = TokenIndex(np.array([1, 2, 3], dtype=np.uint8)).matches([2, 3])
    assert lengths.tolist() == [2, 1]
    with pytest.raises(UsageError, match=r"training tokens are float64 of shape \(2,\)"):
        TokenIndex(np.array([1.0, 2.0]))
    with pytest.raises(UsageError, match=r"generated tokens are int64 of shape \(1, 2\)"):
        TokenIndex(array([1])).matches(array([[1, 2]]))


def test_the_worked_example_of_the_docstring():
    lengths, places = TokenIndex(array([5, 6, 7, 5, 6, 8])).matches(array([5, 6, 8, 9]))
    assert (lengths.tolist(), places.tolist()) == ([3, 2, 1, 0], [3, 4, 5, -1])


@given(FEW_TOKENS, FEW_TOKENS)
def test_passages_are_maximal_apart_and_the_longest_first(training, query):
    lengths, places = TokenIndex(array(training)).matches(array(query))
    passages = longest_passages(lengths, places, count=100)
    spans = [(passage.start, passage.start + passage.length) for passage in passages]
    for passage, (start, end) in zip(passages, spans, strict=True):
        assert training[passage.place : passage.place + passage.length] == query[start:end]
        assert start == 0 or not stands_in(query[start - 1 : end], training)
        assert end == len(query) or not stands_in(query[start : end + 1], training)
    covered = [position for start, end in spans for position in range(start, end)]
    assert len(covered) == len(set(covered))
    assert [passage.length for passage in passages] == sorted(lengths[[p.start for p in passages]], reverse=True)
    assert not passages or passages[0].length == lengths.max()
    assert longest_passages(lengths, places, count=2) == passages[:2]
    end = 0  # every other maximal passage overlaps one that is listed and no shorter
    for start, length in enumerate(lengths.tolist()):
        if length and start + length > end:
            end = start + length
            assert any(start < other.start + other.length and other.start < end for other in passages)


def test_a_passage_inside_or_across_a_longer_one_is_not_listed():
    training, query = [1, 2, 3, 4, 0, 4, 5, 0, 6, 7], [1, 2, 3, 4, 5, 9, 6, 7]
    found = longest_passages(*TokenIndex(array(training)).matches(array(query)))
    assert found == [Passage(0, 4, 0), Passage(6, 2, 8)]  # 4 5 stands there too, but across 1 2 3 4


@given(FEW_TOKENS, FEW_TOKENS, st.integers(1, 70))
def test_shares_count_the_runs_that_stand_in_the_training_text(training, query, size):
    lengths, _ = TokenIndex(array(training)).matches(array(query))
    runs = [query[start : start + size] for start in range(len(query) - size + 1)]
    expected = sum(stands_in(run, training) for run in runs) / len(runs) if runs else 0.0
    assert run_shares([lengths], (size,)) == {size: pytest.approx(expected)}


def test_shares_of_a_text_shorter_than_the_runs_are_zero():
    assert run_shares([array([])]) == {8: 0.0, 16: 0.0, 32: 0.0}
    assert run_shares([array([3, 2, 1])], (3, 4)) == {3: 1.0, 4: 0.0}


def test_runs_of_no_tokens_are_refused():
    with pytest.raises(UsageError, match="the run size is 0"):
        run_shares([array([1])], (0,))


def reported(training: str, text: str, **settings) -> str:
    encode = {character: number for number, character in enumerate(sorted(set(training + text)))}
    characters = list(encode)
    query = array([encode[character] for character in text])
    lengths, places = TokenIndex(array([encode[character] for character in training])).matches(query)
    return report(query, lengths, places, lambda tokens: "".join(characters[t] for t in tokens), **settings)


def test_the_report_says_how_much_and_shows_the_passages():
    training = "The miller carried home two green apples.\nHis hat was wet."
    said = reported(training, "Nobody carried home two\ngreen apples.", sizes=(4, 16, 99), unit="characters", count=1)
    assert said.splitlines() == [
        "How much of the text (37 characters) stands word for word in the training text:",
        "      70.6% of its runs of 4 characters",
        "       9.1% of its runs of 16 characters",
        "       0.0% of its runs of 99 characters (the text is shorter than that)",
        "The longest passages that do:",
        "  17 characters at 6 (in the training text at 10)",
        "      carried home two",
    ]


def test_the_report_leaves_out_the_middle_of_a_long_passage():
    said = reported("ab " * 200, "ab " * 200).splitlines()[-1]
    assert len(said) < 130 and " … " in said and said.strip().startswith("ab ab")


def test_the_report_does_not_round_a_rare_copy_to_none():
    said = reported("abcdefgh", "z" * 20_000 + "abcdefgh", sizes=(8, 9))
    assert " under 0.1% of its runs of 8 tokens" in said
    assert "       0.0% of its runs of 9 tokens" in said


def test_the_report_of_an_empty_or_wholly_strange_text_says_so():
    assert reported("abc", "") == "The text is empty: there is nothing to compare."
    assert reported("abc", "xyz").splitlines()[-1] == "None of its tokens occurs there."
