"""Smaller graphs: half the size with fp16 weights, a quarter with int8.

| precision    | weights                                    | computes in                                        |
|--------------|--------------------------------------------|----------------------------------------------------|
| fp32         | as trained                                 | fp32                                               |
| fp16         | matrices rounded to fp16                   | fp32: engines widen the weights once, when loading |
| int8-weights | matrices as int8, one scale to each row or | fp32, likewise                                     |
|              | column                                     |                                                    |
| int6-weights | the same in 6 bits instead of 7, for a     | fp32, likewise                                     |
|              | smaller download where the host packs it   |                                                    |
| int8         | as int8-weights                            | int8 products with activations that are quantised  |
|              |                                            | on the way, sums and all else in fp32              |

int8-weights and int6-weights are for the web page: every engine then says the same, as it does at full precision, and
WebAssembly, which has no instructions for int8 products, is no slower for it. int8 is for processors that have them
(VNNI).

Vectors (biases, scales) stay fp32: they are a thousandth of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..errors import JaneLMError, UsageError
from .graphs import read_description, write_description
from .parts import Weights, constant, join, outside, part
from .rounding import rounded


def quantise(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    """A checked graph with the contract of `model`, which `export_graph` made, and with smaller weights: a `precision`
    of the table above.

    `model` stays as it is. Raises UsageError where `precision` is none of them, and JaneLMError where `model` is not at
    full precision.
    """
    smaller = onnx.ModelProto()
    smaller.CopyFrom(model)
    weights = part(smaller)
    quantise_apart(smaller, weights, precision)
    join(smaller, weights)
    onnx.checker.check_model(smaller)
    return smaller


def quantise_apart(model: onnx.ModelProto, weights: Weights, precision: str) -> None:
    """The same to a graph beside which its matrices stand, as `export_apart` gives them; both are changed."""
    if precision not in PRECISIONS:
        raise UsageError(f"the precision is {precision!r}, but must be one of {', '.join(PRECISIONS)}")
    description = read_description(model)
    if description["precision"] != "fp32":
        raise JaneLMError(f"the graph is already {description['precision']}: quantise the one that export made")
    PRECISIONS[precision](model, weights)
    write_description(model, description | {"precision": precision})


def _fp16(model: onnx.ModelProto, weights: Weights) -> None:
    for place, tensor in enumerate(outside(model)):
        name = tensor.name
        weight = weights.pop(name)
        if np.abs(weight).max() > np.finfo(np.float16).max:
            raise JaneLMError(f"{name} holds weights too large for fp16: the model has gone astray, so train it again")
        _set(weights, tensor, f"{name}_fp16", weight.astype(np.float16))
        model.graph.node.insert(place, helper.make_node("Cast", [f"{name}_fp16"], [name], to=TensorProto.FLOAT))


def _int8_weights(model: onnx.ModelProto, weights: Weights, precision: str = "int8-weights") -> None:
    graph, make = model.graph, helper.make_node
    by_column = {node.input[1] for node in graph.node if node.op_type == "MatMul"}
    for place, tensor in enumerate(outside(model)):
        name = tensor.name
        rows, scale = rounded(weights.pop(name), 0 if name in by_column else -1, precision)
        _set(weights, tensor, f"{name}_int8", rows)
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
        graph.node.insert(2 * place, make("Cast", [f"{name}_int8"], [f"{name}_float"], to=TensorProto.FLOAT))
        graph.node.insert(2 * place + 1, make("Mul", [f"{name}_float", f"{name}_scale"], [name]))


def _set(weights: Weights, tensor: onnx.TensorProto, name: str, values: np.ndarray) -> None:
    """Put another matrix in the place of `tensor`."""
    weights[name] = values
    tensor.CopyFrom(constant(name, values))


def _int8(model: onnx.ModelProto, weights: Weights) -> None:
    """Every product with a matrix of weights in int8.

    A table (V, D) that embedding and head share gets one scale to each token. That is a scale to each row where the
    embedding looks rows up, and to each column where the head multiplies by the transposed table: one serves both.
    """
    graph, uses = model.graph, dict[str, str]()
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node]
    graph.ClearField("node")
    for node in nodes:
        matrices = [name for name in node.input if name in weights]
        uses |= dict.fromkeys(matrices, node.op_type)
        if matrices and node.op_type not in INT8_NODES:
            raise JaneLMError(f"there is no {node.op_type} in int8: take the precision int8-weights")
        graph.node.extend(INT8_NODES[node.op_type](node) if matrices else [node])
    for tensor in outside(model):
        name = tensor.name
        rows, scale = rounded(weights.pop(name), axis=0 if uses[name] == "MatMul" else -1)
        scale = scale.squeeze(0 if uses[name] == "MatMul" else -1)
        if uses[name] == "LSTM":
            rows = rows.transpose(0, 2, 1)  # as DynamicQuantizeLSTM wants it
            graph.initializer.append(numpy_helper.from_array(np.zeros(scale.shape, np.int8), f"{name}_zero"))
        _set(weights, tensor, f"{name}_int8", rows)
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
    graph.initializer.append(numpy_helper.from_array(np.array([-1], np.int64), "last_axis"))
    if "LSTM" in uses.values():
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def _int8_gather(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Rows of the table times their scales."""
    (table, tokens), (output,) = node.input, node.output
    make = helper.make_node
    return [
        make("Gather", [f"{table}_int8", tokens], [f"{output}_int8"]),
        make("Cast", [f"{output}_int8"], [f"{output}_float"], to=TensorProto.FLOAT),
        make("Gather", [f"{table}_scale", tokens], [f"{output}_scale"]),
        make("Unsqueeze", [f"{output}_scale", "last_axis"], [f"{output}_scales"]),
        make("Mul", [f"{output}_float", f"{output}_scales"], [output]),
    ]


