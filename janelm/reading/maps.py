"""Vectors laid out on a plane: by their directions of most variance, or so that near ones stay near."""

from __future__ import annotations

import numpy as np

EXAGGERATED, FACTOR = 0.25, 8.0  # share of the rounds in which near ones are drawn together more strongly, and how much
SLOW, FAST = 0.5, 0.8  # momentum in these rounds, and after them


def directions(vectors: np.ndarray, count: int) -> np.ndarray:
    """The `count` directions in which vectors (N, D) vary most around zero, (D, count) float32: principal components,
    the strongest first, each with its sign such that its largest entry is positive."""
    if not vectors.size:
        return np.zeros((vectors.shape[1], min(count, vectors.shape[1])), np.float32)
    _, found = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    found = found[:, ::-1][:, :count]
    signs = np.sign(found[np.abs(found).argmax(0), np.arange(found.shape[1])])
    return (found * signs).astype(np.float32)


def neighbour_map(vectors: np.ndarray, perplexity: float = 15.0, rounds: int = 300) -> np.ndarray:
    """Places (N, 2) float32 where vectors (N, D) that are near each other stand near each other: t-SNE (van der Maaten
    and Hinton 2008), exact, from a start by principal components, so that the same vectors give the same map.

    It takes N * N numbers of four bytes several times over, and so is for some thousand. Distances between groups mean
    little. A library for it (scikit-learn, umap-learn) would bring SciPy and more: 100 MB for these lines.
    """
    N = len(vectors)
    if N < 5:
        return np.asarray(vectors[:, :2], np.float32) if N and vectors.shape[1] > 1 else np.zeros((N, 2), np.float32)
    near = _affinities(_squared_distances(vectors.astype(np.float32)), min(perplexity, (N - 1) / 3))
    places = (vectors - vectors.mean(0)) @ directions(vectors - vectors.mean(0), 2)
    places = places / max(1e-9, float(places.std())) * 1e-2
    step, gains = np.zeros_like(places), np.ones_like(places)
    rate = max(N / FACTOR / 4, 10.0)  # Belkina et al. 2019
    for number in range(rounds):
        early = number < EXAGGERATED * rounds
        pull = 1 / (1 + _squared_distances(places))
        np.fill_diagonal(pull, 0)
        weights = ((FACTOR if early else 1.0) * near - pull / pull.sum()) * pull
        slope = 4 * (weights.sum(1)[:, None] * places - weights @ places)
        gains = np.clip(np.where(np.sign(slope) == np.sign(step), gains * 0.8, gains + 0.2), 0.01, None)
        step = (SLOW if early else FAST) * step - rate * gains * slope
        places = places + step
        places -= places.mean(0)
    return places.astype(np.float32)


def _squared_distances(points: np.ndarray) -> np.ndarray:
    norms = (points * points).sum(1)
    return np.maximum(norms[:, None] + norms - 2 * points @ points.T, 0)


def _affinities(distances: np.ndarray, perplexity: float) -> np.ndarray:
    """How near each is to each, both ways, summing to 1 (N, N): a bell around each that is as wide as it takes for it
    to have so many neighbours, found by halving."""
    N, wanted = len(distances), np.log(perplexity)
    scaled = distances / max(1e-12, float(distances.mean()))
    np.fill_diagonal(scaled, np.inf)
    low, high = np.full(N, -10.0, np.float32), np.full(N, 20.0, np.float32)  # of the logarithm of each bell's sharpness
    least = scaled.min(1, keepdims=True)
    finite = np.where(np.isinf(scaled), 0, scaled)
    for _ in range(30):
        middle = (low + high) / 2
        sharpness = np.exp(middle)[:, None]
        shares = np.exp(-sharpness * (scaled - least))
        total = shares.sum(1)
        entropy = np.log(total) + (sharpness * (finite - least) * shares).sum(1) / total
        low, high = np.where(entropy > wanted, middle, low), np.where(entropy > wanted, high, middle)
    shares /= total[:, None]
    return ((shares + shares.T) / (2 * N)).astype(np.float32)
