"""The step in C++ against PyTorch's: the same model must say the same, however the text reaches it."""

import platform
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import CONTEXT, SHAPES, VARIANTS, exported, generate_tokens, in_chunks, random_run, random_tokens

from janelm.config import SamplingConfig
from janelm.engines import NativeEngine, OnnxEngine, TorchEngine, choose_engine
from janelm.engines.native_engine import KINDS, SOURCE
from janelm.errors import JaneLMError, UsageError
from janelm.export.graphs import export_graph
from janelm.export.precision import quantise
from janelm.machine import compiler
from janelm.machine.compiler import library
from janelm.writing.generation import generate

pytestmark = pytest.mark.needs("compiler")

SIZES = [1, 1, 9, *[1] * 20, 15, 40, *[1] * 14]  # chunks of a text, far beyond the context


@pytest.fixture(params=["transformer", "lstm", "bigrams"])
def run(request):
    return random_run(VARIANTS[request.param])


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """Nothing is compiled yet, and what is compiled is not made fast: that takes the compiler four times as long."""
    monkeypatch.setenv("JANELM_CACHE", str(tmp_path))
    monkeypatch.setattr(compiler, "FLAGS", [flag for flag in compiler.FLAGS if flag != "-O3"])
    return tmp_path / "compiled"


# What other processors understand, as far as this one understands it too.
INSTRUCTIONS = ["x86-64"] if platform.machine() in ("x86_64", "AMD64") else ["native"]
INSTRUCTIONS += ["x86-64-v3"] if "avx2" in compiler._instructions() else []


def compile_with(monkeypatch, *flags: str) -> None:
    """Instead of for this very processor; and whoever asks for it looks himself whether it comes out right."""
    monkeypatch.setattr(compiler, "TARGETS", [list(flags)])
    monkeypatch.setattr("janelm.engines.native_engine._wrong", lambda made: "")


def compare(run, batch, sizes, memory=None, threads=1):
    tokens = np.random.default_rng(0).integers(0, run.tokenizer.vocab_size, (batch, sum(sizes)))
    ours, theirs = TorchEngine(run.model), NativeEngine(run, threads=threads)
    expected, said = (in_chunks(engine, tokens, sizes, memory) for engine in (ours, theirs))
    np.testing.assert_allclose(said, expected, atol=1e-4)


@pytest.mark.parametrize("memory", [None, 1, 5, CONTEXT - 2])
def test_native_steps_are_the_models(run, memory):
    compare(run, 3, SIZES, memory)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads_and_texts_does(run, threads):
    for batch in (1, 2, 4, 7):
        compare(run, batch, SIZES, threads=threads)


@settings(max_examples=25)
@given(
    width=st.integers(1, 40),
    layers=st.integers(1, 3),
    batch=st.integers(1, 5),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    tied=st.booleans(),
)
def test_widths_that_fill_no_vector_do_too(width, layers, batch, sizes, tied):
    shapes = [replace(SHAPES["lstm"], width=width, layers=layers, tied=tied)]
    shapes += [replace(SHAPES["transformer"], width=2 * width * h, heads=h, layers=layers, tied=tied) for h in (1, 3)]
    for shape in shapes:
        compare(random_run(shape), batch, sizes)


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_a_processor_with_shorter_vectors_says_the_same(run, instructions, monkeypatch):
    compile_with(monkeypatch, f"-march={instructions}")
    compare(run, 7, SIZES)
    expected, small = OnnxEngine(quantise(export_graph(run), "int8-weights")), NativeEngine(run, "int8-weights")
    tokens = random_tokens(small, 5, sum(SIZES))
    np.testing.assert_allclose(in_chunks(small, tokens, SIZES), in_chunks(expected, tokens, SIZES), atol=1e-4)


@pytest.mark.parametrize("precision", NativeEngine.precisions)
def test_a_text_says_the_same_to_the_bit_alone_and_beside_others_at_once_and_in_parts(run, precision):
    engine = NativeEngine(run, precision, threads=2)
    tokens = random_tokens(engine, 7, 60)
    together = in_chunks(engine, tokens, [60])[-1]
    np.testing.assert_array_equal(in_chunks(engine, tokens, [9, *[1] * 30, 21])[-1], together)
    np.testing.assert_array_equal(np.concatenate([in_chunks(engine, row[None], [60])[-1] for row in tokens]), together)
    np.testing.assert_array_equal(in_chunks(NativeEngine(run, precision, threads=1), tokens, [60])[-1], together)


