"""A text as documents: where one ends and the next begins, and which are held out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..config import DataConfig
from ..errors import JaneLMError
from .encoded import SHARES
from .sources import Source

TITLE = re.compile(r"<([^<>\t\n]+)>\t")
COMMON = 0.01  # of all documents: what is copied more often is training text
QUICK = 1 << 24  # characters up to which a training takes a closer look at its text
SHINGLE, NEAR = 5, 0.5  # words in a row that are compared, and the share of them from which a document is a near-copy


def settled(config: DataConfig, sources: list[Source]) -> DataConfig:
    """The settings with documents chosen where the text itself is made of such, and nothing else is asked for."""
    made_of_them = config.separator is not None or any(source.documents is not None for source in sources)
    if config.documents or config.running_text or not made_of_them:
        return config
    return replace(config, documents="whole")


def read_documents(sources: list[Source], config: DataConfig) -> list[str]:
    """One document to a line or to a paragraph, or each whole one; titles kept, shortened or dropped."""
    found = [piece.strip("\n ") for source in sources for piece in _pieces(source, config)]
    documents = [piece for piece in found if piece.strip()]
    replacement = {"keep": None, "shorten": r"\1\t", "drop": "\t"}[config.titles]
    if replacement is None:
        return documents
    return [
        TITLE.sub(replacement, document, count=1) if document.startswith("<") else document for document in documents
    ]


def _pieces(source: Source, config: DataConfig) -> list[str]:
    if source.documents is not None:  # a message of several lines, or a cell, is one
        return source.documents
    if config.documents == "lines":
        return source.text.split("\n")
    if config.documents == "paragraphs":
        return re.split(r"\n[ \t]*\n\s*", source.text)
    if config.separator is None:
        return [source.text]
    mark = re.escape(config.separator.strip())
    pieces = re.split(
        rf"^[ \t]*{mark}[ \t]*$", source.text, flags=re.MULTILINE
    )  # where it stands by itself, only there
    return pieces if len(pieces) > 1 else re.split(mark, source.text)


def copies(documents: list[str]) -> list[list[int]]:
    """The numbers of the documents, those together that are the same but for case and white space."""
    groups: dict[str, list[int]] = {}
    for number, document in enumerate(documents):
        groups.setdefault(" ".join(document.split()).casefold(), []).append(number)
    return list(groups.values())


def split_documents(sources: list[Source], config: DataConfig) -> tuple[list[str], list[str], list[str]]:
    """The documents of the text, split by a seeded shuffle; copies of one stand on one side, unless there is hardly
    anything else.

    Raises JaneLMError where they are too few for that.
    """
    documents = read_documents(sources, config)
    if len(documents) < 20:
        raise JaneLMError(
            f"the text has {len(documents)} documents ({config.documents}), too few to hold some out (20 at least): "
            "choose another kind of --documents, or leave it out to train on running text"
        )
    alone = [[number] for number in range(len(documents))]
    parts = _split(documents, copies(documents) if config.rules > 1 else alone, config)
    return parts if parts[1] else _split(documents, alone, config)


def _split(documents: list[str], groups: list[list[int]], config: DataConfig) -> tuple[list[str], list[str], list[str]]:
    """The documents, those of a group (numbers) on one side."""
    first, second = (int(len(documents) * share) for share in SHARES[config.split])
    order = np.random.default_rng(config.split_seed).permutation(len(groups))
    common = [i for i in order if len(groups[i]) > max(1, COMMON * len(documents))]
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    place = 0
    for i in [*common, *(i for i in order if len(groups[i]) <= max(1, COMMON * len(documents)))]:
        parts[(place >= first) + (place >= second)].extend(documents[number] for number in groups[i])
        place += len(groups[i])
    return parts


def describe_copies(parts: Sequence[list[str]]) -> list[str]:
    """Sentences on copies and near-copies in the splits, where there are any."""
    documents = [document for part in parts for document in part]
    groups = copies(documents)
    more, training, said = len(documents) - len(groups), len(parts[0]), []
    both = sum(group[0] < training <= group[-1] for group in groups)  # the training documents come first
    if more:
        where = "stand on both sides, so that the held-out loss tells little" if both else "stay on one side"
        said.append(f"{more:,} of {len(documents):,} documents are copies of others, and {where}")
    near = near_copies(parts[0], documents[training:]) if sum(map(len, documents)) < QUICK and not both else 0
    if near:
        said.append(f"{near:,} of {len(documents) - training:,} held-out documents are near-copies of training ones")
    return said


def near_copies(training: list[str], held_out: list[str]) -> int:
    """How many of the held-out documents have half of their runs of five words, or more, in training documents."""
    wanted: dict[int, list[int]] = {}
    sizes, found = Counter[int](), Counter[int]()
    for number, document in enumerate(held_out):
        for shingle in _shingles(document):
            wanted.setdefault(shingle, []).append(number)
            sizes[number] += 1
    for document in training:
        for shingle in _shingles(document) & wanted.keys():
            found.update(wanted.pop(shingle))
    return sum(found[number] >= NEAR * size for number, size in sizes.items())


def _shingles(document: str) -> set[int]:
    words = re.findall(r"\w+", document.casefold())
    return {hash(tuple(words[i : i + SHINGLE])) for i in range(len(words) - SHINGLE + 1)}
