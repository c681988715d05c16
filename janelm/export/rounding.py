"""Weights as int8, a quarter of the size.

They keep to 7 bits, -64 to 64. With 8, sums of two products overflow 16 bits on processors without VNNI; and 7 bits
pack a seventh smaller, at a cost under 0.001 bits per byte. Those of 6 bits, -24 to 24, lie in as many bytes and pack
smaller by a sixth again: docs/experiments.md says what they cost.
"""

from __future__ import annotations

import numpy as np

LARGEST = {"int8": 64, "int8-weights": 64, "int6-weights": 24}  # of the numbers that stand for weights, by precision


def rounded(weight: np.ndarray, axis: int, precision: str = "int8-weights") -> tuple[np.ndarray, np.ndarray]:
    """A matrix as int8, and the scale (float32, along `axis` of size one) that gives it back about as it was."""
    scale = np.abs(weight).max(axis=axis, keepdims=True) / np.float32(LARGEST[precision])
    scale[scale == 0] = 1
    return np.rint(weight / scale).astype(np.int8), scale


def read_back(weight: np.ndarray, precision: str) -> np.ndarray:
    """A matrix as whoever reads it at this precision widens it: float32."""
    if precision == "fp32":
        return weight
    if precision == "fp16":
        return weight.astype(np.float16).astype(np.float32)
    small, scale = rounded(weight, -1, precision)
    return small * scale
