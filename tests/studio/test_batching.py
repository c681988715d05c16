"""Many texts at once with one model: each is what it is alone, and leaves when its time has come."""

from __future__ import annotations

import queue
import random
import threading
import time

import numpy as np
import pytest
from small import random_run

from janelm.config import SamplingConfig
from janelm.engines import TorchEngine
from janelm.errors import JaneLMError
from janelm.studio.batching import Batch, Busy, Order
from janelm.studio.talks import Manner, Talk
from janelm.writing.generation import Limits, generate


@pytest.fixture
def run(shape):
    return random_run(shape)


class Listener:
    """Hears one order to its end."""

    def __init__(self, run, prompt="The", seed=1, tokens=30, n=1, client="", manner=None):
        written = run.tokenizer.encode(prompt).tolist()
        talks = [
            Talk(run.tokenizer, SamplingConfig(seed=seed + i), written, Limits(tokens), manner or Manner())
            for i in range(n)
        ]
        self.heard: queue.Queue = queue.Queue()
        put = self.heard.put
        self.order = Order(talks, run.tokenizer.started(written), put, put, (client, ""))
        self.left = n

    def texts(self) -> list[str]:
        texts = [""] * len(self.order.talks)
        while self.left:
            what = self.heard.get(timeout=60)
            if isinstance(what, Exception):
                raise what
            for number, said in what:
                texts[number] += said.text
                self.left -= bool(said.finish)
        return texts


class Slow(TorchEngine):
    """An engine whose steps take their time."""

    pause = 0.002

    def step_each(self, tokens, states):
        time.sleep(self.pause)
        return super().step_each(tokens, states)


@pytest.fixture
def batch(run):
    made = Batch(Slow(run.model), most=4, most_waiting=6)
    yield made
    made.close()


def test_a_seed_writes_in_company_what_it_writes_alone(run, batch):
    batch.most_waiting = 99
    rng, listeners = random.Random(1), []
    for seed in range(12):
        listeners.append(
            Listener(run, rng.choice(["The", "My aunt", "Nobody forgot the lamp."]), seed, rng.randint(1, 60))
        )
        batch.submit(listeners[-1].order)
        time.sleep(rng.random() / 50)
    for seed, one in enumerate(listeners):
        prompt = run.tokenizer.decode(one.order.context)
        wanted = "".join(generate(run, prompt, one.order.talks[0]._draws, SamplingConfig(seed=seed)))
        assert one.texts() == [wanted]
    assert batch.figures.stepped > batch.figures.steps, "no two were ever written together"


def test_texts_of_one_order_have_seeds_one_after_the_other(run, batch):
    together = Listener(run, seed=5, n=3)
    batch.submit(together.order)
    assert together.texts() == ["".join(generate(run, "The", 30, SamplingConfig(seed=seed))) for seed in (5, 6, 7)]


def test_whoever_finds_no_room_is_told_so_at_once(run, batch):
    taken = []
    with pytest.raises(Busy, match="busy: try again"):
        for _ in range(20):
            taken.append(Listener(run, tokens=200))
            batch.submit(taken[-1].order)
    assert 6 <= len(taken) - 1 <= 12 and batch.figures.turned_away == 1


def test_a_client_that_is_gone_frees_its_place_before_the_next_token(run, batch):
    gone = Listener(run, tokens=100_000, n=4)
    batch.submit(gone.order)
    gone.heard.get(timeout=30)
    next_one = Listener(run, tokens=3)
    batch.submit(next_one.order)
    batch.cancel(gone.order)
    next_one.texts()
    assert batch.writing == 0


def test_one_client_with_many_questions_does_not_keep_another_waiting(run, batch):
    batch.most_waiting, ended = 99, []

    def hear(name, one):
        one.texts()
        ended.append(name)

    many = [Listener(run, tokens=40, client="many") for _ in range(12)]
    threads = [threading.Thread(target=hear, args=("many", one)) for one in many]
    for one in many:
        batch.submit(one.order)
    few = Listener(run, tokens=40, client="few")
    threads.append(threading.Thread(target=hear, args=("few", few)))
    batch.submit(few.order)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ended.index("few") < 9, "it had to wait until all of the other's were done"


def test_at_the_end_those_who_write_finish_and_those_who_wait_are_told(run, batch):
    writing = [Listener(run, tokens=60) for _ in range(4)]
    for one in writing:
        batch.submit(one.order)
        one.heard.put(one.heard.get(timeout=30))
    waiting = Listener(run)
    batch.submit(waiting.order)
    batch.end()
    with pytest.raises(Busy, match="ending"):
        waiting.texts()
    with pytest.raises(Busy, match="ending"):
        batch.submit(Listener(run).order)
    assert all(len(one.texts()[0]) for one in writing)


def test_a_model_with_damaged_weights_fails_its_texts_and_the_thread_lives(run, batch):
    good = Listener(run, tokens=3)
    batch.submit(good.order)
    good.texts()
    step = batch.engine.step_each
    batch.engine.step_each = lambda tokens, states: (step(tokens, states)[0] * np.nan, states)
    bad = Listener(run)
    batch.submit(bad.order)
    with pytest.raises(JaneLMError, match="damaged"):
        bad.texts()
    batch.engine.step_each = step
    again = Listener(run, tokens=3)
    batch.submit(again.order)
    assert again.texts()


def test_penalties_and_biases_change_what_is_drawn(run):
    logits = np.zeros(run.tokenizer.vocab_size, np.float32)
    token = run.tokenizer.encode("a")[0]
    for manner in (Manner(presence_penalty=2.0), Manner(frequency_penalty=2.0)):
        logits[token] = 1.0
        talk = Talk(run.tokenizer, SamplingConfig(temperature=0), [], Limits(9), manner)
        assert talk.advance(logits).token == token != talk.advance(logits).token
    talk = Talk(run.tokenizer, SamplingConfig(temperature=0), [], Limits(9), Manner(logit_bias={int(token): -100}))
    assert talk.advance(logits).token != token
