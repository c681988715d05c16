"""Writing together, by script."""

import io

import pytest
from test_generation import random_run

from janelm.config import SamplingConfig
from janelm.engines import TorchEngine
from janelm.interactive import Session


@pytest.fixture
def session(shape):
    run = random_run(shape)
    session = Session(run, TorchEngine(run.model), SamplingConfig(), "The old")
    session.num_tokens = 10
    return session


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
