"""The exported graph: what it promises, what it says about itself, and how small it gets."""

import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from small import SHAPES, VARIANTS, exported, random_run, random_tokens

from janelm.config import MODEL_CONFIGS, from_dict
from janelm.engines import OnnxEngine, TorchEngine
from janelm.errors import JaneLMError, UsageError
from janelm.export.graphs import OPSET, add_probabilities, export_graph, read_description, read_tokenizer
from janelm.export.precision import quantise

LAYERS = 2


@pytest.fixture(params=list(VARIANTS))
def kind(request):
    return request.param


def signature(values):
    dtypes = {TensorProto.INT64: "int64", TensorProto.FLOAT: "float32"}
    return {
        value.name: (
            dtypes[value.type.tensor_type.elem_type],
            [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim],
        )
        for value in values
    }


def operators(model):
    return [node.op_type for node in model.graph.node]


def elements(model, *dtypes):
    """How many numbers the matrices of these types hold; scales are vectors, whatever their shape."""
    tensors = [tensor for tensor in model.graph.initializer if tensor.data_type in dtypes and tensor.dims]
    return sum(int(np.prod(t.dims)) for t in tensors if t.dims[-1] > 1 and np.prod(t.dims[:-1]) > 1)


def matrix_elements(run):
    return sum(parameter.numel() for parameter in run.model.parameters() if parameter.ndim > 1)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8-weights", "int6-weights", "int8"])
def test_the_checker_passes_and_the_opsets_are_those_the_browser_has(kind, precision):
    _, graph = exported(kind)
    graph = graph if precision == "fp32" else quantise(graph, precision)
    onnx.checker.check_model(graph)
    assert {entry.domain: entry.version for entry in graph.opset_import if entry.domain == ""} == {"": OPSET}
    assert {entry.domain for entry in graph.opset_import} <= {"", "com.microsoft"}
    assert "MatMulNBits" not in operators(graph)
    assert graph.producer_name == "janelm" and graph.producer_version
    assert not any(t.external_data for t in graph.graph.initializer)


def test_the_transformers_inputs_and_outputs_are_the_contract():
    run, graph = exported("transformer")
    names = [f"{name}{i}" for i in range(LAYERS) for name in ("keys", "values")]
    old, new = (
        {name: ("float32", ["batch", 4, *((8, axis) if "keys" in name else (axis, 8))]) for name in names}
        for axis in ("past", "time")
    )
    assert signature(graph.graph.input) == {
        "tokens": ("int64", ["batch", "time"]),
        "cosine": ("float32", ["batch", "time", 4]),
        "sine": ("float32", ["batch", "time", 4]),
        "mask": ("float32", ["time", "past + time"]),
        **old,
    }
    assert signature(graph.graph.output) == {
        "logits": ("float32", ["batch", run.model.vocab_size]),
        **{f"new_{name}": value for name, value in new.items()},
        **{f"attention{i}": ("float32", ["batch", 4, "time", "past + time"]) for i in range(LAYERS)},
    }
    assert read_description(graph)["attention"] == [f"attention{i}" for i in range(LAYERS)]


def test_the_lstms_inputs_and_outputs_are_the_contract():
    run, graph = exported("lstm")
    state = ("float32", [LAYERS, "batch", 32])
    assert signature(graph.graph.input) == {"tokens": ("int64", ["batch", "time"]), "hidden": state, "cell": state}
    logits = ("float32", ["batch", run.model.vocab_size])
    assert signature(graph.graph.output) == {"logits": logits, "next_hidden": state, "next_cell": state}


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8-weights", "int6-weights", "int8"])
def test_the_description_is_complete_whatever_the_precision(kind, precision):
    run, graph = exported(kind, "tiktoken")
    graph = graph if precision == "fp32" else quantise(graph, precision)
    description = read_description(graph)
    assert description["precision"] == precision and description["opset"] == OPSET and description["name"] == run.name
    assert (
        description["kind"] == VARIANTS[kind].kind
        and from_dict(MODEL_CONFIGS, description["config"]) == run.model.config
    )
    assert description["vocab_size"] == run.model.vocab_size
    tokenizer = read_tokenizer(description)
    assert tokenizer.encode("The café").tolist() == run.tokenizer.encode("The café").tolist()


def test_every_state_in_the_description_is_an_input_with_its_output(kind):
    _, graph = exported(kind)
    description = read_description(graph)
    inputs, outputs = signature(graph.graph.input), signature(graph.graph.output)
    for state in description["states"]:
        assert inputs[state["name"]] == (state["dtype"], state["shape"])
        assert state["output"] in outputs
        assert state["update"] == ("replace" if kind == "lstm" or state["name"] == "last" else "ring")
    described = {"tokens", *(state["name"] for state in description["states"])}
    if kind != "lstm":
        ring = description["ring"]
        assert ring["memory"] == 15
        if kind == "transformer":
            assert (ring["base"], ring["size"]) == (10_000.0, 8)
        for name, entry in ring["inputs"].items():
            assert inputs[name] == (entry["dtype"], entry["shape"])
            described.add(name)
    assert described == set(inputs)


