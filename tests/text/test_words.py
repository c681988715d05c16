"""Words as tokens, for any text there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import write_text

from janelm.config import SPLIT_PATTERN, WordTokenizerConfig
from janelm.errors import JaneLMError, UsageError
from janelm.text.extending import Extension, describe_extension, origins
from janelm.text.interchange import to_tokenizers
from janelm.text.tokenizers import REPLACEMENT, StreamDecoder, train_tokenizer
from janelm.text.words import BYTES, WordTokenizer, train_words

WORDS = train_tokenizer(WordTokenizerConfig(vocab_size=290), [write_text(300)])
# Any text, and texts whose words are tokens, near them, or broken by what no word has.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NEAR = st.lists(
    st.sampled_from(["The", " miller", " café", " the lamp", ".\n", "é", " ", "\t\n ", "'s", "漢", "x"])
).map("".join)


@given(ANY_TEXT | NEAR)
def test_any_text_comes_back_as_it_was(text):
    tokens = WORDS.encode(text).tolist()
    assert WORDS.decode(tokens) == text
    assert WORDS.unknown_characters(text) == []
    decoder = StreamDecoder(WORDS)
    pieces = [decoder.feed(token) for token in tokens]
    assert "".join(pieces) + decoder.finish() == text
    assert REPLACEMENT in text or all(REPLACEMENT not in piece for piece in pieces)


def test_frequent_words_are_tokens_and_others_are_told_by_their_characters():
    words = train_words(["a cat and a cat, é é é 漢"], 300, SPLIT_PATTERN)
    assert words[256:] == ["é".encode(), " é".encode(), b" cat"]
    tokenizer = WordTokenizer(SPLIT_PATTERN, words)
    spelt = [tokenizer.vocabulary[token] for token in tokenizer.encode("a cat éa 漢")]
    assert spelt == [b"a", b" cat", b" ", "é".encode(), b"a", b" ", b"\xe6", b"\xbc", b"\xa2"]


def test_the_vocabulary_begins_with_the_bytes_and_is_no_larger_than_asked():
    assert WORDS.vocabulary[:256] == BYTES
    assert WORDS.vocab_size <= 290 and len(set(WORDS.vocabulary)) == WORDS.vocab_size
    assert train_tokenizer(WordTokenizerConfig(vocab_size=260), [write_text(300)]).vocab_size == 260


def test_lone_surrogates_do_not_crash():
    assert WORDS.decode(WORDS.encode("a\ud800b")) == "a?b"


@pytest.mark.parametrize("text", ["ACGT" * 30_000, "word " * 20 + " " * 100_000 + "x", "漢" * 5000])
def test_a_text_without_a_break_is_learnt_from_and_encoded(text):
    tokenizer = train_tokenizer(WordTokenizerConfig(vocab_size=300), [text])
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_new_words_start_from_their_parts():
    old = train_tokenizer(WordTokenizerConfig(vocab_size=280), [write_text(300)])
    assert Extension(old).learn(["a whale and a whale"]).to_json() == old.to_json()
    new = Extension(old, 3).learn(["a whale and a whale, ж ж"])
    assert new.ranks[: len(old.ranks)] == old.ranks
    assert new.ranks[len(old.ranks) :] == ["ж".encode(), b" whale", " ж".encode()]
    of = origins(old, new)
    assert of[: old.vocab_size] == [[token] for token in range(old.vocab_size)]
    assert of[new.encode(" whale")[0]] == list(b" whale")
    assert describe_extension(old, new) == "3 new words and characters, which start from the mean of their parts"


def test_a_pattern_that_leaves_something_out_is_one_clear_sentence():
    with pytest.raises(UsageError, match="leaves out"):
        train_tokenizer(WordTokenizerConfig(vocab_size=300, pattern=r"\w+"), ["some text"])


def test_transformers_has_nothing_like_it():
    with pytest.raises(JaneLMError, match="no tokenizer of words"):
        to_tokenizers(WORDS)
