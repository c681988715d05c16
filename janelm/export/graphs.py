"""A trained model as one ONNX graph that describes itself.

Every architecture becomes the same kind of graph:

    tokens (B, T) int64, states  ->  logits (B, V) float32 of the last token, what the states change by

B and T are free, so one graph reads prompts in chunks and writes token by token. What a state is, and how the host
carries it from step to step, stands as JSON in the model's metadata under the key "janelm":

    name, kind, config, vocab_size, tokenizer, opset, precision
    states     a list of {name, output, shape, dtype, update}; shapes name what is free: "batch", "time", "past"
    ring       only where a state's update is "ring": what the inputs `cosine`, `sine` and `mask` hold
    attention  only where there is attention: for each layer, first to last, the name of a further output

States start as zeros. Update "replace": the output is the next step's input. Update "ring": the state is a ring of
`past` slots, which the host owns, along the axis where its shape says "past". There the output has these tokens alone,
and what it has of the token at absolute position p goes to slot p modulo `past`. A step reads at most `past` tokens.

The attention outputs are the weights (B, H, T, past + T) with which each head of a layer looks at the ring's slots, in
the order of the slots, and then at these T tokens. They are what the graph computes anyway: a step that does not fetch
them costs nothing more.

`tokenizer` is what `Tokenizer.to_json` gives, but byte-pair ranks are one string: the tokens in order, each in base64
without padding, with spaces between.

Shapes: B batch, T time, L layers, D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import onnx
from onnx import helper

from ..config import to_dict
from ..errors import JaneLMError
from ..runs.loaded import LoadedRun
from ..text.tokenizers import Tokenizer, tokenizer_from_json
from .lstm import lstm_graph
from .parts import OPSET, GraphBuilder, Weights, join, outside
from .transformer import transformer_graph

KEY = "janelm"


def export_graph(run: LoadedRun) -> onnx.ModelProto:
    """The model of `run` as a checked ONNX graph with float32 weights; the run itself stays as it is.

    Raises JaneLMError where there is no exporter for the model's architecture.
    """
    model, weights = export_apart(run)
    join(model, weights)
    onnx.checker.check_model(model, full_check=True)
    return model


def export_apart(run: LoadedRun) -> tuple[onnx.ModelProto, Weights]:
    """The same, unchecked and without its matrices, and these by their names in the graph: what `OnnxEngine` runs
    without copying them once more."""
    config = run.config.model
    kind = config.kind
    if kind not in EXPORTERS:
        raise JaneLMError(f"a model of kind {kind} cannot be exported: there are graphs for {', '.join(EXPORTERS)}")
    graph, states = EXPORTERS[kind](config, run.weights)
    model = graph.model(kind)
    model.producer_name, model.producer_version = "janelm", janelm_version()
    write_description(
        model,
        {
            "name": run.name,
            "kind": kind,
            "config": to_dict(config),
            "vocab_size": run.tokenizer.vocab_size,
            "tokenizer": _compact(run.tokenizer),
            "opset": OPSET,
            "precision": "fp32",
        }
        | states,
    )
    return model, {tensor.name: graph.weights[tensor.name] for tensor in outside(model)}


def read_description(model: onnx.ModelProto) -> dict[str, Any]:
    """What `export_graph` wrote about the model. Raises JaneLMError where it is not one of JaneLM's."""
    for entry in model.metadata_props:
        if entry.key == KEY:
            return json.loads(entry.value)
    raise JaneLMError("the graph does not say what it is: take one that JaneLM exported")


def write_description(model: onnx.ModelProto, description: dict[str, Any]) -> None:
    """Replace the model's metadata by `description`."""
    helper.set_model_props(model, {KEY: json.dumps(description, ensure_ascii=False, separators=(",", ":"))})


def read_tokenizer(description: dict[str, Any]) -> Tokenizer:
    """The tokenizer in a graph's description."""
    values = dict(description["tokenizer"])
    if "ranks" in values:
        values["ranks"] = [token + "=" * (-len(token) % 4) for token in values["ranks"].split(" ")]
    return tokenizer_from_json(values)


def _compact(tokenizer: Tokenizer) -> dict[str, Any]:
    """The tokenizer as the description has it."""
    values = tokenizer.to_json()
    if "ranks" in values:
        values["ranks"] = " ".join(token.rstrip("=") for token in values["ranks"])
    return values


def janelm_version() -> str:
    try:
        return version("janelm")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"


EXPORTERS: dict[str, Callable[[Any, Weights], tuple[GraphBuilder, dict[str, Any]]]] = {
    "transformer": transformer_graph,
    "lstm": lstm_graph,
}
