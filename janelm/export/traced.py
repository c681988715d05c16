"""A model without a graph of its own, traced by torch's exporter into one under the same contract.

The parts of its state become the graph's states, updated by "replace". Before anything is written, the graph is held
against the model in ONNX Runtime.

Shapes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from ..errors import JaneLMError, named
from .parts import state

if TYPE_CHECKING:
    import torch

    from ..architectures import LanguageModel

STEPS = (3, 1, 1, 4, 1)  # tokens of the steps by which the graph is held against the model
NEAR = 1e-4  # how far apart logits may be, as a share of the largest


def trace(model: LanguageModel, opset: int) -> tuple[onnx.ModelProto, list[dict[str, Any]]]:
    """The graph of a model in evaluation mode on the CPU, and the states of its description.

    Raises JaneLMError where it cannot be traced, says something else than the model, or has a state other than float32
    that starts as zeros.
    """
    import torch

    shapes, first = _shapes(model), _leaves(model.initial_state(2))
    names = [f"state{number}" for number in range(len(shapes))]
    B, T = torch.export.Dim("batch"), torch.export.Dim("time")
    axes = tuple({shape.index("batch"): B} for shape in shapes)
    for recurrent in (torch.ops.aten.gru.input, torch.ops.aten.lstm.input):
        # The exporter puts loops in their place for its time, which torch overlooks where it has met them before.
        recurrent._dispatch_cache.clear()
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                _step_of(model),
                (torch.zeros(2, 3, dtype=torch.long), *first),
                dynamo=True,
                dynamic_shapes=({0: B, 1: T}, axes),
                input_names=["tokens", *names],
                output_names=["logits", *(f"next_{name}" for name in names)],
                opset_version=opset,
            )
    except Exception as error:  # whatever a model of anyone's making meets in torch
        reason = " ".join(str(error.__cause__ or error).split())[:200]
        raise JaneLMError(
            f"{named(model.config.kind)} has no graph of its own, and torch's exporter cannot trace it ({reason})"
        ) from error
    assert program is not None
    graph = _plain(program.model_proto, model)
    _compare(graph, model, names)
    return graph, [state(name, f"next_{name}", shape, "replace") for name, shape in zip(names, shapes, strict=True)]


def _step_of(model: LanguageModel) -> torch.nn.Module:
    """The model as a function of tensors: tokens and the parts of its state to logits and the parts after them."""
    import torch
    from torch.utils._pytree import tree_flatten, tree_unflatten

    _, form = tree_flatten(model.initial_state(2))

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, tokens: torch.Tensor, *parts: torch.Tensor) -> tuple[torch.Tensor, ...]:
            x, after = self.model.features(tokens, tree_unflatten(list(parts), form))
            return (self.model.head(x[:, -1]), *_leaves(after))

    return Step().eval()


def _leaves(state: Any) -> list[Any]:
    from torch.utils._pytree import tree_leaves

    return tree_leaves(state)


def _shapes(model: LanguageModel) -> list[list[int | str]]:
    """The shapes of the state's parts; the axis that follows the number of texts is called "batch"."""
    import torch

    found: list[list[int | str]] = []
    for two, three in zip(_leaves(model.initial_state(2)), _leaves(model.initial_state(3)), strict=True):
        if not isinstance(two, torch.Tensor) or two.dtype != torch.float32 or two.any():
            raise JaneLMError(
                f"the state of {named(model.config.kind)} cannot be exported: a graph's states are tensors of "
                "float32 that start as zeros"
            )
        shape = ["batch" if a != b else a for a, b in zip(two.shape, three.shape, strict=True)]
        if shape.count("batch") != 1:
            raise JaneLMError(f"the state of {named(model.config.kind)} cannot be exported: no axis follows the texts")
        found.append(shape)
    return found


def _plain(graph: onnx.ModelProto, model: LanguageModel) -> onnx.ModelProto:
    """The graph without the exporter's notes."""
    for part in (graph.graph.input, graph.graph.output, graph.graph.node, graph.graph.initializer):
        for one in part:
            one.ClearField("metadata_props")
            one.ClearField("doc_string")
    for node in graph.graph.node:
        node.ClearField("name")
    graph.graph.ClearField("value_info")
    graph.ClearField("metadata_props")
    graph.graph.ClearField("metadata_props")
    graph.graph.name = model.config.kind
    return graph


def _compare(graph: onnx.ModelProto, model: LanguageModel, names: list[str]) -> None:
    """Raise JaneLMError unless ONNX Runtime says of the graph what torch says of the model."""
    import torch

    try:
        import onnxruntime
    except ImportError:
        raise JaneLMError(
            'a traced graph is checked with onnxruntime: install it with pip install "janelm[onnx]"'
        ) from None
    kind = model.config.kind
    tokens = np.random.default_rng(0).integers(0, model.vocab_size, (2, sum(STEPS)))
    states: Any = model.initial_state(2)
    arrays = dict(zip(names, (part.numpy() for part in _leaves(model.initial_state(2))), strict=True))
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
        for start, size in zip(np.cumsum([0, *STEPS]), STEPS, strict=False):
            part = tokens[:, start : start + size]
            with torch.no_grad():
                x, states = model.features(torch.from_numpy(part), states)
                wanted = model.head(x[:, -1]).numpy()
            logits, *after = session.run(None, {"tokens": part, **arrays})
            arrays = dict(zip(names, after, strict=True))
            apart = float(np.abs(logits - wanted).max() / max(1e-9, np.abs(wanted).max()))
            if not apart <= NEAR:
                raise JaneLMError(f"the traced graph of {named(kind)} is {apart:.2g} off the model: it is not written")
    except JaneLMError:
        raise
    except Exception as error:  # onnxruntime's exceptions have no common class of their own
        reason = " ".join(str(error).split())[:200]
        raise JaneLMError(f"ONNX Runtime cannot run the traced graph of a {kind} ({reason})") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What torch's exporter tells of its way is not for whoever exports."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
