"""What is written is text, whatever tokens the numbers fall on."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import TOKENIZERS, random_run, write_text

from janelm.config import LSTMConfig, SamplingConfig
from janelm.text.cleaning import DROPPED, clean
from janelm.text.spelling import Spelling
from janelm.text.tokenizers import CharacterTokenizer, train_tokenizer
from janelm.writing.sampling import Sampler

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/sampling.json").read_text())
BYTES = [bytes([value]) for value in range(256)]
NONCHARACTERS = [*range(0xFDD0, 0xFDF0), *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF))]
UNHEARD_OF = [*(set(range(0xA0)) - set(range(0x20, 0x7F)) - {9, 10}), 0xFEFF, *NONCHARACTERS]


@pytest.mark.parametrize("case", GOLDEN["spelling"], ids=lambda case: case["name"])
def test_what_may_stand_next_agrees_with_the_golden_vectors(case):
    spelling, begun = Spelling([token.encode("latin-1") for token in case["vocabulary"]]), b""
    assert spelling.never == case["never"]
    for token, after, barred in case["steps"]:
        begun = spelling.after(begun, token)
        assert begun == after.encode("latin-1") and spelling.barred(begun).tolist() == barred


def writable(character: str) -> bool:
    """Whether single bytes may spell it, one after the other."""
    spelling, begun = Spelling(BYTES), b""
    for byte in character.encode():
        if byte in spelling.barred(begun):
            return False
        begun = spelling.after(begun, byte)
    assert begun == b""
    return True


@pytest.mark.parametrize("code", UNHEARD_OF)
def test_no_control_character_mark_or_noncharacter_is_spelled(code):
    assert not writable(chr(code))


@given(st.characters(exclude_categories=["Cs"]))
def test_every_other_character_can_be_spelled(character):
    assert writable(character) == (ord(character) not in UNHEARD_OF)


def test_what_a_cleaned_text_has_none_of_is_not_written():
    removed = {chr(code) for code in range(0x10000) if DROPPED.match(chr(code))} | {"\r"}
    assert not any(map(writable, removed)) and clean("".join(sorted(removed)))[0] == "\n"


@given(st.integers(0, 2**32 - 1), st.lists(st.binary(min_size=1, max_size=5), max_size=30, unique=True))
def test_random_draws_from_any_byte_pairs_are_text_with_at_most_a_last_character_begun(seed, pairs):
    vocabulary = list(dict.fromkeys([*BYTES, *pairs, b""]))
    spelling = Spelling(vocabulary)
    sampler = Sampler(SamplingConfig(seed=seed), spelling.never, spelling)
    logits = np.array([2.0 * len(token) + 3.0 * (max(token, default=0) >= 0x80) for token in vocabulary])
    tokens = [sampler.draw(logits) for _ in range(40)]
    written = b"".join(vocabulary[token] for token in tokens)
    begun = spelling.after(b"", vocabulary.index(b""))
    for token in tokens:
        begun = spelling.after(begun, token)
    text = written[: len(written) - len(begun)].decode()
    assert not {ord(character) for character in text} & set(UNHEARD_OF)


def test_a_document_does_not_end_within_a_character():
    spelling = Spelling([*BYTES, b""])
    assert 256 in spelling.barred(b"\xc3") and 256 not in spelling.barred(b"")


def test_where_nothing_may_stand_everything_may():
    """A vocabulary without single bytes can come to half a character that none of its tokens ends."""
    assert Spelling([b"a", b"\xc3"]).barred(b"\xc3").tolist() == []


def test_characters_of_a_text_are_all_written_and_of_others_none():
    tokenizer = CharacterTokenizer("a\tb\n\r\0é\ufeff")
    kept = [tokenizer.decode([token]) for token in range(tokenizer.vocab_size) if token not in tokenizer.never_written]
    assert kept == ["\t", "\n", "a", "b", "é"]


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_all_of_a_text_can_be_written(kind):
    text = write_text(300) + "漢字 🙂 naïve\n"
    tokenizer = train_tokenizer(TOKENIZERS[kind], [text])
    begun = b""
    for token in tokenizer.encode(text).tolist():
        assert token not in tokenizer.spelling.barred(begun) and token not in tokenizer.never_written
        begun = tokenizer.spelling.after(begun, token)


def test_a_model_that_leans_to_carriage_returns_and_zeros_writes_none():
    from janelm.writing.generation import generate

    run = random_run(LSTMConfig(context_length=16, layers=1, width=32), TOKENIZERS["tiktoken"])
    bias = run.model.head.bias.data
    bias[[0, 13, 0xC2, 0x85, 0xEF, 0xBF, 0xBE]] += 8.0
    text = "".join(generate(run, "A", 400, SamplingConfig(temperature=1.0))).removesuffix("\ufffd")
    assert "\ufffd" not in text and not {ord(character) for character in text} & set(UNHEARD_OF)


def test_what_is_remembered_of_begun_characters_does_not_grow():
    """A server that wrote for a day kept an array for each of the 20,000 beginnings of characters that it had met."""
    spelling = Spelling([b"a", b"\x80", b"\xbf", b"\xf0\x90"])
    begun = [bytes((0xF0, second, third)) for second in range(0x90, 0xC0) for third in range(0x80, 0xC0)]
    told = [spelling.barred(one).tolist() for one in begun]
    assert len(spelling._barred) <= 64
    assert [spelling.barred(one).tolist() for one in begun] == told
