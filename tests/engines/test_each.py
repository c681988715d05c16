"""Texts that stand at different places, a step of each at once: what continuous batching is made of."""

import numpy as np
import pytest
from small import VARIANTS, in_chunks, random_run, random_tokens

from janelm.engines import NativeEngine, OnnxEngine, TorchEngine
from janelm.engines.native_engine import KINDS
from janelm.export.graphs import export_graph

ENGINES = {
    "torch": lambda run: TorchEngine(run.model),
    "onnx": lambda run: OnnxEngine(export_graph(run), threads=1),
    "native": lambda run: NativeEngine(run, threads=2),
    "native int8": lambda run: NativeEngine(run, "int8-weights", threads=2),
}


NEEDS = {name: pytest.mark.needs("compiler") if "native" in name else () for name in ENGINES}
CASES = [(name, kind) for name in ENGINES for kind in VARIANTS if "native" not in name or VARIANTS[kind].kind in KINDS]


@pytest.fixture(params=[pytest.param(case, marks=NEEDS[case[0]], id="-".join(case)) for case in CASES])
def engine(request):
    name, kind = request.param
    return ENGINES[name](random_run(VARIANTS[kind]))


def test_texts_that_join_and_leave_say_to_the_bit_what_they_say_alone(engine):
    tokens = random_tokens(engine, 4, 60)
    memories, began = (None, 5, None, 1), (0, 3, 11, 30)  # of each text: what it looks back on, when it joins
    alone = [in_chunks(engine, row[None], [1] * 60, memory)[:, 0] for row, memory in zip(tokens, memories, strict=True)]
    states, read, said = {}, [0] * 4, [[] for _ in range(4)]
    for time in range(90):
        for row in range(4):
            if time == began[row]:
                states[row] = engine.initial_state(1, memories[row])
        rows = list(states)
        logits, after = engine.step_each(np.array([tokens[row, read[row]] for row in rows]), list(states.values()))
        for row, one, state in zip(rows, logits, after, strict=True):
            said[row].append(one)
            read[row], states[row] = read[row] + 1, state
            if read[row] == 60:
                del states[row]
        if not states:
            break
    for row in range(4):
        np.testing.assert_array_equal(said[row], alone[row])


def test_a_copied_state_goes_on_by_itself(engine):
    tokens = random_tokens(engine, 1, 40)
    expected = in_chunks(engine, tokens, [20, 20])[-1]
    _, state = engine.step(tokens[:, :20], engine.initial_state(1))
    copied = engine.copied(state)
    engine.step(tokens[:, :7], state)
    np.testing.assert_array_equal(engine.step(tokens[:, 20:], copied)[0], expected)
