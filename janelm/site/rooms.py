"""What the page's rooms show besides its models: files that are fetched when a room is opened, and not before.

    rooms/figures-<hash>.bin   what `janelm read` says of the text, and the feeling of each of its sentences
    rooms/text-<hash>.bin      the text itself, where it may be published
    rooms/embeddings-<hash>.bin  vectors of its words and names by each model
    rooms/copied-<hash>.bin    an index of the training text's runs of words, if it is asked for
    rooms/learning-<hash>.bin  what each model wrote at each evaluation of its training, and what a loss means

They are packed (gzip), as many hosts pack only what they take for text.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..config import DataConfig
from ..errors import JaneLMError
from ..measuring.yardsticks import equally_likely, splits_of, yardsticks
from ..reading.copied import RUN, copied_index
from ..reading.embeddings import Embedding, embed
from ..reading.keyness import word_table
from ..reading.likeness import likeness
from ..reading.parts import PartedText
from ..reading.report import Report, read_text
from ..reading.surprise import surprise_of
from ..runs.dataset import Texts, same_text
from ..runs.folder import Run, sample_run
from ..text.corpora import CORPORA
from ..text.encoded import text_digest
from .block_sorting import pack_text

Shown = Literal["auto", "text", "figures", "none"]
MOST, LEAST_INDEX = 3_000_000, 250_000  # bytes of all rooms together, and of an index of copied passages at least
LARGEST_TEXT = 8_000_000  # bytes, some two packed: a longer text is left out, and its figures shown
LETTERS = (ord(" "), ord("~"))  # the first and the last that a byte stands for in JSON and a person can see


@dataclass
class Rooms:
    """The files of the rooms by path, and what the manifest says of them."""

    files: dict[str, bytes] = field(default_factory=dict)
    entry: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, content: bytes) -> dict[str, Any]:
        """Keep a file, named after what it holds; returns where it is and how large."""
        path = f"rooms/{name}-{hashlib.sha256(content).hexdigest()[:8]}.bin"
        self.files[path] = content
        return {"path": path, "bytes": len(content)}


def make_rooms(
    runs: list[Run], shown: Shown, say: Callable[[str], None], copied: bool = False, texts: Texts | None = None
) -> Rooms:
    """What the rooms show of the text of the first run: "auto" shows the text itself only where it is a named corpus,
    which everybody may have; of all others figures, frequent words and names."""
    rooms, texts = Rooms(), texts or Texts()
    add_learning(rooms, runs, texts)
    if shown != "none":
        _read(rooms, runs, shown, say, texts)
    if copied:
        add_copied(rooms, runs, say, texts)
    return rooms


def _read(rooms: Rooms, runs: list[Run], shown: Shown, say: Callable[[str], None], texts: Texts) -> None:
    config = runs[0].config()
    public = all(name in CORPORA for name in config.data.data)
    try:
        sources = texts.sources(runs[0])
        if text_digest(sources) != runs[0].facts()["text_sha256"]:
            raise JaneLMError("it is not the one that the model was trained on any more")
        report, parted = read_text(sources)
    except JaneLMError as error:
        say(f"the room Read is left out, because the text cannot be read: {error}")
        return
    whole = shown == "text" or (shown == "auto" and public)
    if whole and (size := len(parted.text.encode())) > LARGEST_TEXT:
        say(f"the text is too long for the page ({size / 1e6:.1f} MB): its room Read shows figures alone")
        whole = False
    elif shown == "auto" and not public:
        say(
            "the room Read shows figures, frequent words and names of your text, and not the text itself: "
            "--read text shows it too, --read none leaves the room out"
        )
    alike = likeness(runs, parted, texts)
    add_reading(rooms, report, parted, whole, surprises(runs, report, parted, whole, texts), alike)
    own = [run for run in runs if run.facts()["text_sha256"] == report["text_sha256"]]
    add_embeddings(rooms, {run.name: embed(run.load(), parted) for run in own})


def surprises(runs: list[Run], report: Report, parted: PartedText, whole: bool, texts: Texts) -> dict[str, Any]:
    """How well each model that was trained on this text expects each part of it; sentences only beside the text."""
    found = {}
    for run in runs:
        if run.facts()["text_sha256"] == report["text_sha256"]:
            told = surprise_of(run.load(), texts.data(run), parted.text, report["sentences"] if whole else [])
            if told:
                found[run.name] = told
    return found


def add_reading(
    rooms: Rooms,
    report: Report,
    parted: PartedText,
    whole: bool,
    surprise: dict[str, Any] | None = None,
    alike: dict[str, Any] | None = None,
) -> None:
    """The room Read: figures and, if it may be shown as a whole, the text."""
    figures = _figures(report, parted, whole) | {"surprise": surprise or {}, "likeness": alike}
    rooms.entry["reading"] = {
        "figures": rooms.add("figures", pack(json.dumps(figures).encode())),
        "text": rooms.add("text", pack_text(parted.text.encode())) if whole else None,
    }


def add_embeddings(rooms: Rooms, found: dict[str, Embedding]) -> None:
    """Vectors of words and names by each model of the text."""
    told = {name: embedding_data(one) for name, one in found.items() if len(one.entries) > 2}
    if told:
        rooms.entry["reading"]["embeddings"] = rooms.add("embeddings", pack(json.dumps(told).encode()))


def add_copied(rooms: Rooms, runs: list[Run], say: Callable[[str], None], texts: Texts) -> None:
    """An index of what each model learned from, by which what it copies is lit up: as large as what the other rooms
    leave of 3 MB lets it be. Raises JaneLMError where the text of a run is not there any more."""
    found, of = {}, dict[str, dict[str, Any]]()
    number = len({run.facts()["text_sha256"] for run in runs})
    most = max(LEAST_INDEX, (MOST - sum(map(len, rooms.files.values()))) // number)
    for run in runs:
        config, digest = run.config(), run.facts()["text_sha256"]
        if digest not in of:
            index = copied_index(splits_of(texts.sources(run), config.data)["train"], most)
            of[digest] = rooms.add("copied", index.filter) | index.described()
            say(
                f"the index of copied passages has {of[digest]['bytes'] / 1e6:.1f} MB, and finds those of "
                f"{RUN + index.stride - 1} words and more: from it a patient reader can "
                "recover the text that the model learned from"
            )
        found[run.name] = of[digest]
    rooms.entry["copied"] = found


def embedding_data(found: Embedding) -> dict[str, Any]:
    """An embedding as the page reads it: a letter for each number of a vector, two bytes for each of the map."""
    pieces = np.stack((found.before, found.after))
    return {
        "entries": [[one.name, one.kind, one.count, one.book, one.form] for one in found.entries],
        "contexts": found.contexts.tolist(),
        "width": found.vectors.shape[1],
        "vectors": _letters(found.vectors),
        "tokens": found.pieces.tolist(),
        "pieces": _letters(pieces),
        "map": base64.b64encode(_whole(found.map, np.iinfo(np.int16).max).astype(np.int16).tobytes()).decode(),
    }


def _letters(values: np.ndarray) -> str:
    """Numbers as letters around the middle one. Letters that are often the same pack better than bytes in base 64."""
    first, last = LETTERS
    most = (last - first) // 2
    return (first + most + _whole(values, most)).astype(np.uint8).tobytes().decode("ascii")


def _whole(values: np.ndarray, most: int) -> np.ndarray:
    """Numbers as whole ones, the largest of them `most`."""
    largest = max(1e-9, float(np.abs(values).max(initial=0)))
    return np.round(values / largest * most)


def add_learning(rooms: Rooms, runs: list[Run], texts: Texts) -> None:
    """How the models learned: nothing where no run kept what it wrote."""
    models = {run.name: samples for run in runs if (samples := run.samples())}
    if models:
        told = {"samples": models, "yardsticks": yardsticks_of([run for run in runs if run.name in models], texts)}
        rooms.entry["learning"] = rooms.add("learning", pack(json.dumps(told).encode()))


def yardsticks_of(runs: list[Run], texts: Texts) -> dict[str, list[tuple[str, float]]]:
    """What a loss on the held-out text of each run means: names, and bits per byte; none where its text is gone."""
    splits, of = dict[DataConfig, dict[str, str]](), dict[DataConfig, list[tuple[str, float]]]()
    found = dict[str, list[tuple[str, float]]]()
    for run in runs:
        config = run.config().data
        try:
            tokenizer = texts.data(run).tokenizer
        except JaneLMError:
            found[run.name] = []
            continue
        if config not in of:
            splits[config] = splits_of(texts.sources(run), config)
            of[config] = yardsticks(splits[config]["train"], splits[config]["validation"])
        found[run.name] = [*equally_likely(splits[config]["validation"], tokenizer), *of[config], *_of_samples(run)]
    return found


def _of_samples(run: Run) -> list[tuple[str, float]]:
    """What the models that come with the package came to, where they had the same text."""
    lines = []
    for kind in ("transformer", "lstm"):
        sample = sample_run(kind)
        if sample and sample.name != run.name and same_text(sample.facts(), run.facts()):
            name = f"the {kind} that comes with JaneLM"
            lines.append((name, sample.results()["losses"]["validation"]["bits_per_byte"]))
    return lines


def pack(content: bytes) -> bytes:
    """Gzip without a time, so that the same export has the same files."""
    return gzip.compress(content, 9, mtime=0)


def _figures(report: Report, parted: PartedText, whole: bool) -> dict[str, Any]:
    """The report as the page reads it: places in UTF-16 units, feelings as bytes; sentences only beside the text."""
    places = Places(parted.text)
    sentences = places.of(report["sentences"])
    books = [_placed(book, places, report["sentences"]) for book in report["books"]]
    kept = {name: report[name] for name in ("language", "english", "words", "common", "phrases", "lexicon")}
    return kept | {
        "characters": places.total,
        "books": books,
        "feelings": base64.b64encode(np.array(report["feelings"], np.int8).tobytes()).decode(),
        "sentences": np.diff(sentences).tolist() if whole else None,
        "table": None if whole else word_table(parted),
    }


def _placed(part: dict[str, Any], places: Places, sentences: list[int]) -> dict[str, Any]:
    begin, end = places.of([part["begin"], part["end"]]).tolist()
    first, last = np.searchsorted(sentences, (part["begin"], part["end"])).tolist()
    inner = {"chapters": [_placed(one, places, sentences) for one in part["chapters"]]} if "chapters" in part else {}
    return part | {"begin": begin, "end": end, "first": first, "last": min(last, len(sentences) - 1)} | inner


class Places:
    """Places of a text as JavaScript counts them: a character beyond U+FFFF is two units."""

    def __init__(self, text: str) -> None:
        beyond = [place for place, character in enumerate(text) if character > "\uffff"] if _is_wide(text) else []
        self._beyond = np.array(beyond, np.int64)
        self.total = len(text) + len(beyond)

    def of(self, places: Iterable[int]) -> np.ndarray:
        found = np.array(list(places), np.int64)
        return found + np.searchsorted(self._beyond, found)


def _is_wide(text: str) -> bool:
    return bool(text) and max(text) > "\uffff"
