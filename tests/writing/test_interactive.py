"""Writing together, by script."""

import io
from itertools import islice

import pytest
from small import SHAPES, random_run

from janelm.config import SamplingConfig, TiktokenTokenizerConfig
from janelm.engines import TorchEngine
from janelm.writing import interactive
from janelm.writing.generation import Limits, generate, generate_samples
from janelm.writing.interactive import Session


@pytest.fixture
def session(shape):
    run = random_run(shape)
    return Session(run, TorchEngine(run.model), SamplingConfig(), "The old", Limits(10))


def talk(session, *lines):
    out = io.StringIO()
    assert session.talk(io.StringIO("".join(f"{line}\n" for line in lines)), out) == 0
    return out.getvalue()


def test_enter_continues_and_undo_takes_back(session):
    talk(session, "", "")
    assert len(session.parts) == 3 and len(session.text) == 27
    talk(session, "u")
    assert len(session.text) == 17
    talk(session, "u", "u", "u")
    assert session.text == "The old"


def test_retry_writes_the_last_part_anew(session):
    talk(session, "")
    before = session.text
    talk(session, "r")
    assert len(session.text) == 17 and session.text != before


def test_temperature_and_length_can_be_changed_and_nonsense_is_refused(session):
    out = talk(session, "t 0", "n 3", "", "t minus", "n none", "dance")
    assert session.sampling.temperature == 0 and len(session.text) == 10
    assert "temperature is -1" in out and "num_tokens is -1" in out and out.count("continue") == 2


def test_words_of_ones_own_are_added(session):
    talk(session, "+  lamp")
    assert session.text == "The old lamp"


def test_the_likeliest_tokens_are_shown_and_chosen(session):
    tokens, probabilities = session.likeliest()
    assert len(tokens) == 10 and probabilities == sorted(probabilities, reverse=True) and sum(probabilities) <= 1
    out = talk(session, "s", "2", "s", "none")
    assert session.text == "The old" + session.run.tokenizer.decode([tokens[1]]) and out.count("%") == 20


def test_the_first_part_is_what_writing_alone_gives(session):
    talk(session, "")
    assert session.parts[1] == "".join(generate(session.run, "The old", 10, SamplingConfig()))


def test_stop_texts_hold_for_each_part(session):
    whole = "".join(generate(session.run, "The old", 10, SamplingConfig()))
    session.limits = Limits(10, (whole[4:6],))
    talk(session, "")
    assert session.parts[1] == whole[: whole.index(whole[4:6])]


def test_the_text_is_handed_on_after_each_command(session):
    kept = []
    assert session.talk(io.StringIO("\n+ lamp\nu\n"), io.StringIO(), kept.append) == 0
    assert [len(text) for text in kept] == [17, 21, 17]


def test_ctrl_c_ends_a_part_and_keeps_it(session, monkeypatch):
    def three_pieces(*arguments, **more):
        yield from islice(generate_samples(*arguments, **more), 3)
        raise KeyboardInterrupt

    monkeypatch.setattr(interactive, "generate_samples", three_pieces)
    talk(session, "", "+!")
    assert len(session.parts) == 2 and len(session.parts[1]) == 3


def test_parts_of_characters_are_not_offered_and_not_left_behind():
    """Half a character used to come back as the mark that stands for it."""
    run = random_run(SHAPES["lstm"], TiktokenTokenizerConfig(vocab_size=256))
    session = Session(run, TorchEngine(run.model), SamplingConfig(temperature=3), "The", Limits(1))
    for _ in range(20):
        talk(session, "")
        assert not session.text.endswith("\ufffd")
    assert all("\ufffd" not in run.tokenizer.decode([token]) for token in session.likeliest()[0])