@pytest.mark.parametrize("tokenizer", ["character", "tiktoken"])
def test_the_vocabulary_is_one_string_in_the_description(tokenizer):
    run, graph = exported("lstm", tokenizer)
    compact = read_description(graph)["tokenizer"]
    assert isinstance(compact["characters" if tokenizer == "character" else "ranks"], str)
    assert read_tokenizer({"tokenizer": compact}).vocabulary == run.tokenizer.vocabulary


def weights_in_torch(model, tokens, monkeypatch):
    """What each layer of the model computes as its attention, (H, T, T), over all of `tokens` at once."""
    seen, softmax = [], torch.nn.functional.softmax
    monkeypatch.setattr(torch.nn.functional, "softmax", lambda *a, **k: seen.append(softmax(*a, **k)) or seen[-1])
    with torch.no_grad():
        model(torch.from_numpy(tokens))
    monkeypatch.undo()
    return [weights[0].numpy() for weights in seen]


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [("fp32", 1e-5), ("fp16", 0.01), ("int8-weights", 0.1), ("int6-weights", 0.3), ("int8", 0.3)],
)
def test_attention_can_be_looked_at_and_is_the_models_own(precision, tolerance, monkeypatch):
    """Beyond the context, in steps of several sizes: a slot's weight is that of the position it holds."""
    run, graph = exported("transformer")
    names = read_description(graph)["attention"]
    engine = OnnxEngine(graph if precision == "fp32" else quantise(graph, precision), threads=1)
    tokens = np.random.default_rng(0).integers(0, engine.vocab_size, (1, 40))
    expected = weights_in_torch(run.model, tokens, monkeypatch)
    state, start = engine.initial_state(1), 0
    for size in (7, 1, 15, 15, 1, 1):
        slots = state.slots.copy()
        positions = np.arange(start, start + size)
        feeds = {"tokens": tokens[:, positions], **engine._where(state, 1, size), **state.arrays}
        found = engine._session.run(names, feeds)
        for layer, weights in enumerate(found):
            held = np.concatenate((slots, positions))
            there = held >= 0
            np.testing.assert_allclose(
                weights[0][:, :, there],
                expected[layer][:, positions][:, :, held[there]],
                atol=tolerance,
            )
            assert np.abs(weights[0][:, :, ~there]).max(initial=0) == 0
        _, state = engine.step(tokens[:, positions], state)
        start += size


def test_tied_weights_are_stored_once_in_every_precision(kind):
    """An embedding that head and lookup each store for themselves would be a fifth of a small model's download."""
    run, graph = exported(kind)
    expected = matrix_elements(run)
    assert elements(graph, TensorProto.FLOAT) == expected
    assert elements(quantise(graph, "fp16"), TensorProto.FLOAT16) == expected
    for precision in ("int8-weights", "int8"):
        assert elements(quantise(graph, precision), TensorProto.INT8) == expected


@pytest.mark.parametrize("precision", ["fp16", "int8-weights", "int6-weights", "int8"])
def test_no_matrix_is_left_at_full_precision(kind, precision):
    assert elements(quantise(exported(kind)[1], precision), TensorProto.FLOAT) == 0


@pytest.mark.parametrize("precision", ["int8-weights", "int8"])
def test_int8_weights_are_about_a_quarter(kind, precision):
    """Weights alone: in files as small as these, the graph outweighs them."""
    _, graph = exported(kind)
    sizes = [
        sum(numpy_helper.to_array(tensor).nbytes for tensor in each.graph.initializer)
        for each in (graph, quantise(graph, precision))
    ]
    assert sizes[1] < 0.33 * sizes[0]


@pytest.mark.parametrize(("precision", "most"), [("int8-weights", 64), ("int8", 64), ("int6-weights", 24)])
def test_int8_weights_keep_to_seven_bits_and_int6_weights_to_six(kind, precision, most):
    """With eight, processors without VNNI overflow and write another text than the browser."""
    small = quantise(exported(kind)[1], precision)
    largest = [
        np.abs(numpy_helper.to_array(tensor).astype(int)).max()
        for tensor in small.graph.initializer
        if tensor.data_type == TensorProto.INT8 and tensor.dims
    ]
    assert len(largest) > LAYERS and max(largest) == most


def test_the_lstm_is_one_operator_to_a_layer_and_int8_reaches_it():
    _, graph = exported("lstm")
    layers = [node for node in graph.graph.node if node.op_type == "LSTM"]
    assert len(layers) == LAYERS and layers[-1].output[0] == ""  # all its steps, which nobody reads
    small = operators(quantise(graph, "int8"))
    assert small.count("DynamicQuantizeLSTM") == LAYERS and "LSTM" not in small and small.count("MatMulInteger") == 1


def test_int8_reaches_every_product_with_weights_in_the_transformer():
    _, graph = exported("transformer")
    small = operators(quantise(graph, "int8"))
    assert small.count("MatMulInteger") == 4 * LAYERS + 1
    assert small.count("MatMul") == 4 * LAYERS  # attention itself, which has no weights


