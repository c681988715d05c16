"""Running text as one row of tokens: in memory or, where the text is long, in a file that is mapped into memory.

The text is read, cut and encoded block by block, so that nothing of a long text but a few blocks is ever in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..machine.files import cache_folder, write_atomically
from .sources import BETWEEN, LONG, Source, blocks, joined
from .tokenizers import Tokenizer

SPLITS = ("train", "validation", "test")
SHARES = {"90/5/5": (0.9, 0.95), "90/10": (0.9, 1.0)}  # where validation and test begin


class RunningSplits:
    """The sources as one text, cut by its number of characters; each split can be read any number of times."""

    def __init__(self, sources: list[Source], split: str = "90/5/5") -> None:
        self._sources = sources
        self.length = sum(source.length for source in sources) + len(BETWEEN) * max(0, len(sources) - 1)
        self._bounds = [0, *(int(self.length * share) for share in SHARES[split]), self.length]

    def blocks(self, split: str) -> Iterator[str]:
        """The text of a split, in blocks that no token of the whole text reaches across."""
        return blocks(self._pieces(SPLITS.index(split)))

    def _pieces(self, number: int) -> Iterator[str]:
        first, last = self._bounds[number : number + 2]
        place = 0
        for piece in joined(self._sources):
            yield piece[max(0, first - place) : max(0, last - place)]
            place += len(piece)
            if place >= last:
                return

    def digest(self) -> str:
        """Names the text and where it is cut."""
        return f"{text_digest(self._sources)} {self._bounds}"


def text_digest(sources: list[Source]) -> str:
    """SHA-256 of the whole text, its sources joined as running text is."""
    found = hashlib.sha256()
    for piece in joined(sources):
        found.update(piece.encode("utf-8", "surrogatepass"))
    return found.hexdigest()


@dataclass
class Extent:
    """What is known of encoded text besides its tokens."""

    bounds: list[int]  # the places of the first token of each split, and of the end
    bytes: list[int]  # UTF-8 bytes of each split
    unknown_places: list[int]  # of the tokens that stand for a character which the vocabulary lacks
    unknown_bytes: list[int]  # of these characters


class EncodedText:
    """The tokens of the three splits in a row."""

    def __init__(self, splits: RunningSplits, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._dtype = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32
        # Bytes of each token; an unknown character's are known of its place alone.
        self._sizes = np.array([len(token) for token in tokenizer.vocabulary], np.int64)
        if tokenizer.unknown_token is not None:
            self._sizes[tokenizer.unknown_token] = 0
        self.tokens: np.ndarray
        """(T,) uint16, or uint32 for a large vocabulary."""
        self.extent: Extent
        if splits.length > LONG:
            self._keep_on_disk(splits)
        else:
            parts: list[np.ndarray] = []
            self.extent = self._encode(splits, parts.append)
            self.tokens = np.concatenate(parts)
        self._unknown_places = np.array(self.extent.unknown_places, np.int64)
        self._unknown_bytes = np.array(self.extent.unknown_bytes, np.int64)

    def _encode(self, splits: RunningSplits, keep: Callable[[np.ndarray], None]) -> Extent:
        extent = Extent([0], [], [], [])
        unknown = self._tokenizer.unknown_token
        place = 0
        for split in SPLITS:
            size = 0
            for block, tokens in self._tokenizer.encode_blocks(splits.blocks(split)):
                size += int(self._sizes[tokens].sum())
                for index in np.flatnonzero(tokens == unknown).tolist() if unknown is not None else ():
                    extent.unknown_places.append(place + index)
                    extent.unknown_bytes.append(len(block[index].encode("utf-8", "replace")))
                    size += extent.unknown_bytes[-1]
                keep(tokens.astype(self._dtype))
                place += len(tokens)
            extent.bounds.append(place)
            extent.bytes.append(size)
        return extent

    def _keep_on_disk(self, splits: RunningSplits) -> None:
        """Encode into the cache folder, unless the same text, split and tokenizer have been there before."""
        vocabulary = json.dumps(self._tokenizer.to_json())
        name = hashlib.sha256(f"{splits.digest()} {vocabulary}".encode()).hexdigest()
        path = cache_folder() / "tokens" / f"{name}.bin"
        description = path.with_suffix(".json")
        if not (path.exists() and description.exists()):

            def fill(temporary: Path) -> None:
                with open(temporary, "wb") as file:
                    self.extent = self._encode(splits, lambda tokens: tokens.tofile(file))

            write_atomically(path, fill)
            write_atomically(description, json.dumps(asdict(self.extent)))
        self.extent = Extent(**json.loads(description.read_text(encoding="utf-8")))
        self.tokens = np.memmap(path, self._dtype, mode="r")

    def weigh(self, first: int, last: int) -> tuple[int, int]:
        """Bytes and unknown characters of the tokens from place `first` to before `last`."""
        unknown = slice(*np.searchsorted(self._unknown_places, (first, last)))
        size = self._sizes[self.tokens[first:last]].sum() + self._unknown_bytes[unknown].sum()
        return int(size), int(unknown.stop - unknown.start)
