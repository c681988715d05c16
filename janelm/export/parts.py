"""What the graphs of all architectures are built from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 23  # the first with RMSNormalization and RotaryEmbedding; run by ONNX Runtime 1.23 and onnxruntime-web 1.30
IR_VERSION = 11  # the one that came with opset 23

Shape = Sequence[int | str]  # sizes that are free have a name
Weights = dict[str, np.ndarray]  # arrays by name


class GraphBuilder:
    """Nodes, inputs, outputs and weights of a graph in the making; results are known by their names.

    Matrices stay beside the graph, which only says which there are: so they need not be copied into it. See `join`.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self.weights: Weights = {}

    def input(self, name: str, shape: Shape, dtype: int = TensorProto.FLOAT) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name: str, shape: Shape) -> None:
        """Give out the result of this name."""
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def weight(self, name: str, values: np.ndarray) -> str:
        """A constant of the graph; the same name again is the same constant."""
        self.weights.setdefault(name, values)
        return name

    def node(self, operator: str, inputs: list[str], outputs: str | list[str], **attributes: Any) -> Any:
        """Add a node, and return the name or the names of its results."""
        names = [outputs] if isinstance(outputs, str) else outputs
        self._nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return outputs

    def model(self, name: str) -> onnx.ModelProto:
        constants = [constant(name, values) for name, values in self.weights.items()]
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


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
    matrices = [tensor for tensor in model.graph.initializer if is_matrix(tensor.dims)]
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in matrices}
    for tensor in matrices:
        tensor.CopyFrom(constant(tensor.name, weights[tensor.name]))
    return weights


def state(name: str, output: str, shape: Shape, update: str) -> dict[str, Any]:
    """A state's entry in the description."""
    return {"name": name, "output": output, "shape": shape, "dtype": "float32", "update": update}
