"""A prompt longer than what the model can look back on costs no more than that, and says the same to the bit."""

from dataclasses import replace

import numpy as np
import pytest
from small import SHAPES, exported, random_run, random_tokens

from janelm.engines import NativeEngine, OnnxEngine, TorchEngine
from janelm.engines.base import Engine

MAKERS = {
    "native": lambda run, graph: NativeEngine(run, threads=1),
    "native-int8": lambda run, graph: NativeEngine(run, "int8-weights", threads=1),
    "onnx": lambda run, graph: OnnxEngine(graph, threads=1),
    "torch": lambda run, graph: TorchEngine(run.model),
}


def steps(engine, tokens, more, memory):
    """The logits after a prompt, and after each of some tokens more."""
    state = engine.initial_state(len(tokens), memory)
    logits, state = engine.step(tokens, state)
    found = [logits]
    for token in more:
        logits, state = engine.step(np.full((len(tokens), 1), token), state)
        found.append(logits)
    return np.stack(found)


def read_by(engine, monkeypatch, tokens, more, memory):
    """The same, and how many tokens were read."""
    read, original = [], type(engine)._step

    def counting(self, part, state):
        read.append(part.shape[1])
        return original(self, part, state)

    with monkeypatch.context() as patch:
        patch.setattr(type(engine), "_step", counting)
        return steps(engine, tokens, more, memory), sum(read) - len(more)


WITH_KINDS = [(name, kind) for name in MAKERS for kind in ("transformer", "bigrams")] + [
    ("onnx", "gpt2"),
    ("torch", "gpt2"),
]


@pytest.mark.parametrize(("name", "kind"), WITH_KINDS)
@pytest.mark.parametrize("memory", [None, 5])
@pytest.mark.parametrize("length", [31, 32, 47, 300, 777])
def test_a_long_prompt_says_the_same_to_the_bit_and_is_not_read_whole(name, kind, memory, length, monkeypatch):
    engine = MAKERS[name](*exported(kind))
    monkeypatch.setattr("janelm.engines.base.CHUNK", 16)
    tokens, more = random_tokens(engine, 2, length), list(range(30))
    ours, count = read_by(engine, monkeypatch, tokens, more, memory)
    with monkeypatch.context() as patch:
        patch.setattr(type(engine), "_reach", Engine._reach)
        whole, everything = read_by(engine, monkeypatch, tokens, more, memory)
    assert (ours == whole).all()
    reach, chunk = (1 if kind == "gpt2" else 2) * (memory or 15) + 1 + (kind == "bigrams"), 16
    assert everything == length and count <= reach + chunk


@pytest.mark.parametrize("bigrams", [0, 5000])
def test_what_lies_within_reach_is_never_passed_over(bigrams, monkeypatch):
    """The first token that has a part in the last one's logits is the reach itself: one more, and it has none."""
    run = random_run(replace(SHAPES["transformer"], layers=3, bigrams=bigrams))
    engine = NativeEngine(run, threads=1)
    monkeypatch.setattr("janelm.engines.base.CHUNK", 1)
    tokens, reach = random_tokens(engine, 1, 60), 3 * 4 + 1 + bool(bigrams)
    said = steps(engine, tokens, [], 4)
    for place, matters in ((60 - reach, True), (60 - reach - 1, False)):
        other = tokens.copy()
        other[0, place] = (other[0, place] + 1) % engine.vocab_size
        with monkeypatch.context() as patch:
            patch.setattr(NativeEngine, "_reach", Engine._reach)
            assert (steps(engine, other, [], 4) != steps(engine, tokens, [], 4)).any() == matters
        assert (steps(engine, other, [], 4) != said).any() == matters


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "native-int8"])
def test_an_lstm_reads_all_of_a_prompt(name, monkeypatch):
    engine = MAKERS[name](*exported("lstm"))
    monkeypatch.setattr("janelm.engines.base.CHUNK", 16)
    assert read_by(engine, monkeypatch, random_tokens(engine, 1, 500), [], None)[1] == 500
