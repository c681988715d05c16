"""Is it copied? Which passages of a text stand verbatim in the training text, and how much of it does.

The training tokens are kept as a suffix array: the places of the text in the order of what follows them. All places
where some run of tokens stands are then neighbours, an interval of that order, and two intervals of runs that follow
one another can be joined into the interval of the longer run by two binary searches (see `TokenIndex`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ..errors import UsageError

RUN_SIZES = (8, 16, 32)
MOST_TOKENS = 1 << 24  # tokens of a training text that can be indexed: about 80 bytes each while the index is built


class TokenIndex:
    """Finds runs of tokens in the training text. Takes 8 bytes a token, and ten times that while it is built.

    tokens: the training text, integers of shape (T,), any values; it may be empty.

    >>> index = TokenIndex(np.array([5, 6, 7, 5, 6, 8]))
    >>> lengths, places = index.matches(np.array([5, 6, 8, 9]))
    >>> lengths.tolist(), places.tolist()  # 5 6 8 stands at 3, 6 8 at 4, 8 at 5, and 9 nowhere
    ([3, 2, 1, 0], [3, 4, 5, -1])
    """

    def __init__(self, tokens: np.ndarray) -> None:
        self._alphabet, ids = np.unique(_one_row(tokens, "training"), return_inverse=True)
        self._suffixes, self._ranks = suffix_array(ids)
        self._first = np.concatenate([[0], np.cumsum(np.bincount(ids, minlength=len(self._alphabet)))])

    def matches(self, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The longest run at each position of `query` that stands in the training text, and where.

        query: integers of shape (Q,). Returns lengths, int64 (Q,), in tokens, 0 where even the token itself is
        strange; and places, int64 (Q,), one position in the training text where that run starts, -1 for length 0.
        Takes O(Q log Q log T) time whatever the texts repeat, and O(Q log Q) memory.
        """
        query = _one_row(query, "generated")
        levels = self._levels(query)
        lengths = np.zeros(len(query), dtype=np.int64)
        low, high = np.zeros_like(lengths), np.full_like(lengths, len(self._suffixes))
        for level in reversed(range(len(levels))):  # a run's length bit by bit, the highest first
            part_low, part_high = levels[level]
            at = np.flatnonzero(np.arange(len(query)) + lengths + 2**level <= len(query))
            rest = at + lengths[at]
            longer = self._join(low[at], high[at], lengths[at], part_low[rest], part_high[rest])
            found = longer[0] < longer[1]
            low[at[found]], high[at[found]] = longer[0][found], longer[1][found]
            lengths[at[found]] += 2**level
        places = np.full_like(lengths, -1)
        known = lengths > 0
        places[known] = self._suffixes[low[known]]
        return lengths, places

    def _levels(self, query: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Intervals of the runs of 1, 2, 4, ... tokens at each position; empty where a run stands nowhere."""
        low, high = np.zeros(len(query), dtype=np.int64), np.zeros(len(query), dtype=np.int64)
        known = np.isin(query, self._alphabet)
        ids = np.searchsorted(self._alphabet, query[known])
        low[known], high[known] = self._first[ids], self._first[ids + 1]
        levels, size = [], 1
        while (low < high).any():
            levels.append((low, high))
            at = np.arange(max(0, len(query) - 2 * size + 1))
            joined = self._join(low[at], high[at], np.full_like(at, size), low[at + size], high[at + size])
            low, high = np.zeros_like(low), np.zeros_like(high)
            low[at], high[at] = joined
            size *= 2
        return levels

    def _join(
        self, low: np.ndarray, high: np.ndarray, size: np.ndarray, rest_low: np.ndarray, rest_high: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The part of each interval low:high, of a run of `size` tokens, that goes on with a run in rest_low:rest_high.

        Suffixes that begin with the same run are in the order of what comes after it. So the ranks of their rests
        climb, and those that fall into the other interval are found by binary search. All int64 of one shape.
        """
        high = np.where(rest_low < rest_high, high, low)  # nothing to search where there is no such rest
        start = self._search(low, high, size, rest_low)
        return start, self._search(start, high, size, rest_high)

    def _search(self, low: np.ndarray, high: np.ndarray, size: np.ndarray, rank: np.ndarray) -> np.ndarray:
        """The first place in each interval low:high whose rest, `size` tokens on, has at least this rank."""
        low, high = low.copy(), high.copy()
        at = np.flatnonzero(low < high)
        while at.size:
            middle = (low[at] + high[at]) // 2
            below = self._ranks[self._suffixes[middle] + size[at]] < rank[at]
            low[at[below]] = middle[below] + 1
            high[at[~below]] = middle[~below]
            at = at[low[at] < high[at]]
        return low


def suffix_array(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All places of a text in the order of what follows them, by prefix doubling.

    ids: int64 of shape (T,), from 0. Returns suffixes, the places in order, of shape (T,); and ranks, the position of
    each place in that order, of shape (T + 1,), ending with -1 for the empty suffix. Both int32 where that is enough.

    The first round sorts by as many tokens as fit into 63 bits. Each later round knows the order by some number of
    tokens, and so gets that by twice as many: what follows a place is ordered by its own rank and by the rank of the
    place so many tokens on (Manber and Myers 1990). Only places that still tie are sorted again (Larsson and Sadakane
    1999), which in prose are soon few: a slot's rank is the first slot of those it ties with.
    """
    count = len(ids)
    suffixes = np.empty(count, dtype=np.int32 if count < 2**31 - 1 else np.int64)
    ranks = np.full(count + 1, -1, dtype=suffixes.dtype)
    bits = (int(ids.max(initial=0)) + 1).bit_length()
    size = 63 // bits
    keys = np.zeros(count, dtype=np.int64)
    padded = np.concatenate([ids + 1, np.zeros(size, dtype=np.int64)])  # 0 is the end, before every token
    for offset in range(size):
        keys = keys << bits | padded[offset : offset + count]
    slots, places = np.arange(count), np.arange(count)
    while places.size:
        order = np.argsort(keys)
        keys, places = keys[order], places[order]
        first = np.concatenate([[True], keys[1:] != keys[:-1]])
        suffixes[slots] = places
        ranks[places] = np.maximum.accumulate(np.where(first, slots, 0))
        tied = ~(first & np.append(first[1:], True))
        slots, places = slots[tied], places[tied]
        # Ties have `size` whole tokens in common, so that place + size is at most the end.
        keys = ranks[places].astype(np.int64) * (count + 1) + ranks[places + size] + 1
        size *= 2
    return suffixes, ranks


@dataclass(frozen=True)
class Passage:
    """A run of the generated text that stands in the training text. All in tokens."""

    start: int
    """Where it starts in the generated text."""
    length: int
    place: int
    """Where it starts in the training text, there or elsewhere too."""


def longest_passages(lengths: np.ndarray, places: np.ndarray, count: int = 5) -> list[Passage]:
    """The `count` longest passages, longest first and then in reading order; fewer where there are not so many.

    lengths, places: as `TokenIndex.matches` gives them, of shape (Q,). Each passage is maximal: it can be made longer
    on neither side. None overlaps a longer one that is listed.
    """
    lengths = np.asarray(lengths)
    ends = np.arange(len(lengths)) + lengths
    maximal = lengths > 0
    maximal[1:] &= ends[1:] > ends[:-1]  # else the run before it already holds it
    starts = np.flatnonzero(maximal)
    passages: list[Passage] = []
    taken = np.zeros(len(lengths), dtype=bool)
    for start in starts[np.argsort(-lengths[starts], kind="stable")].tolist():
        if len(passages) >= count:
            break
        end = int(ends[start])
        if not (taken[start] or taken[end - 1]):  # the listed ones are no shorter: an overlap covers an end
            taken[start:end] = True
            passages.append(Passage(start, end - start, int(places[start])))
    return passages


def run_shares(texts: list[np.ndarray], sizes: Iterable[int] = RUN_SIZES) -> dict[int, float]:
    """For each size, which share of the texts' runs of so many tokens stands in the training text, from 0 to 1.

    texts: of each the lengths that `TokenIndex.matches` gives, of shape (Q,); it has Q - size + 1 runs. The share is
    0.0 where there is none. Raises UsageError for a size under 1.
    """
    shares = {}
    for size in sizes:
        if size < 1:
            raise UsageError(f"the run size is {size}, but must be at least 1")
        runs = sum(max(0, len(lengths) - size + 1) for lengths in texts)
        shares[size] = sum(int((lengths >= size).sum()) for lengths in texts) / runs if runs else 0.0
    return shares


def report(
    query: np.ndarray,
    lengths: np.ndarray,
    places: np.ndarray,
    decode: Callable[[Iterable[int]], str],
    sizes: Iterable[int] = RUN_SIZES,
    count: int = 5,
    unit: str = "tokens",
) -> str:
    """What was found, for people: the shares of copied runs, then the longest copied passages with their text.

    query: the generated tokens, of shape (Q,); lengths, places: what `TokenIndex.matches` says of them; decode: the
    tokenizer's, tokens to text; unit: what tokens are called, `characters` where that is what they are.
    """
    query = np.asarray(query)
    if not len(query):
        return "The text is empty: there is nothing to compare."
    lines = [f"How much of the text ({len(query):,} {unit}) stands word for word in the training text:"]
    for size, share in run_shares([lengths], sizes).items():
        too_short = " (the text is shorter than that)" if size > len(query) else ""
        percent = " under 0.1%" if 0 < share < 0.001 else f"{share:11.1%}"
        lines.append(f"{percent} of its runs of {size} {unit}{too_short}")
    passages = longest_passages(lengths, places, count)
    if not passages:
        lines.append(f"None of its {unit} occurs there.")
    else:
        lines.append("The longest passages that do:")
    for passage in passages:
        text = decode(query[passage.start : passage.start + passage.length].tolist())
        lines.append(
            f"  {passage.length:,} {unit} at {passage.start:,} (in the training text at {passage.place:,})\n"
            f"      {_shorten(text)}"
        )
    return "\n".join(lines)


def _shorten(text: str, width: int = 120) -> str:
    """On one line, and without its middle where it is long."""
    text = " ".join(text.split())
    half = width // 2 - 1
    return text if len(text) <= width else f"{text[:half].rstrip()} … {text[-half:].lstrip()}"


def _one_row(tokens: np.ndarray, which: str) -> np.ndarray:
    tokens = np.asarray(tokens)
    if tokens.ndim != 1 or (tokens.size and not np.issubdtype(tokens.dtype, np.integer)):
        raise UsageError(
            f"the {which} tokens are {tokens.dtype} of shape {tokens.shape}: give one row of whole numbers, as "
            "Tokenizer.encode returns"
        )
    return tokens.astype(np.int64, copy=False)
