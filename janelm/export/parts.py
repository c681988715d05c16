"""What the graphs of all architectures are built from."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

OPSET = 23  # the first with RMSNormalization and RotaryEmbedding; run by ONNX Runtime 1.23 and onnxruntime-web 1.30
IR_VERSION = 11  # the one that came with opset 23

Shape = list[int | str]  # sizes that are free have a name


class GraphBuilder:
    """Nodes, inputs, outputs and weights of a graph in the making; results are known by their names."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}

    def input(self, name: str, shape: Shape, dtype: int = TensorProto.FLOAT) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name: str, shape: Shape) -> None:
        """Give out the result of this name."""
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def weight(self, name: str, values: Tensor) -> str:
        """A constant of the graph; the same name again is the same constant."""
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(values.detach().contiguous().numpy(), name)
        return name

    def node(self, operator: str, inputs: list[str], outputs: str | list[str], **attributes: Any) -> Any:
        """Add a node, and return the name or the names of its results."""
        names = [outputs] if isinstance(outputs, str) else outputs
        self._nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return outputs

    def model(self, name: str) -> onnx.ModelProto:
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, list(self._weights.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def state(name: str, output: str, shape: Shape, update: str) -> dict[str, Any]:
    """A state's entry in the description."""
    return {"name": name, "output": output, "shape": shape, "dtype": "float32", "update": update}