def test_untied_models_export_too(kind):
    run, graph = exported(kind, tied=False)
    assert elements(graph, TensorProto.FLOAT) == matrix_elements(run)
    tokens = run.tokenizer.encode("The miller")[None]
    torch_engine = TorchEngine(run.model)
    expected, _ = torch_engine.step(tokens, torch_engine.initial_state(1))
    for precision, tolerance in (("fp32", 1e-4), ("fp16", 0.05), ("int8-weights", 0.5), ("int8", 0.5)):
        engine = OnnxEngine(graph if precision == "fp32" else quantise(graph, precision), threads=1)
        np.testing.assert_allclose(engine.step(tokens, engine.initial_state(1))[0], expected, atol=tolerance)


def test_a_graph_is_authored_once_for_all_models_of_its_shape(kind, tmp_path, monkeypatch):
    """Importing onnxscript takes as long as all else before the first character that ONNX Runtime writes."""
    monkeypatch.setenv("JANELM_CACHE", str(tmp_path))
    first = export_graph(random_run(VARIANTS[kind]))
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # importing it is an error from now on
    second = export_graph(random_run(VARIANTS[kind], seed=1))
    assert first != second and first.graph.node == second.graph.node
    with pytest.raises(ImportError):
        export_graph(random_run(replace(VARIANTS[kind], layers=1)))


def test_a_kept_graph_that_is_damaged_or_cannot_be_kept_is_authored_again(tmp_path, monkeypatch):
    run = random_run(SHAPES["lstm"])
    monkeypatch.setenv("JANELM_CACHE", str(tmp_path / "cache"))
    expected = export_graph(run)
    (kept,) = tmp_path.glob("cache/graphs/*")
    kept.write_bytes(b"not a graph")
    assert export_graph(run) == expected
    (tmp_path / "file").touch()
    monkeypatch.setenv("JANELM_CACHE", str(tmp_path / "file"))
    assert export_graph(run) == expected


def test_exporting_and_quantising_leave_what_they_are_given_as_it_was():
    run = random_run(SHAPES["lstm"])
    run.model.train()
    before = {name: weight.clone() for name, weight in run.model.state_dict().items()}
    graph = export_graph(run)
    assert run.model.training and all(weight.equal(before[name]) for name, weight in run.model.state_dict().items())
    file = graph.SerializeToString(deterministic=True)
    for precision in ("fp16", "int8-weights", "int8"):
        quantise(graph, precision)
    assert graph.SerializeToString(deterministic=True) == file


@pytest.mark.parametrize("precision", ["int8-weights", "int8"])
def test_a_row_of_zeros_survives_int8(precision):
    """A token that was never trained may have an embedding of zeros: its scale must not become a division by zero."""
    run = random_run(SHAPES["lstm"])
    run.model.embedding.weight.data[3] = 0
    engine = OnnxEngine(quantise(export_graph(run), precision), threads=1)
    logits, _ = engine.step(np.array([[3]]), engine.initial_state(1))
    assert np.isfinite(logits).all()


def test_a_precision_that_does_not_exist_is_one_clear_sentence():
    with pytest.raises(UsageError, match="must be one of fp16, int8-weights, int8"):
        quantise(exported("lstm")[1], "int4")


def test_a_graph_is_quantised_only_once():
    with pytest.raises(JaneLMError, match="already fp16"):
        quantise(quantise(exported("lstm")[1], "fp16"), "int8")


def test_weights_too_large_for_fp16_are_one_clear_sentence():
    run = random_run(SHAPES["lstm"])
    run.model.embedding.weight.data[0, 0] = 1e6
    with pytest.raises(JaneLMError, match="too large for fp16"):
        quantise(export_graph(run), "fp16")


def test_a_graph_from_elsewhere_is_refused():
    graph = onnx.ModelProto()
    graph.CopyFrom(exported("lstm")[1])
    del graph.metadata_props[:]
    with pytest.raises(JaneLMError, match="does not say what it is"):
        quantise(graph, "fp16")


@pytest.mark.parametrize("precision", ["fp32", "int6-weights"])
def test_probabilities_beside_logits_are_their_softmax_and_change_nothing_else(kind, precision):
    import onnxruntime

    _, full = exported(kind)
    graph = onnx.ModelProto.FromString((full if precision == "fp32" else quantise(full, precision)).SerializeToString())
    plain = OnnxEngine(graph)
    add_probabilities(graph)
    onnx.checker.check_model(graph, full_check=True)
    more = OnnxEngine(graph)
    assert [each.name for each in more._session.get_outputs()][-1] == "probabilities"
    tokens = random_tokens(plain, 3, 5)
    expected, _ = plain.step(tokens, plain.initial_state(3))
    found, _ = more.step(tokens, more.initial_state(3))
    np.testing.assert_array_equal(found, expected)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    state = more.initial_state(3)
    feeds = {"tokens": tokens, **state.arrays, **more._where(state, 3, 5)}
    logits, probabilities = session.run(["logits", "probabilities"], feeds)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    np.testing.assert_allclose(probabilities, powers / powers.sum(-1, keepdims=True), atol=1e-6)