def _int8_gemm(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """x @ table.T + bias; engines transpose the table once, when loading."""
    (x, table, *bias), (output,) = node.input, node.output
    product = f"{output}_product" if bias else output
    transpose = helper.make_node("Transpose", [f"{table}_int8"], [f"{table}_columns"], perm=[1, 0])
    nodes = [transpose, *_int8_product(x, f"{table}_columns", f"{table}_scale", product)]
    return [*nodes, helper.make_node("Add", [product, *bias], [output])] if bias else nodes


def _int8_matmul(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    x, weight = node.input
    return _int8_product(x, f"{weight}_int8", f"{weight}_scale", node.output[0])


def _int8_product(x: str, matrix: str, scale: str, output: str) -> list[onnx.NodeProto]:
    """x @ matrix * scale, written so that ONNX Runtime finds it and makes one operator of it."""
    make = helper.make_node
    return [
        make("DynamicQuantizeLinear", [x], [f"{x}_int8", f"{x}_scale", f"{x}_zero"]),
        make("MatMulInteger", [f"{x}_int8", matrix, f"{x}_zero"], [f"{output}_integer"]),
        make("Cast", [f"{output}_integer"], [f"{output}_float"], to=TensorProto.FLOAT),
        make("Mul", [f"{x}_scale", scale], [f"{output}_scale"]),
        make("Mul", [f"{output}_float", f"{output}_scale"], [output]),
    ]


def _int8_lstm(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """ONNX Runtime's own operator, which takes the scale and the zero of each matrix at the end."""
    x, *matrices, bias, lengths, hidden, cell = node.input
    quantised = [f"{name}_int8" for name in matrices]
    scales = [f"{name}_{what}" for name in matrices for what in ("scale", "zero")]
    smaller = helper.make_node(
        "DynamicQuantizeLSTM", [x, *quantised, bias, lengths, hidden, cell, "", *scales], node.output,
        domain="com.microsoft",
    )  # fmt: skip
    smaller.attribute.extend(node.attribute)
    return [smaller]


INT8_NODES: dict[str, Callable[[onnx.NodeProto], list[onnx.NodeProto]]] = {
    "Gather": _int8_gather,
    "Gemm": _int8_gemm,
    "MatMul": _int8_matmul,
    "LSTM": _int8_lstm,
}
PRECISIONS: dict[str, Callable[[onnx.ModelProto, Weights], None]] = {
    "fp16": _fp16,
    "int8-weights": _int8_weights,
    "int8": _int8,
    "int6-weights": partial(_int8_weights, precision="int6-weights"),
}
