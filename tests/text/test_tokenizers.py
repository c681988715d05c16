"""Text to tokens and back, for any text there is."""

import json
import re
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import write_text

from janelm.config import SPLIT_PATTERN, CharacterTokenizerConfig, TiktokenTokenizerConfig, WordTokenizerConfig
from janelm.errors import JaneLMError, UsageError
from janelm.text.tokenizers import (
    REPLACEMENT,
    CharacterTokenizer,
    StreamDecoder,
    cut_pieces,
    tokenizer_from_json,
    train_byte_pairs,
    train_tokenizer,
    undo_merges,
)

BYTE_PAIRS = train_tokenizer(TiktokenTokenizerConfig(vocab_size=320), [write_text(300)])
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(ANY_TEXT)
@settings(max_examples=300)
def test_byte_pairs_round_trip_any_text(text):
    assert BYTE_PAIRS.decode(BYTE_PAIRS.encode(text).tolist()) == text


@given(ANY_TEXT)
def test_characters_round_trip_the_text_they_were_trained_on(text):
    tokenizer = CharacterTokenizer(text)
    assert tokenizer.decode(tokenizer.encode(text).tolist()) == text
    assert tokenizer.unknown_characters(text) == []


@given(ANY_TEXT)
def test_an_unknown_character_is_marked_and_never_a_crash(text):
    tokenizer = CharacterTokenizer("ab")
    expected = "".join(character if character in "ab" else REPLACEMENT for character in text)
    assert tokenizer.decode(tokenizer.encode(text).tolist()) == expected
    assert tokenizer.unknown_characters(text) == list(dict.fromkeys(c for c in text if c not in "ab"))


def test_characters_are_sorted():
    tokenizer = CharacterTokenizer("cab")
    assert tokenizer.encode("abba!").tolist() == [0, 1, 1, 0, 3]
    assert tokenizer.decode([2, 0, 1, 3]) == "cab�"


@given(ANY_TEXT)
def test_streaming_gives_the_same_text_and_never_half_a_character(text):
    tokens = BYTE_PAIRS.encode(text).tolist()
    decoder = StreamDecoder(BYTE_PAIRS)
    pieces = [decoder.feed(token) for token in tokens]
    assert "".join(pieces) + decoder.finish() == text
    if REPLACEMENT not in text:
        assert all(REPLACEMENT not in piece for piece in pieces)


def test_streaming_marks_a_character_that_never_ends():
    decoder = StreamDecoder(BYTE_PAIRS)
    assert decoder.feed(0xC3) == "" and decoder.finish() == REPLACEMENT


def test_lone_surrogates_do_not_crash():
    assert BYTE_PAIRS.decode(BYTE_PAIRS.encode("a\ud800b").tolist()) == "a?b"
    assert CharacterTokenizer("ab").encode("a\ud800b").tolist() == [0, 2, 1]


def test_byte_pairs_merge_the_commonest_pair_first():
    """The example of Wikipedia's article on byte-pair encoding: aaabdaaabac becomes XdXac with X = aaab."""
    ranks = train_byte_pairs(["aaabdaaabac"], 259, SPLIT_PATTERN)
    assert ranks[256] == b"aa" and b"aaab" in ranks[256:]


def test_the_vocabulary_begins_with_the_bytes_and_has_the_size_asked_for():
    assert BYTE_PAIRS.vocabulary[:256] == [bytes([value]) for value in range(256)]
    assert BYTE_PAIRS.vocab_size == 320
    assert len(set(BYTE_PAIRS.vocabulary)) == 320


def test_each_token_is_its_two_parts_and_bytes_have_none():
    for token, (first, second) in zip(BYTE_PAIRS.vocabulary, BYTE_PAIRS.pairs, strict=True):
        if len(token) == 1:
            assert first == second == -1
        else:
            assert BYTE_PAIRS.vocabulary[first] + BYTE_PAIRS.vocabulary[second] == token


@given(ANY_TEXT, st.floats(0, 1), st.integers(0, 1000))
def test_undone_merges_say_the_same_bytes(text, share, seed):
    tokens = BYTE_PAIRS.encode(text)
    undone = undo_merges(tokens, BYTE_PAIRS.pairs, share, np.random.default_rng(seed))
    assert BYTE_PAIRS.decode(undone.tolist()) == text
    assert len(tokens) <= len(undone) <= len(text.encode())


def test_merges_come_undone_as_often_as_asked_and_so_do_their_parts():
    pairs = np.array([[-1, -1], [-1, -1], [0, 1], [2, 2]])  # a, b, ab, abab
    random = np.random.default_rng(0)
    undone = undo_merges(np.full(20_000, 3), pairs, 0.3, random)
    counts = np.bincount(undone, minlength=4)
    assert abs(counts[3] / 20_000 - 0.7) < 0.02
    assert abs(counts[2] / (20_000 - counts[3]) - 2 * 0.7) < 0.05
    assert (undo_merges(undone, pairs, 1.0, random) < 2).all() and len(undo_merges(undone, pairs, 0.0, random)) == len(
        undone
    )


def test_training_is_deterministic():
    again = train_tokenizer(TiktokenTokenizerConfig(vocab_size=320), [write_text(300)])
    assert again.to_json() == BYTE_PAIRS.to_json()


@pytest.mark.parametrize("documents", [False, True])
@pytest.mark.parametrize(
    "config",
    [CharacterTokenizerConfig(), TiktokenTokenizerConfig(vocab_size=300), WordTokenizerConfig(vocab_size=300)],
)
def test_json_holds_the_whole_tokenizer(config, documents):
    tokenizer = train_tokenizer(config, [write_text(50)], documents)
    again = tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))
    assert again.vocabulary == tokenizer.vocabulary
    assert (again.pad_token, again.end_token) == (tokenizer.pad_token, tokenizer.end_token)
    sample = "The café, the rain 🌧 and 漢字"
    assert again.encode(sample).tolist() == tokenizer.encode(sample).tolist()


