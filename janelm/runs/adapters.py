"""Low-rank adapters as they are kept: of each matrix (R, C) a pair, `up` (R, rank) and `down` (rank, C).

Their product is added to the matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

Pairs = dict[str, tuple[np.ndarray, np.ndarray]]  # by the matrix's name


def write_pairs(path: Path, parts: dict[str, np.ndarray]) -> None:
    """Write `name.up` and `name.down` of each matrix, in half precision."""
    save_file({name: part.astype(np.float16) for name, part in parts.items()}, path)


def read_pairs(path: Path) -> Pairs:
    """What `write_pairs` wrote, float16. Raises exceptions of many kinds where the file is damaged."""
    parts = load_file(path)
    names = dict.fromkeys(name.rpartition(".")[0] for name in parts)
    if set(parts) != {f"{name}.{side}" for name in names for side in ("up", "down")}:
        raise ValueError("it has other arrays than an adapter has")
    return {name: (parts[f"{name}.up"], parts[f"{name}.down"]) for name in names}


def product(up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """What is added: (R, C) float32. Summed in float64, so that the page's sum has the same bits."""
    return (up.astype(np.float64) @ down.astype(np.float64)).astype(np.float32)


def merged(weights: dict[str, np.ndarray], pairs: Pairs) -> dict[str, np.ndarray]:
    """The weights with the products added. Raises KeyError or ValueError where they do not fit."""
    found = dict(weights)
    for name, pair in pairs.items():
        added = product(*pair)
        if added.shape != weights[name].shape:
            raise ValueError(f"{name} is {added.shape} instead of {weights[name].shape}")
        found[name] = weights[name] + added
    return found


def joined(first: Pairs, second: Pairs) -> Pairs:
    """One adapter that adds what two add."""
    found = first | second
    for name in first.keys() & second.keys():
        (up, down), (more_up, more_down) = first[name], second[name]
        found[name] = np.concatenate((up, more_up), 1), np.concatenate((down, more_down))
    return found