def test_a_compiler_that_rounds_otherwise_in_other_loops_changes_no_bit(run, monkeypatch):
    """g++ 13 tuned for Sapphire Rapids joined a * b + c into one operation here and not there."""
    avoid = "--param=avoid-fma-max-bits=512"
    asked = [*compiler.compiler(), avoid, "-x", "c++", "-fsyntax-only", "/dev/null"]
    if subprocess.run(asked, capture_output=True).returncode:
        avoid = "-ffp-contract=fast"  # clang knows no such tuning
    compile_with(monkeypatch, "-march=native", avoid)
    engine = NativeEngine(run)
    tokens = random_tokens(engine, 7, 60)
    parts, together = in_chunks(engine, tokens, [9, *[1] * 30, 21])[-1], in_chunks(engine, tokens, [60])[-1]
    np.testing.assert_array_equal(parts, together)


def test_the_same_seed_writes_the_same_2000_tokens_as_pytorch(run):
    sampling = SamplingConfig(temperature=0.8, seed=5)
    texts = [generate_tokens(run, "The", 2000, sampling, engine=e) for e in (TorchEngine(run.model), NativeEngine(run))]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("precision", ["int8-weights", "int6-weights"])
def test_small_weights_write_what_the_page_writes(run, precision):
    sampling = SamplingConfig(temperature=0.8, seed=5)
    graph = quantise(export_graph(run), precision)
    engines = [OnnxEngine(graph, threads=1), NativeEngine(run, precision)]
    first, second = (generate_tokens(run, "The", 2000, sampling, engine=engine) for engine in engines)
    assert first == second != generate_tokens(run, "The", 2000, sampling, engine=NativeEngine(run))


def test_native_steps_are_exact_after_a_million_tokens():
    """Rotary angles computed in float32 would be off by a tenth of a radian there."""
    run = random_run(SHAPES["transformer"])
    ours, theirs = TorchEngine(run.model), NativeEngine(run, threads=1)
    tokens, logits = random_tokens(ours, 1, 40), []
    for engine in (ours, theirs):
        state = engine.initial_state(1)
        (state[1] if engine is ours else state).position = 1_000_000
        logits.append(engine.step(tokens, state)[0])
    np.testing.assert_allclose(*logits, atol=1e-4)


def test_a_state_keeps_its_place_and_its_size(run):
    engine = NativeEngine(run, threads=1)
    state = engine.initial_state(2)
    before = [(array.ctypes.data, array.shape) for array in state.arrays]
    for token in random_tokens(engine, 50, 2):
        _, state = engine.step(token[:, None], state)
    assert [(array.ctypes.data, array.shape) for array in state.arrays] == before and state.position == 50


def test_the_weights_are_not_needed_afterwards(run):
    engine, tokens = NativeEngine(run), np.zeros((1, 20), np.int64)
    expected = in_chunks(engine, tokens, [20])
    for weight in run.model.parameters():
        weight.data.zero_()
    np.testing.assert_array_equal(in_chunks(engine, tokens, [20]), expected)


@pytest.mark.parametrize("token", [-1, 10**6])
def test_a_token_that_is_none_is_refused_before_memory_is_read_there(run, token):
    engine = NativeEngine(run)
    with pytest.raises(UsageError, match="a token is not one of the"):
        engine.step(np.array([[token]]), engine.initial_state(1))


def test_a_damaged_model_says_so(run):
    run.model.head.weight.data[3] = np.nan
    with pytest.raises(JaneLMError, match="model"):
        list(generate(run, "The", 20, engine=NativeEngine(run)))


def test_many_engines_leave_no_threads_behind(run):
    tasks = Path("/proc/self/task")
    engine = NativeEngine(run, threads=4)
    before = len(list(tasks.iterdir()))
    for _ in range(5):
        engine = NativeEngine(run, threads=4)
        engine.step(np.zeros((1, 3), np.int64), engine.initial_state(1))
    assert len(list(tasks.iterdir())) == before


def test_the_engine_is_compiled_once(own_cache, monkeypatch):
    run, calls = random_run(SHAPES["lstm"]), []
    call = subprocess.run
    monkeypatch.setattr("subprocess.run", lambda command, **more: calls.append(command) or call(command, **more))
    for _ in range(2):
        NativeEngine(run)
    compiled, checked = calls
    assert "-march=native" in compiled and "janelm.engines.native_check" in checked
    assert {path.suffix for path in own_cache.iterdir()} == {".so", ".txt"}