def test_special_tokens_stand_last_and_no_text_encodes_to_them():
    tokenizer = train_tokenizer(TiktokenTokenizerConfig(vocab_size=300), [write_text(50)], documents=True)
    assert (tokenizer.pad_token, tokenizer.end_token) == (300, 301)
    assert max(tokenizer.encode("<|endoftext|> <> \t").tolist()) < 300
    assert tokenizer.decode([300, 301]) == ""


def test_the_split_pattern_is_also_valid_in_javascript():
    """JavaScript has no possessive quantifiers, atomic groups or inline flags."""
    assert not re.search(r"[*+?}]\+|\(\?[>a-zA-Z]", SPLIT_PATTERN.replace(r"\p{L}+|", "").replace(r"\p{L}+", ""))


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"kind": "words"},
        {"kind": "word", "pattern": "", "ranks": ["IQ=="]},
        {"kind": "tiktoken", "ranks": ["!"]},
        {"kind": "character"},
    ],
)
def test_a_damaged_tokenizer_is_one_clear_sentence(damage):
    with pytest.raises(JaneLMError, match="tokenizer cannot be read"):
        tokenizer_from_json(damage)


def test_a_stock_encoding_that_does_not_exist_names_those_that_do():
    with pytest.raises(JaneLMError, match="gpt2"):
        train_tokenizer(TiktokenTokenizerConfig(encoding="gpt-nothing"), ["x"])


@pytest.mark.parametrize(
    ("pattern", "says"), [("(", "no regular expression"), (r"\w+", "leaves out"), (r"\w+|[^\w\s]", "leaves out")]
)
def test_a_pattern_that_cannot_be_used_is_one_clear_sentence(pattern, says):
    """One was a traceback, another lost all white space of the training text without a word."""
    with pytest.raises(UsageError, match=says):
        train_tokenizer(TiktokenTokenizerConfig(vocab_size=300, pattern=pattern), ["some text"])


def test_a_pattern_of_ones_own_does():
    tokenizer = train_tokenizer(TiktokenTokenizerConfig(vocab_size=300, pattern=r"\w+|\s+|\S"), [write_text(20)])
    assert tokenizer.decode(tokenizer.encode("The old\nmiller!")) == "The old\nmiller!"


MARKED = [
    "हिन्दी में लिखी हुई क्षत्रिय",
    "ผู้ชายที่ดื่มน้ำ",
    "שָׁלוֹם לְכֻלָּם",
    "اَلْعَرَبِيَّةُ",
    "தமிழில் எழுதிய",
    "Cafe\u0301 n\u0303an\u0303a d's\u0301",
    "می\u200cخواهم",
    "क्\u200dष",
    "👩\u200d👩\u200d👧 ❤️ 1️⃣ 👍🏽",
]


@pytest.mark.parametrize("text", MARKED)
def test_no_letter_is_cut_from_its_marks(text):
    """Byte pairs used to be cut at every vowel sign of Hindi and Thai, so that no token held a syllable."""
    import regex

    places, letters = (set(accumulate(map(len, regex.findall(cut, text)))) for cut in (SPLIT_PATTERN, r"\X"))
    assert places <= letters


@given(st.text(st.sampled_from("aé1!'s \n\u0301\u094d\u093eकถี\u200d漢"), max_size=30))
def test_both_libraries_and_regex_cut_alike(text):
    import regex
    import tiktoken

    bytes_alone = {bytes([value]): value for value in range(256)}
    plain = tiktoken.Encoding("plain", pat_str=SPLIT_PATTERN, mergeable_ranks=bytes_alone, special_tokens={})
    assert "".join(regex.findall(SPLIT_PATTERN, text)) == text
    assert plain.decode(plain.encode_ordinary(text)) == text


def test_tokens_hold_whole_syllables():
    tokenizer = train_tokenizer(TiktokenTokenizerConfig(vocab_size=330), ["हिन्दी में लिखी हुई एक छोटी कहानी।\n" * 50])
    assert " लिखी" in {token.decode(errors="replace") for token in tokenizer.vocabulary}


@given(st.text("ab1'é .,!\n\t", max_size=200))
def test_ordinary_text_has_the_pieces_it_had_before(text):
    import regex

    before = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    assert regex.findall(before, text) == regex.findall(SPLIT_PATTERN, text)


LONG = [
    "ACGT" * 30_000,
    "word " * 20 + " " * 1_200_000 + "word  " * 20,
    "\n" * 9000 + "x" * 4096 + "\n\n y",
    "漢" * 5000,
]


@pytest.mark.parametrize("text", LONG)
def test_a_text_without_a_break_is_learnt_from_and_encoded(text):
    """Two million letters in a row took an hour to learn from, and a million blanks ended Python."""
    tokenizer = train_tokenizer(TiktokenTokenizerConfig(vocab_size=300), [text])
    tokens = tokenizer.encode(text)
    assert tokenizer.decode(tokens.tolist()) == text
    ((_, block),) = tokenizer.encode_blocks([text])
    assert block.tolist() == tokens.tolist()


def test_only_what_is_longer_is_cut():
    tokenizer = train_tokenizer(TiktokenTokenizerConfig(vocab_size=300), ["ab" * 3000])
    assert tokenizer.encode("ab" * 2048).tolist() == tokenizer._encoding.encode_ordinary("ab" * 2048)
    pieces = [len(piece) for piece in cut_pieces(" " + "ab" * 4096, SPLIT_PATTERN)]
    assert pieces == [4096, 4096, 1]
