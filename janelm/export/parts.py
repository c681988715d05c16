"""What the graphs of all architectures have in common, and their matrices, which stand beside them until they are asked
for: so they need not be copied."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from onnxscript import OpBuilder
    from onnxscript.ir import Value

Weights = dict[str, np.ndarray]  # arrays by name


class Graph:
    """An architecture as a graph, which onnxscript is told node by node."""

    forward: Callable[..., list[Value]]
    """All inputs to all outputs, in the order of graphs.py."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def states(self) -> dict[str, Any]:
        """What the description says of the states: see graphs.py."""
        raise NotImplementedError

    def arrays(self, weights: Weights) -> Weights:
        """The weights of a run as the graph reads them, by their names there."""
        raise NotImplementedError

    def pair(self, up: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The two narrow matrices of an adapter in the order that the graph has their matrix in."""
        raise NotImplementedError

    def author(self, op: OpBuilder, weights: dict[str, Value], *inputs: Value) -> list[Value]:
        """The same, where `op` makes the nodes and `weights` are the values of `arrays`."""
        self.op, self.weights = op, weights
        return self.forward(*inputs)


def constant(name: str, values: np.ndarray) -> onnx.TensorProto:
    """A constant of the graph; a matrix only by name, type and shape, as if its numbers stood in another file."""
    if not is_matrix(values.shape):
        return numpy_helper.from_array(values, name)
    dtype = helper.np_dtype_to_tensor_dtype(values.dtype)
    tensor = onnx.TensorProto(name=name, dims=values.shape, data_type=dtype, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="beside the graph")
    return tensor


def is_matrix(shape: Sequence[int]) -> bool:
    """Whether the numbers spread over more than one row; a bias has one, whatever axes of size one stand before it."""
    return math.prod(shape[:-1]) > 1


def outside(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """The constants whose numbers stand beside the graph."""
    return [tensor for tensor in model.graph.initializer if tensor.data_location == TensorProto.EXTERNAL]


def join(model: onnx.ModelProto, weights: Weights) -> None:
    """Put the matrices that stand beside the graph into it."""
    for tensor in outside(model):
        tensor.CopyFrom(numpy_helper.from_array(weights[tensor.name], tensor.name))


def part(model: onnx.ModelProto) -> Weights:
    """Take the matrices out of the graph again: they are returned by name."""
    numbers = [tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT]
    matrices = [tensor for tensor in numbers if is_matrix(tensor.dims)]
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in matrices}
    for tensor in matrices:
        tensor.CopyFrom(constant(tensor.name, weights[tensor.name]))
    return weights


def state(name: str, output: str, shape: Sequence[int | str], update: str) -> dict[str, Any]:
    """A state's entry in the description; sizes that are free have a name."""
    return {"name": name, "output": output, "shape": list(shape), "dtype": "float32", "update": update}