WRONG = {  # what a compiler may make of the step: other numbers, an illegal instruction
    "off": (
        "sum = multiply_add(value, scale, sum);",
        "sum = multiply_add(value, scale, sum * 1.001f);",
        "off, where rounding",
    ),
    "ends": (
        "const int N = B * T, D = table->columns",
        "__builtin_trap(); const int N = B * T, D = table->columns",
        "signal",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_library_is_never_used_and_is_found_wrong_once(kind, own_cache, tmp_path, monkeypatch):
    right, wrong, reason = WRONG[kind]
    for path in [SOURCE, *SOURCE.parent.glob("*.h")]:
        (tmp_path / path.name).write_text(path.read_text().replace(right, wrong))
    monkeypatch.setattr("janelm.engines.native_engine.SOURCE", tmp_path / SOURCE.name)
    run, said = random_run(SHAPES["transformer"]), []
    with pytest.raises(JaneLMError, match="wrong here"):
        NativeEngine(run, say=said.append)
    assert len(said) == 2 and all(reason in line for line in said)  # for this processor, and for any
    assert isinstance(choose_engine(run, "auto", say=said.append), OnnxEngine) and len(said) == 3
    assert [path.suffix for path in own_cache.iterdir()] == [".txt"]


def test_where_only_the_processors_own_vectors_are_wrong_shorter_ones_write(own_cache, monkeypatch):
    monkeypatch.setattr("janelm.machine.compiler.TARGETS", (["-DBROKEN=1"], []))
    checks = iter(["it computes other numbers", ""])
    monkeypatch.setattr("janelm.engines.native_engine._wrong", lambda made: next(checks))
    run, said = random_run(SHAPES["lstm"]), []
    compare(run, 3, SIZES)
    NativeEngine(run, say=said.append)
    assert not said, "it was compiled again"
    assert "other numbers" in next(own_cache.glob("*.txt")).read_text()


def test_an_architecture_that_is_not_there_in_cpp_is_one_sentence_and_auto_goes_on_without(monkeypatch):
    monkeypatch.delitem(KINDS, "lstm")
    run, said = random_run(SHAPES["lstm"]), []
    with pytest.raises(JaneLMError, match="no model of kind lstm, but transformer"):
        NativeEngine(run)
    assert isinstance(choose_engine(run, "auto", say=said.append), OnnxEngine) and not said


def test_another_source_or_processor_makes_another_library(own_cache, tmp_path, monkeypatch):
    """A cache copied to another machine must not end in an illegal instruction."""
    source = tmp_path / "one.cpp"
    made = partial(library, source, compiler.compiler(), lambda path: "", print)
    source.write_text('extern "C" int one() { return 1; }')
    first = made()
    monkeypatch.setattr("janelm.machine.compiler._instructions", lambda: "another processor's")
    second = made()
    source.write_text('extern "C" int one() { return 2; }')
    third = made()
    source.with_name("beside.h").write_text("// other")
    assert len({first, second, third, made()}) == 4


def test_without_a_compiler_the_native_engine_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(JaneLMError, match=r"engine native needs a C\+\+ compiler: install g\+\+"):
        NativeEngine(random_run(SHAPES["lstm"]))


def test_a_compiler_that_fails_is_one_sentence_and_auto_goes_on_without(own_cache, tmp_path, monkeypatch):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'step.cpp:1: error: no such standard' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    run, said = random_run(SHAPES["lstm"]), []
    with pytest.raises(JaneLMError, match=r"cannot compile step\.cpp .*no such standard"):
        NativeEngine(run)
    assert isinstance(choose_engine(run, "auto", say=said.append), OnnxEngine)
    assert len(said) == 1 and "no such standard" in said[0]
    assert not own_cache.exists() or not list(own_cache.iterdir())


def test_a_library_that_cannot_be_loaded_is_one_sentence(own_cache, monkeypatch):
    monkeypatch.setattr(compiler, "_compile", lambda made_by, flags, source, path: path.write_bytes(b"not a library"))
    monkeypatch.setattr("janelm.engines.native_engine._wrong", lambda made: "")
    with pytest.raises(JaneLMError, match="cannot be loaded"):
        NativeEngine(random_run(SHAPES["lstm"]))


def test_writing_with_the_native_engine_imports_neither_torch_nor_onnx():
    code = "import sys, janelm.engines.native_engine; print({'torch', 'onnx', 'onnxruntime'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_the_graph_and_the_native_step_agree_on_documents():
    run, graph = exported("transformer", "tiktoken")
    theirs, ours = OnnxEngine(graph, threads=1), NativeEngine(run)
    tokens = random_tokens(ours, 2, sum(SIZES))
    np.testing.assert_allclose(in_chunks(theirs, tokens, SIZES), in_chunks(ours, tokens, SIZES), atol=1e-4)
