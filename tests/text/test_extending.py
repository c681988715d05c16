"""Tokens that are there, extended by what a new text has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import write_text

from janelm.config import CharacterTokenizerConfig, TiktokenTokenizerConfig
from janelm.errors import UsageError
from janelm.text.extending import Extension, describe_extension, more_byte_pairs, origins
from janelm.text.tokenizers import TiktokenTokenizer, train_tokenizer

OTHERS = "Ξένος ἦλθεν εἰς τὴν πόλιν. " * 40


def pairs(size=280, text=None):
    return train_tokenizer(TiktokenTokenizerConfig(vocab_size=size), [text or write_text(200)])


def test_new_characters_are_added_and_the_old_keep_their_rows():
    old = train_tokenizer(CharacterTokenizerConfig(), ["abc"])
    new = Extension(old).learn(["bad éd"])
    assert new.characters == " abcdé" and new.decode(new.encode("éb a")) == "éb a"
    of = origins(old, new)
    assert [of[new.encode(character)[0]] for character in "abc"] == [[0], [1], [2]]
    assert of[new.unknown_token] == [old.unknown_token]
    assert of[new.encode("é")[0]] == [0, 1, 2, 3]
    assert describe_extension(old, new) == "3 new characters, which start from the mean of all:   d é"
    assert describe_extension(old, Extension(old).learn(["cab"])) == ""


def test_the_token_of_a_documents_end_is_found_again_or_new():
    running, documents = (train_tokenizer(CharacterTokenizerConfig(), ["abc"], ends) for ends in (False, True))
    assert origins(running, Extension(running).learn(["a"], True))[-1] == [0, 1, 2, 3]
    again = Extension(documents).learn(["xa"], True)
    assert origins(documents, again)[again.end_token] == [documents.end_token]
    assert again.vocab_size == documents.vocab_size + 1


def test_byte_pairs_are_learnt_after_those_that_are_there():
    old = pairs()
    new = Extension(old, 30).learn([OTHERS])
    assert new.ranks[: len(old.ranks)] == old.ranks and len(new.ranks) == len(old.ranks) + 30
    assert len(new.encode(OTHERS)) < 0.7 * len(old.encode(OTHERS))
    assert describe_extension(old, new) == "30 new byte pairs, which start from the mean of their parts"
    for token, of in enumerate(origins(old, new)):
        assert b"".join(old.vocabulary[part] for part in of) == new.vocabulary[token]


def test_learning_more_pairs_of_the_same_text_is_as_good_as_learning_them_at_once():
    text = write_text(200)
    at_once, later = pairs(320, text), Extension(pairs(280, text), 40).learn([text])
    assert abs(len(at_once.encode(text)) - len(later.encode(text))) <= 0.02 * len(at_once.encode(text))


def test_pairs_end_where_none_stands_twice():
    assert more_byte_pairs(pairs(256), ["ab ab cd"], 50) == [b"ab"]


@given(st.text(max_size=60), st.integers(0, 40))
def test_what_is_learnt_with_more_pairs_still_reads_any_text(text, more):
    old = PAIRS
    new = Extension(old, more).learn([OTHERS, text])
    tokens = new.encode(text)
    assert isinstance(new, TiktokenTokenizer) and new.decode(tokens) == text.encode("utf-8", "replace").decode()
    assert len(tokens) <= len(old.encode(text))


PAIRS = pairs()


def test_characters_learn_no_pairs():
    old = train_tokenizer(CharacterTokenizerConfig(), ["abc"])
    with pytest.raises(UsageError, match="extend_vocab learns byte pairs, and these tokens are characters"):
        Extension(old, 5).learn(["abc"])


def test_stock_names_are_kept_only_by_stock_vocabularies():
    stock = TiktokenTokenizer(TiktokenTokenizerConfig(256, "mine"), [bytes([value]) for value in range(256)])
    assert Extension(stock).learn(["aa"]).config.encoding == "mine"
    assert Extension(stock, 1).learn(["aa aa"]).config.encoding is None
    assert np.array_equal(Extension(stock).learn(["aa"]).encode("é"), stock.encode("é"))
