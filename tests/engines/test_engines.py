"""The engines torch and onnx against each other: the same model must say the same, however the text reaches it."""

import sys

import numpy as np
import onnx
import pytest
import torch
from small import CONTEXT, SHAPES, VARIANTS, exported, in_chunks, random_run, random_tokens

from janelm.engines import AUTHORED, NativeEngine, OnnxEngine, TorchEngine, choose_engine
from janelm.errors import JaneLMError, UsageError
from janelm.export.graphs import EXPORTERS, export_apart, read_description, write_description
from janelm.export.precision import quantise, quantise_apart

BOTH = pytest.mark.parametrize("tokenizer", ["character", "tiktoken"])


@pytest.fixture(params=list(VARIANTS))
def kind(request):
    return request.param


def engines(kind, tokenizer="character", precision="fp32"):
    run, graph = exported(kind, tokenizer)
    graph = graph if precision == "fp32" else quantise(graph, precision)
    return TorchEngine(run.model), OnnxEngine(graph, threads=1)


@BOTH
@pytest.mark.parametrize("length", [1, 2, CONTEXT - 1, CONTEXT, CONTEXT + 1, 100])
def test_engines_agree_on_prompts_of_any_length(kind, tokenizer, length):
    ours, theirs = engines(kind, tokenizer)
    tokens = random_tokens(ours, 3, length)
    np.testing.assert_allclose(in_chunks(theirs, tokens, [length]), in_chunks(ours, tokens, [length]), atol=1e-4)


@BOTH
def test_engines_agree_in_any_chunks_far_beyond_the_context(kind, tokenizer):
    ours, theirs = engines(kind, tokenizer)
    sizes = np.random.default_rng(1).integers(1, 2 * CONTEXT, 40)
    tokens = random_tokens(ours, 2, sizes.sum())
    np.testing.assert_allclose(in_chunks(theirs, tokens, sizes), in_chunks(ours, tokens, sizes), atol=1e-4)


def test_chunks_change_nothing(kind):
    for engine in engines(kind):
        tokens = random_tokens(engine, 1, 60)
        whole, singly = in_chunks(engine, tokens, [60]), in_chunks(engine, tokens, [1] * 60)
        np.testing.assert_allclose(singly[-1], whole[-1], atol=1e-4)


def test_the_torch_engine_is_the_model(kind):
    ours, _ = engines(kind)
    tokens = random_tokens(ours, 2, CONTEXT)
    expected = ours.model(torch.from_numpy(tokens))[0][:, -1].detach().numpy()
    np.testing.assert_allclose(in_chunks(ours, tokens, [CONTEXT])[0], expected, atol=1e-5)


@BOTH
def test_greedy_text_of_500_tokens_is_identical(kind, tokenizer):
    texts = []
    for engine in engines(kind, tokenizer):
        state, token, text = engine.initial_state(1), 1, []
        for _ in range(500):
            logits, state = engine.step(np.array([[token]]), state)
            token = int(logits.argmax())
            text.append(token)
        texts.append(text)
    assert texts[0] == texts[1]


@pytest.mark.parametrize("memory", [1, 5, CONTEXT - 2])
def test_engines_agree_on_a_shorter_memory(kind, memory):
    ours, theirs = engines(kind)
    sizes = [1, 7, 30, 1, 1, 4]
    tokens = random_tokens(ours, 2, sum(sizes))
    short = in_chunks(theirs, tokens, sizes, memory)
    np.testing.assert_allclose(short, in_chunks(ours, tokens, sizes, memory), atol=1e-4)
    forgot = np.abs(short - in_chunks(theirs, tokens, sizes)).max() > 1e-3
    assert forgot == (kind != "lstm")  # an LSTM's memory is its state


def test_more_memory_than_the_model_was_trained_with_changes_nothing(kind):
    for engine in engines(kind):
        tokens = random_tokens(engine, 1, 50)
        np.testing.assert_array_equal(in_chunks(engine, tokens, [50], 1000), in_chunks(engine, tokens, [50]))


def test_a_ring_longer_than_the_memory_changes_nothing():
    """The graph itself keeps to the window, whatever the host gives it."""
    ours, theirs = engines("transformer")
    state = theirs.initial_state(1)
    state.arrays = {n: np.zeros((1, 4, 8, 40) if "keys" in n else (1, 4, 40, 8), np.float32) for n in state.arrays}
    state.slots = np.full(40, -1)
    tokens = random_tokens(ours, 1, 90)
    np.testing.assert_allclose(theirs.step(tokens, state)[0], in_chunks(ours, tokens, [90])[0], atol=1e-4)


def test_slots_may_stand_in_any_order():
    _, engine = engines("transformer")
    tokens = random_tokens(engine, 1, 20)
    logits = []
    for order in (np.arange(15), np.random.default_rng(0).permutation(15)):
        _, state = engine.step(tokens[:, :19], engine.initial_state(1))
        state.arrays = {n: np.take(a, order, 3 if "keys" in n else 2) for n, a in state.arrays.items()}
        state.slots = state.slots[order]
        logits.append(engine.step(tokens[:, 19:], state)[0])
    np.testing.assert_allclose(*logits, atol=1e-5)


