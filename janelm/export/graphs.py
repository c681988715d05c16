"""A trained model as one ONNX graph that describes itself.

Every architecture becomes the same kind of graph:

    tokens (B, T) int64, states  ->  logits (B, V) float32 of the last token, what the states change by

B and T are free, so one graph reads prompts in chunks and writes token by token. What a state is, and how the host
carries it from step to step, stands as JSON in the model's metadata under the key "janelm":

    name, kind, config, vocab_size, tokenizer, opset, precision
    states    a list of {name, output, shape, dtype, update}; shapes name what is free: "batch", "time", "past"
    ring      only where a state's update is "ring": what the inputs `position`, `rotation` and `slots` hold

States start as zeros. Update "replace": the output is the next step's input. Update "ring": the state is a ring of
`past` slots along its fourth axis, which the host owns; the output holds only the new tokens' rows, and the row of the
token at absolute position p goes to slot p modulo `past`. A step reads at most `past` tokens.

Shapes: B batch, T time, L layers, D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from ..architectures import LanguageModel
from ..architectures.lstm import LSTM
from ..architectures.transformer import Transformer, rms_norm
from ..config import to_dict
from ..errors import JaneLMError
from ..runs import LoadedRun

OPSET = 20  # tried in onnxruntime-web 1.20 and 1.30; 23 has RMSNorm as one node, which saves a few per cent of a step
IR_VERSION = 10  # what torch writes, and what engines of opset 20 read
EMPTY = -(2**31)  # the position of a slot that holds nothing: further back than any window
KEY = "janelm"


def export_graph(run: LoadedRun) -> onnx.ModelProto:
    """The model of `run` as a checked ONNX graph with float32 weights; the run itself stays as it is.

    Raises JaneLMError where there is no exporter for the model's architecture.
    """
    kind = run.model.config.kind
    if kind not in EXPORTERS:
        raise JaneLMError(f"a model of kind {kind} cannot be exported: there are graphs for {', '.join(EXPORTERS)}")
    model, state = EXPORTERS[kind](copy.deepcopy(run.model).cpu().float().eval())
    for node in model.graph.node:  # where in the source it came from: of no use to a reader, and as big as a layer
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    model.graph.name = kind
    model.producer_name, model.producer_version = "janelm", _version()
    write_description(
        model,
        {
            "name": run.name,
            "kind": kind,
            "config": to_dict(run.model.config),
            "vocab_size": run.model.vocab_size,
            "tokenizer": run.tokenizer.to_json(),
            "opset": OPSET,
            "precision": "fp32",
        }
        | state,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def read_description(model: onnx.ModelProto) -> dict[str, Any]:
    """What `export_graph` wrote about the model. Raises JaneLMError where it is not one of JaneLM's."""
    for entry in model.metadata_props:
        if entry.key == KEY:
            return json.loads(entry.value)
    raise JaneLMError("the graph does not say what it is: take one that JaneLM exported")


def write_description(model: onnx.ModelProto, description: dict[str, Any]) -> None:
    """Replace the model's metadata by `description`."""
    helper.set_model_props(model, {KEY: json.dumps(description, ensure_ascii=False, separators=(",", ":"))})


@contextmanager
def quietly() -> Iterator[None]:
    """Without the remarks that the exporter and the quantiser address to their own authors."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _version() -> str:
    try:
        return version("janelm")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"


def _lstm(model: LSTM) -> tuple[onnx.ModelProto, dict]:
    """One LSTM node to a layer, its weights ready to be quantised; one embedding, which a tied head reads too.

    Written by hand because torch's exporter leaves the gates to be reordered when the graph runs, where the quantiser
    does not find them.
    """
    config = model.config
    head = "embedding" if config.tied else "head"
    weights = {"embedding": model.embedding.weight, head: model.head.weight, "head_bias": model.head.bias}
    weights |= {"zero": torch.tensor([0]), "one": torch.tensor([1])}
    for i in range(config.layers):
        weights |= {f"{name}{i}": weight for name, weight in _lstm_weights(model.lstm, i).items()}
    value, shape = helper.make_tensor_value_info, [config.layers, "batch", config.width]
    graph = helper.make_graph(
        _lstm_nodes(config.layers, config.width, head),
        config.kind,
        [
            value("tokens", TensorProto.INT64, ["batch", "time"]),
            *(value(name, TensorProto.FLOAT, shape) for name in ("hidden", "cell")),
        ],
        [
            value("logits", TensorProto.FLOAT, ["batch", model.vocab_size]),
            *(value(name, TensorProto.FLOAT, shape) for name in ("next_hidden", "next_cell")),
        ],
        [numpy_helper.from_array(weight.detach().numpy(), name) for name, weight in weights.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    states = [_state(name, f"next_{name}", shape, "replace") for name in ("hidden", "cell")]
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION), {"states": states}


def _lstm_nodes(layers: int, width: int, head: str) -> list[onnx.NodeProto]:
    node, last = helper.make_node, layers - 1
    nodes = [
        node("Transpose", ["tokens"], ["tokens_in_time"], perm=[1, 0]),  # (T, B)
        node("Gather", ["embedding", "tokens_in_time"], ["x0"]),  # (T, B, D)
        node("Split", ["hidden"], [f"hidden{i}" for i in range(layers)], axis=0, num_outputs=layers),  # (1, B, D) each
        node("Split", ["cell"], [f"cell{i}" for i in range(layers)], axis=0, num_outputs=layers),
    ]
    for i in range(layers):
        inputs = [f"x{i}", f"input_weight{i}", f"hidden_weight{i}", f"bias{i}", "", f"hidden{i}", f"cell{i}"]
        outputs = ["" if i == last else f"y{i}", f"next_hidden{i}", f"next_cell{i}"]
        nodes.append(node("LSTM", inputs, outputs, hidden_size=width))
        if i < last:
            nodes.append(node("Squeeze", [f"y{i}", "one"], [f"x{i + 1}"]))  # (T, 1, B, D) -> (T, B, D)
    return [
        *nodes,
        node("Squeeze", [f"next_hidden{last}", "zero"], ["x"]),  # (B, D)
        node("Gemm", ["x", head, "head_bias"], ["logits"], transB=1),
        node("Concat", [f"next_hidden{i}" for i in range(layers)], ["next_hidden"], axis=0),
        node("Concat", [f"next_cell{i}" for i in range(layers)], ["next_cell"], axis=0),
    ]


def _lstm_weights(lstm: nn.LSTM, layer: int) -> dict[str, Tensor]:
    """A layer's weights as ONNX orders them, each with a first axis for the one direction."""

    def ordered(name: str) -> Tensor:
        i, f, g, o = getattr(lstm, f"{name}_l{layer}").chunk(4)  # torch's order of the gates
        return torch.cat((i, o, f, g))[None]  # ONNX's, which calls g c

    return {
        "input_weight": ordered("weight_ih"),  # (1, 4D, D)
        "hidden_weight": ordered("weight_hh"),  # (1, 4D, D)
        "bias": torch.cat((ordered("bias_ih"), ordered("bias_hh")), dim=1),  # (1, 8D)
    }


