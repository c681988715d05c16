"""A trained model as one ONNX graph that describes itself.

Every architecture becomes the same kind of graph:

    tokens (B, T) int64, states  ->  logits (B, V) float32 of the last token, what the states change by

B and T are free, so one graph reads prompts in chunks and writes token by token. What a state is, and how the host
carries it from step to step, stands as JSON in the model's metadata under the key "janelm":

    name, kind, config, vocab_size, tokenizer, prompts, opset, precision
    states     a list of {name, output, shape, dtype, update}; shapes name what is free: "batch", "time", "past"
    ring       only where a state's update is "ring": what the other inputs (`mask`, and `cosine` and `sine` or
               `positions`) hold
    attention  only where there is attention: for each layer, first to last, the name of a further output

States start as zeros. Update "replace": the output is the next step's input. Update "ring": the state is a ring of
`past` slots, which the host owns, along the axis where its shape says "past". There the output has these tokens alone,
and what it has of the token at absolute position p goes to slot p modulo `past`. A step reads at most `past` tokens.

The attention outputs are the weights (B, H, T, past + T) with which each head of a layer looks at the ring's slots, in
the order of the slots, and then at these T tokens. They are what the graph computes anyway: a step that does not fetch
them costs nothing more.

`add_probabilities` gives a graph one more output, "probabilities" (B, V) float32, for programs that want no softmax of
their own; JaneLM reads the logits.

`tokenizer` is what `Tokenizer.to_json` gives, but byte-pair ranks are one string: the tokens in order, each in base64
without padding, with spaces between. `prompts` tells which of the steps that made the training text a prompt takes as
well; graphs made before there were any have none.

Shapes: B batch, T time, L layers, D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import helper

from ..config import to_dict
from ..errors import JaneLMError
from ..machine.files import cache_folder, write_atomically
from ..runs.loaded import LoadedRun
from ..text.tidying import of_prompts
from ..text.tokenizers import Tokenizer, tokenizer_from_json
from ..version import __version__
from .description import KEY, Description, parsed_description
from .gpt2 import GPT2Graph
from .lstm import LSTMGraph
from .parts import Graph, Weights, constant, join, outside, part
from .transformer import TransformerGraph

EXPORTERS: dict[str, type[Graph]] = {"transformer": TransformerGraph, "lstm": LSTMGraph, "gpt2": GPT2Graph}
OPSET = 23  # the first with RMSNormalization and RotaryEmbedding; run by ONNX Runtime 1.23 and onnxruntime-web 1.30
IR_VERSION = 11  # the one that came with opset 23


def export_graph(run: LoadedRun) -> onnx.ModelProto:
    """The model of `run` as a checked ONNX graph with float32 weights; the run itself stays as it is.

    Raises JaneLMError where the model's architecture has no graph of its own and cannot be traced.
    """
    model, weights = export_apart(run)
    join(model, weights)
    onnx.checker.check_model(model, full_check=True)
    return model


def add_probabilities(model: onnx.ModelProto) -> None:
    """Put a softmax behind the logits, whose output "probabilities" stands last."""
    model.graph.node.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1))
    more = onnx.ValueInfoProto()
    more.CopyFrom(next(output for output in model.graph.output if output.name == "logits"))
    more.name = "probabilities"
    model.graph.output.append(more)


def export_apart(run: LoadedRun) -> tuple[onnx.ModelProto, Weights]:
    """The same, unchecked and without its matrices, and these by their names in the graph: what `OnnxEngine` runs
    without copying them once more."""
    model, weights, states = _authored_whole(run) if run.config.model.kind in EXPORTERS else _traced(run)
    model.producer_name, model.producer_version = "janelm", __version__
    write_description(model, describe(run) | states)
    return model, {tensor.name: weights[tensor.name] for tensor in outside(model)}


def describe(run: LoadedRun) -> dict[str, Any]:
    """What a graph of this run says of itself, but for its states."""
    config = run.config.model
    named = {"name": run.name, "kind": config.kind, "config": to_dict(config), "vocab_size": run.tokenizer.vocab_size}
    tokens = {"prompts": of_prompts(run.config.data), "tokenizer": _compact(run.tokenizer)}
    return named | tokens | {"opset": OPSET, "precision": "fp32"}


def _authored_whole(run: LoadedRun) -> tuple[onnx.ModelProto, Weights, dict[str, Any]]:
    """The graph that is written for the architecture, its weights, and what the description says of its states."""
    config, trained, vocab_size = run.config.model, run.weights, run.tokenizer.vocab_size
    graph = EXPORTERS[config.kind](config)
    weights = graph.arrays({name: trained[name] for name in config.weight_shapes(vocab_size)})
    model = _without_weights(graph, vocab_size, {name: array.shape for name, array in weights.items()})
    model.graph.initializer.extend(constant(name, array) for name, array in weights.items())
    return model, weights, graph.states()


def _traced(run: LoadedRun) -> tuple[onnx.ModelProto, Weights, dict[str, Any]]:
    """The same of any other architecture."""
    from .traced import trace

    network = run.model if run.model.device.type == "cpu" else copy.deepcopy(run.model).cpu()
    model, states = trace(network.eval(), OPSET)
    return model, part(model), {"states": states}


def _without_weights(graph: Graph, vocab_size: int, shapes: dict[str, Any]) -> onnx.ModelProto:
    """The graph without its weights, which have these shapes.

    Kept in the cache folder: importing onnxscript takes as long as all else before the first character of a text.
    """
    sources = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))]
    key = hashlib.sha256(repr((graph.config, vocab_size, sources)).encode()).hexdigest()
    path = cache_folder() / "graphs" / f"{graph.config.kind}-{key[:16]}.onnx"
    with contextlib.suppress(OSError, DecodeError):
        return onnx.load(path)
    model = _authored(graph, vocab_size, shapes)
    with contextlib.suppress(JaneLMError):  # where nothing can be kept, it is authored each time
        write_atomically(path, model.SerializeToString())
    return model


def _authored(graph: Graph, vocab_size: int, shapes: dict[str, Any]) -> onnx.ModelProto:
    from onnxscript import build_graph, ir

    def values(shapes: dict[str, Any]) -> list[ir.Value]:
        whole = {name for name, entry in ring.items() if entry["dtype"] == "int64"}
        types = {name: ir.DataType.INT64 if name in whole else ir.DataType.FLOAT for name in shapes}
        return [ir.val(name, types[name], shape) for name, shape in shapes.items()]

    described = graph.states()
    ring, states = described.get("ring", {"inputs": {}})["inputs"], described["states"]
    inputs = {name: ring[name]["shape"] for name in ring} | {state["name"]: state["shape"] for state in states}
    outputs = {"logits": ["batch", vocab_size]}
    outputs |= {s["output"]: ["time" if size == "past" else size for size in s["shape"]] for s in states}
    for name in described.get("attention", []):
        outputs[name] = ["batch", graph.config.heads, "time", "past + time"]
    named = dict(zip(shapes, values(shapes), strict=True))
    built = build_graph(
        lambda op, *inputs: graph.author(op, named, *inputs),
        [ir.val("tokens", ir.DataType.INT64, ["batch", "time"]), *values(inputs)],
        values(outputs),
        opset_imports={"": OPSET},
        name=graph.config.kind,
    )
    model = ir.to_proto(ir.Model(built, ir_version=IR_VERSION))
    model.graph.ClearField("value_info")  # engines find it out by themselves, and quantising changes it
    for node in model.graph.node:
        node.ClearField("name")
        node.ClearField("metadata_props")
    return model


def read_description(model: onnx.ModelProto) -> Description:
    """What `export_graph` wrote about the model. Raises JaneLMError where it is not one of JaneLM's."""
    for entry in model.metadata_props:
        if entry.key == KEY:
            return parsed_description(entry.value, "the graph")
    raise JaneLMError("the graph does not say what it is: take one that JaneLM exported")


def write_description(model: onnx.ModelProto, description: Mapping[str, Any]) -> None:
    """Replace the model's metadata by `description`."""
    helper.set_model_props(model, {KEY: json.dumps(description, ensure_ascii=False, separators=(",", ":"))})


def read_tokenizer(description: Description) -> Tokenizer:
    """The tokenizer in a graph's description."""
    values = dict(description["tokenizer"])
    if isinstance(values.get("ranks"), str):
        values["ranks"] = [token + "=" * (-len(token) % 4) for token in values["ranks"].split(" ")]
    return tokenizer_from_json(values)


def _compact(tokenizer: Tokenizer) -> dict[str, Any]:
    """The tokenizer as the description has it."""
    values = tokenizer.to_json()
    if "ranks" in values:
        values["ranks"] = " ".join(token.rstrip("=") for token in values["ranks"])
    return values