def test_engines_agree_after_a_million_tokens():
    """Rotary angles computed in float32 would be off by a tenth of a radian there."""
    ours, theirs = engines("transformer")
    tokens, logits = random_tokens(ours, 1, 40), []
    for engine in (ours, theirs):
        state = engine.initial_state(1)
        if engine is theirs:  # behind it stand 15 tokens, the keys and values of which are zero
            state.slots = np.roll(np.arange(1_000_000 - 15, 1_000_000), 1_000_000 % 15)
        (state[1] if engine is ours else state).position = 1_000_000
        logits.append(engine.step(tokens, state)[0])
    np.testing.assert_allclose(*logits, atol=1e-4)


def test_the_ring_is_allocated_once():
    _, engine = engines("transformer")
    state = engine.initial_state(1)
    before = {name: array.ctypes.data for name, array in state.arrays.items()}
    for token in random_tokens(engine, 50, 1):
        _, state = engine.step(token[None], state)
    assert {name: array.ctypes.data for name, array in state.arrays.items()} == before and state.position == 50


def test_rows_of_a_batch_do_not_see_each_other(kind):
    _, engine = engines(kind)
    tokens = random_tokens(engine, 3, 40)
    together = in_chunks(engine, tokens, [9, 31])
    alone = np.concatenate([in_chunks(engine, row[None], [9, 31]) for row in tokens], axis=1)
    np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize(("precision", "least"), [("fp16", 0.9999), ("int8-weights", 0.98), ("int8", 0.98)])
def test_smaller_graphs_say_nearly_the_same(kind, precision, least):
    ours, theirs = engines(kind, precision=precision)
    sizes = [5, 1, 1, 20, 3, 1]
    tokens = random_tokens(ours, 4, sum(sizes))
    pairs = in_chunks(ours, tokens, sizes).ravel(), in_chunks(theirs, tokens, sizes).ravel()
    assert np.corrcoef(*pairs)[0, 1] > least


def test_a_graph_runs_from_its_file(kind, tmp_path):
    _, graph = exported(kind)
    onnx.save(graph, tmp_path / "model.onnx")
    from_file, direct = OnnxEngine(tmp_path / "model.onnx"), OnnxEngine(graph)
    assert from_file.config == direct.config == exported(kind)[0].model.config
    tokens = random_tokens(direct, 1, 10)
    np.testing.assert_allclose(in_chunks(from_file, tokens, [10]), in_chunks(direct, tokens, [10]), atol=1e-6)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8-weights", "int8"])
def test_matrices_beside_the_graph_are_those_within_and_are_not_needed_afterwards(kind, precision):
    """Else text would be written from memory that belongs to something else by now."""
    run, whole = exported(kind)
    graph, weights = export_apart(run)
    if precision != "fp32":
        whole = quantise(whole, precision)
        quantise_apart(graph, weights, precision)
    assert graph.ByteSize() < 0.6 * whole.ByteSize()
    weights = {name: array.copy() for name, array in weights.items()}
    within, beside = OnnxEngine(whole, threads=1), OnnxEngine(graph, threads=1, weights=weights)
    for array in weights.values():
        array[...] = 0
    tokens = random_tokens(within, 2, 30)
    sizes = [10, 1, 1, 18]
    np.testing.assert_array_equal(in_chunks(beside, tokens, sizes), in_chunks(within, tokens, sizes))


@pytest.mark.parametrize("shape", [(3,), (1, 0), (1, 2, 3)])
def test_tokens_of_another_shape_are_one_clear_sentence(kind, shape):
    for engine in engines(kind):
        with pytest.raises(UsageError, match="tokens have the shape"):
            engine.step(np.zeros(shape, np.int64), engine.initial_state(1))


def test_a_memory_under_one_is_refused(kind):
    for engine in engines(kind):
        with pytest.raises(UsageError, match="memory is 0"):
            engine.initial_state(1, memory=0)


def test_without_onnxruntime_the_error_names_the_extra(monkeypatch):
    _, graph = exported("lstm")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(JaneLMError, match=r'pip install "janelm\[onnx\]"'):
        OnnxEngine(graph)


def test_a_file_that_is_no_graph_or_not_there_is_one_clear_sentence(tmp_path):
    (tmp_path / "text.onnx").write_text("not a graph")
    for name in ("text.onnx", "none.onnx"):
        with pytest.raises(JaneLMError, match=f"{name} is not a graph"):
            OnnxEngine(tmp_path / name)


def test_a_graph_that_does_not_say_what_it_is_is_refused():
    graph = onnx.ModelProto()
    graph.CopyFrom(exported("lstm")[1])
    del graph.metadata_props[:]
    with pytest.raises(JaneLMError, match="does not say what it is"):
        OnnxEngine(graph)