class _Ring:
    """Stands in for the transformer's own cache: attention sees the host's slots, then the new tokens."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values  # (L, B, H, past, E)
        self.new_keys: list[Tensor] = []
        self.new_values: list[Tensor] = []

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        self.new_keys.append(keys)
        self.new_values.append(values)
        return torch.cat((self.keys[layer], keys), dim=2), torch.cat((self.values[layer], values), dim=2)


class _RingTransformer(nn.Module):
    """The transformer's own parts around a ring of keys and values that the host owns."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, tokens: Tensor, position: Tensor, rotation: Tensor, keys: Tensor, values: Tensor, slots: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """tokens (B, T), position (1), rotation (2, T, E/2), keys and values (L, B, H, past, E), slots (past)
        -> logits (B, V) of the last token, new keys and new values (L, B, H, T, E)."""
        query = position + torch.arange(tokens.size(1))  # (T)
        key = torch.cat((slots, query))  # (past + T)
        window = torch.sym_min(self.model.config.context_length, keys.size(3) + 1)  # a small ring is a short memory
        mask = (key <= query[:, None]) & (key > query[:, None] - window)
        ring = _Ring(keys, values)
        x = rms_norm(self.model.embedding(tokens))
        for layer, block in enumerate(self.model.blocks):
            x = block(x, rotation, mask, layer, ring)
        logits = self.model.head(rms_norm(x[:, -1]))
        return logits, torch.stack(ring.new_keys), torch.stack(ring.new_values)


def _transformer(model: Transformer) -> tuple[onnx.ModelProto, dict]:
    config = model.config
    L, H, E = config.layers, config.heads, config.width // config.heads
    batch, time, past = (torch.export.Dim(name) for name in ("batch", "time", "past"))
    B, T, P = 2, 3, 5  # examples for tracing: none may be 0 or 1, nor equal to another
    cache = torch.zeros(L, B, H, P, E)
    free = {1: batch, 3: past}
    examples = {  # each input, and which of its axes are free
        "tokens": (torch.zeros(B, T, dtype=torch.int64), {0: batch, 1: time}),
        "position": (torch.zeros(1, dtype=torch.int64), None),
        "rotation": (torch.zeros(2, T, E // 2), {1: time}),
        "keys": (cache, free),
        "values": (cache.clone(), free),
        "slots": (torch.zeros(P, dtype=torch.int64), {0: past}),
    }
    with quietly():
        program = torch.onnx.export(
            _RingTransformer(model).eval(),
            tuple(example for example, _ in examples.values()),
            input_names=list(examples),
            output_names=["logits", "new_keys", "new_values"],
            dynamic_shapes=tuple(axes for _, axes in examples.values()),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model_proto = program.model_proto
    model_proto.ir_version = IR_VERSION
    shape = [L, "batch", H, "past", E]
    states = [_state(name, f"new_{name}", shape, "ring") for name in ("keys", "values")]
    return model_proto, {"states": states, "ring": _ring(config.context_length, config.rotary_base, E)}


def _state(name: str, output: str, shape: list[int | str], update: str) -> dict[str, Any]:
    return {"name": name, "output": output, "shape": shape, "dtype": "float32", "update": update}


def _ring(window: int, base: float, size: int) -> dict[str, Any]:
    """What the host must know to own the ring."""
    return {
        "axis": 3,
        "memory": window - 1,
        "position": {"shape": [1], "dtype": "int64", "meaning": "absolute position of the first of these tokens"},
        "rotation": {
            "shape": [2, "time", size // 2],
            "dtype": "float32",
            "base": base,
            "size": size,
            "meaning": "cosines, then sines, of p * base ** (-2 * i / size), in float64 before it is rounded, for the "
            "absolute position p of each token and i from 0 to size / 2 - 1",
        },
        "slots": {
            "shape": ["past"],
            "dtype": "int64",
            "empty": EMPTY,
            "meaning": "absolute position of the token in each slot, or `empty`; `past` is any number from 1: with "
            "`memory` slots the model looks back as far as it was trained to, with fewer less far",
        },
    }


EXPORTERS: dict[str, Callable[[LanguageModel], tuple[onnx.ModelProto, dict]]] = {
    "transformer": _transformer,
    "lstm": _lstm,
}
