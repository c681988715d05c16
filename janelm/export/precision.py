"""Smaller graphs: half the size with fp16 weights, a quarter with int8.

| precision    | weights                                    | computes in                                        |
|--------------|--------------------------------------------|----------------------------------------------------|
| fp32         | as trained                                 | fp32                                               |
| fp16         | matrices rounded to fp16                   | fp32: engines widen the weights once, when loading |
| int8-weights | matrices as int8, one scale to each row or | fp32, likewise                                     |
|              | column                                     |                                                    |
| int8         | the same                                   | int8 products with activations that are quantised  |
|              |                                            | on the way, sums and all else in fp32              |

int8-weights is for the web page: every engine then says the same, as it does at full precision, and WebAssembly, which
has no instructions for int8 products, is no slower for it. int8 is for processors that have them (VNNI).

int8 weights keep to 7 bits, -64 to 64. With 8, sums of two products overflow 16 bits on processors without VNNI; and 7
bits pack a seventh smaller, at a cost under 0.001 bits per byte.

Vectors (biases, scales) stay fp32: they are a thousandth of the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..errors import JaneLMError, UsageError
from .graphs import quietly, read_description, write_description

LARGEST = 64  # of the numbers that stand for weights in int8


def quantise(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    """A graph with the contract of `model`, which `export_graph` made, and with smaller weights: a `precision`
    of the table above.

    `model` stays as it is. Raises UsageError where `precision` is none of them, and JaneLMError where `model` is not at
    full precision or onnxruntime, which int8 needs, is missing.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"the precision is {precision!r}, but must be one of {', '.join(PRECISIONS)}")
    description = read_description(model)
    if description["precision"] != "fp32":
        raise JaneLMError(f"the graph is already {description['precision']}: quantise the one that export made")
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    smaller = PRECISIONS[precision](copied)
    smaller.producer_name, smaller.producer_version = model.producer_name, model.producer_version
    del smaller.graph.value_info[:]
    write_description(smaller, description | {"precision": precision})
    onnx.checker.check_model(smaller)
    return smaller


def _fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    graph, casts = model.graph, []
    for tensor in _matrices(graph):
        name = tensor.name
        weight = numpy_helper.to_array(tensor)
        if np.abs(weight).max() > np.finfo(np.float16).max:
            raise JaneLMError(f"{name} holds weights too large for fp16: the model has gone astray, so train it again")
        tensor.CopyFrom(numpy_helper.from_array(weight.astype(np.float16), f"{name}_fp16"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    _replace(graph.node, [*casts, *graph.node])
    return model


def _int8_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    graph, widened = model.graph, []
    by_column = {node.input[1] for node in graph.node if node.op_type == "MatMul"}
    for tensor in _matrices(graph):
        name, make = tensor.name, helper.make_node
        rows, scale = _rounded(numpy_helper.to_array(tensor), axis=0 if name in by_column else -1)
        tensor.CopyFrom(numpy_helper.from_array(rows, f"{name}_int8"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
        widened.append(make("Cast", [f"{name}_int8"], [f"{name}_float"], to=TensorProto.FLOAT))
        widened.append(make("Mul", [f"{name}_float", f"{name}_scale"], [name]))
    _replace(graph.node, [*widened, *graph.node])
    return model


def _rounded(weight: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """A matrix as int8, and the scale (float32, along `axis` of size one) that gives it back about as it was."""
    scale = np.abs(weight).max(axis=axis, keepdims=True) / np.float32(LARGEST)
    scale[scale == 0] = 1
    return np.rint(weight / scale).astype(np.int8), scale


def _int8(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        from onnxruntime.quantization import quantize_dynamic
    except ImportError:
        raise JaneLMError('int8 needs onnxruntime: install it with pip install "janelm[onnx]"') from None
    _quantise_tables(model.graph)
    with tempfile.TemporaryDirectory() as folder, quietly():
        path = Path(folder) / "model.onnx"
        operators = ["MatMul", "LSTM"]
        quantize_dynamic(model, path, op_types_to_quantize=operators, per_channel=True, reduce_range=True)
        return onnx.load(path)


def _quantise_tables(graph: onnx.GraphProto) -> None:
    """Embedding and head, by hand: the quantiser would store a table that they share twice, and with one scale only.

    A table (V, D) becomes int8 with one scale to each token. That is a scale to each row where the embedding looks rows
    up, and to each column where the head multiplies by the transposed table, so one table serves both.
    """
    tables = {tensor.name: tensor for tensor in _matrices(graph)}
    nodes, quantised = [], set()
    for node in graph.node:
        table = {"Gather": 0, "Gemm": 1}.get(node.op_type)
        if table is None or node.input[table] not in tables:
            nodes.append(node)
            continue
        quantised.add(node.input[table])
        nodes += _int8_gather(node) if node.op_type == "Gather" else _int8_gemm(node)
    for name in quantised:
        rows, scale = _rounded(numpy_helper.to_array(tables[name]), axis=1)
        tables[name].CopyFrom(numpy_helper.from_array(rows, f"{name}_int8"))
        graph.initializer.append(numpy_helper.from_array(scale[:, 0], f"{name}_scale"))
    graph.initializer.append(numpy_helper.from_array(np.array([-1]), "last_axis"))
    _replace(graph.node, nodes)


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
    """x @ table.T + bias, as the quantiser writes a product; engines transpose the table once, when loading."""
    (x, table, *bias), (output,) = node.input, node.output
    product = f"{output}_product" if bias else output
    make = helper.make_node
    nodes = [
        make("Transpose", [f"{table}_int8"], [f"{table}_columns"], perm=[1, 0]),
        make("DynamicQuantizeLinear", [x], [f"{x}_int8", f"{x}_scale", f"{x}_zero"]),
        make("MatMulInteger", [f"{x}_int8", f"{table}_columns", f"{x}_zero"], [f"{output}_integer"]),
        make("Cast", [f"{output}_integer"], [f"{output}_float"], to=TensorProto.FLOAT),
        make("Mul", [f"{x}_scale", f"{table}_scale"], [f"{output}_scale"]),
        make("Mul", [f"{output}_float", f"{output}_scale"], [product]),
    ]
    return [*nodes, make("Add", [product, *bias], [output])] if bias else nodes


def _matrices(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    return [t for t in graph.initializer if t.data_type == TensorProto.FLOAT and _rows(t) > 1]


def _rows(tensor: onnx.TensorProto) -> int:
    """Over how many rows the numbers spread: one for a bias, whatever axes of size one stand before it."""
    return int(np.prod(tensor.dims[:-1], dtype=np.int64)) if tensor.dims else 1


def _replace(nodes: object, by: list[onnx.NodeProto]) -> None:
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in by]  # clearing empties the old ones
    del nodes[:]
    nodes.extend(copies)


PRECISIONS: dict[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "fp16": _fp16,
    "int8-weights": _int8_weights,
    "int8": _int8,
}