def test_a_graph_that_an_older_version_exported_is_one_clear_sentence():
    """Then positions and slots were inputs."""
    graph = onnx.ModelProto()
    graph.CopyFrom(exported("transformer")[1])
    description = read_description(graph)
    del description["ring"]["inputs"]
    write_description(graph, description)
    with pytest.raises(JaneLMError, match=r"older JaneLM .*lacks inputs.*: export it again"):
        OnnxEngine(graph)


def test_the_torch_engine_leaves_the_model_as_it_was(kind):
    """Its packed linears are its own: the model goes on learning and saving as before."""
    run, _ = exported(kind)
    modules, weights = list(run.model.modules()), {n: w.data_ptr() for n, w in run.model.named_parameters()}
    TorchEngine(run.model)
    assert list(run.model.modules()) == modules
    assert {name: weight.data_ptr() for name, weight in run.model.named_parameters()} == weights


def test_without_onednn_the_torch_engine_writes_the_same(kind, monkeypatch):
    ours, _ = engines(kind)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    plain, _ = engines(kind)
    tokens = random_tokens(ours, 2, 40)
    sizes = [10, 1, 1, 20, 8]
    np.testing.assert_allclose(in_chunks(plain, tokens, sizes), in_chunks(ours, tokens, sizes), atol=1e-4)


@pytest.mark.needs("compiler")
def test_auto_takes_the_fastest_that_is_there_if_no_other_device_is_named(monkeypatch):
    run = random_run(SHAPES["lstm"])
    for device, expected in (("auto", NativeEngine), ("cpu", NativeEngine), ("cuda", TorchEngine)):
        monkeypatch.setattr(run, "device", device)
        assert type(choose_engine(run, "auto")) is expected
    monkeypatch.setattr(run, "device", "cpu")
    for precision, expected in (("int8-weights", NativeEngine), ("int8", OnnxEngine)):
        assert type(choose_engine(run, "auto", precision)) is expected
    monkeypatch.setenv("CXX", "no-such-compiler")
    for precision in ("fp32", "int8-weights"):
        assert type(choose_engine(run, "auto", precision)) is OnnxEngine
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert type(choose_engine(run, "auto")) is TorchEngine


@pytest.mark.parametrize(
    ("kind", "precision", "many"),
    [
        ("transformer", "fp32", 8),
        ("lstm", "fp32", 4),
        ("lstm", "int8-weights", 8),
        ("transformer", "int8-weights", None),
    ],
)
def test_auto_takes_what_is_fastest_for_so_many_texts(kind, precision, many, monkeypatch):
    run, _ = exported(kind)
    assert type(choose_engine(run, "auto", precision, num_samples=(many or 1000) - 1)) is NativeEngine
    expected = OnnxEngine if many else NativeEngine
    assert type(choose_engine(run, "auto", precision, num_samples=many or 1000)) is expected
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert type(choose_engine(run, "auto", precision, num_samples=1000)) is NativeEngine


def test_auto_takes_torch_where_onnxruntime_does_not_work_and_says_so(monkeypatch):
    """An old onnxruntime of another project stood in the way of writing at all."""

    def too_old(*arguments, **more):
        raise RuntimeError("unsupported opset")

    monkeypatch.setattr("onnxruntime.InferenceSession", too_old)
    monkeypatch.setenv("CXX", "no-such-compiler")
    run, said = random_run(SHAPES["lstm"]), []
    assert type(choose_engine(run, "auto", say=said.append)) is TorchEngine
    assert "unsupported opset" in said[0]
    with pytest.raises(JaneLMError, match="unsupported opset"):
        choose_engine(run, "onnx")


@pytest.mark.needs("compiler")
@pytest.mark.parametrize("kind", ["lstm", "gpt2", "bigrams"])  # the last is a transformer, and has all of its steps
def test_compiled_steps_are_the_models(kind, capfd, recwarn):
    """From the first token to far beyond the memory; compiled once, before the first token, and without a word."""
    ours, _ = engines(kind)
    compiled = choose_engine(exported(kind)[0], "torch-compiled")
    compiled.initial_state(2, 9)
    tokens = random_tokens(ours, 2, 70)
    sizes = [1, 1, 9, *[1] * 30, 15, *[1] * 14]
    expected = in_chunks(ours, tokens, sizes, 9)
    with torch._dynamo.config.patch(error_on_recompile=True):
        np.testing.assert_allclose(in_chunks(compiled, tokens, sizes, 9), expected, atol=1e-4)
    seen = [warning for warning in recwarn if warning.category is not DeprecationWarning]  # those are not shown
    assert capfd.readouterr() == ("", "") and not seen


def test_without_a_compiler_compiled_steps_are_refused_in_one_sentence(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(JaneLMError, match="needs a C"):
        choose_engine(random_run(SHAPES["lstm"]), "torch-compiled")


def test_the_engines_know_whose_graphs_are_written_by_hand():
    """By a list of their own, since whoever only writes text does not import the exporters."""
    assert set(EXPORTERS) == AUTHORED
