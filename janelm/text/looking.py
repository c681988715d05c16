"""What a text is made of, for people who want to see it before they train on it."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..config import DataConfig
from ..errors import JaneLMError, counted
from .documents import QUICK, copies, near_copies, read_documents, settled, split_documents
from .encoded import SPLITS, RunningSplits, text_digest
from .sources import LongSource, Source, blocks, joined
from .tidying import PERSONAL

MANY = 12  # files of which each is told by itself
RARE, SHOWN = 3, 20  # how often at most a rare character occurs, and how many of them are shown
REPEATED = 40  # characters from which a line that training has as well is no chance
BEGINNING = 1 << 14  # characters that are compared before and after cleaning
EXCERPT = 400  # of a place that is shown


@cache
def script(character: str) -> str:
    """The script of a letter by Unicode's name for it; of other characters, their kind."""
    kind = unicodedata.category(character)
    if kind[0] in "LM":
        word = unicodedata.name(character, "OTHER").split(maxsplit=1)[0]
        return {"CJK": "Han", "MODIFIER": "marks", "COMBINING": "marks"}.get(word, word.capitalize())
    kinds = {"N": "digits", "P": "punctuation", "Z": "white space", "S": "signs"}
    return "white space" if character in "\n\t" else kinds.get(kind[0], "other")


def characters(sources: list[Source]) -> Counter[str]:
    """How often each character occurs."""
    found: Counter[str] = Counter()
    for source in sources:
        for piece in source.pieces():
            found.update(piece)
    return found


def scripts(counts: Counter[str]) -> dict[str, int]:
    """Characters by script, the commonest first."""
    found: Counter[str] = Counter()
    for character, count in counts.items():
        found[script(character)] += count
    return dict(found.most_common())


def paragraph(sources: list[Source]) -> str:
    """One paragraph on a text: how long, of which kinds and scripts, and what to think about before it is public."""
    if sum(len(source.text) if not isinstance(source, LongSource) else QUICK for source in sources) >= QUICK:
        return f"the text: {_files(sources)}, read piece by piece; janelm look says more"
    counts = characters(sources)
    total, shares = counts.total(), scripts(counts)
    letters = {name: count for name, count in shares.items() if name[0].isupper()}
    most = ", ".join(f"{count / total:.0%} {name}" for name, count in list(letters.items())[:3])
    rare = sum(count <= RARE for count in counts.values())
    told = (
        f"the text: {_files(sources)}, {total:,} characters, {len(counts):,} different ({rare:,} of them rare); {most}"
    )
    personal = {kind: count for kind, count in personal_data(sources).items() if count >= 3}
    if personal:
        listed = ", ".join(f"{count:,} x {kind}" for kind, count in personal.items())
        told += f"; it may hold personal data ({listed}): --blank_out {' '.join(personal)} takes them out"
    return told


def told(reports: list[list[str]]) -> tuple[list[list[str]], list[str]]:
    """What was done to each of the first files, and to how many of the others, where there are more than a person
    wants to read of."""
    others = Counter(re.sub(r"\d[\d,]*", "...", line) for report in reports[MANY:] for line in report)
    return reports[:MANY], [f"{count:,} x {line}" for line, count in others.most_common(MANY)]


def say_what_was_done(sources: list[Source], say: Callable[[str], None]) -> None:
    """A line for each thing."""
    first, others = told([source.report for source in sources])
    for source, report in zip(sources, first, strict=False):
        for line in report:
            say(f"{source.name}: {line}")
    for line in others:
        say(f"{len(sources) - MANY:,} more: {line}")


def _files(sources: list[Source]) -> str:
    kinds = ", ".join(dict.fromkeys(source.reader for source in sources))
    return f"{counted(len(sources), 'file')} ({kinds})"


def personal_data(sources: list[Source]) -> dict[str, int]:
    """How many e-mail addresses, links, handles and telephone numbers a text seems to have."""
    found = Counter[str]()
    for source in sources:
        for block in blocks(source.pieces()):
            found.update({kind: len(pattern.findall(block)) for kind, pattern in PERSONAL.items()})
    return {kind: count for kind, count in found.items() if count}


def look(sources: list[Source], config: DataConfig) -> dict[str, Any]:
    """All that there is to see, as plain data; under "problem" why none of it can be held out, where that is so."""
    config = settled(config, sources)
    learnt = _without_separators(sources, config) if config.separator else sources
    counts = characters(learnt)
    seen: dict[str, Any] = {
        "files": [
            {
                "name": source.name,
                "kind": source.reader,
                "characters": sum(map(len, source.pieces())),
                "done": source.report,
            }
            for source in sources
        ],
        "text_sha256": text_digest(sources),
        "characters": counts.total(),
        "different": len(counts),
        "scripts": scripts(counts),
        "rare": _rare(learnt, counts),
        "personal": personal_data(sources),
        "authors": sum((Counter(source.authors) for source in sources), Counter()),
    }
    if config.documents:
        _look_at_documents(sources, config, seen)
    else:
        _look_at_running_text(sources, config, seen)
    return seen


def _without_separators(sources: list[Source], config: DataConfig) -> list[Source]:
    """What is between them: they are never learnt."""
    return [Source(source.name, "\n".join(read_documents([source], config))) for source in sources]


def _rare(sources: list[Source], counts: Counter[str]) -> list[dict[str, Any]]:
    """The rarest characters, each with its name and a place where it stands."""
    found = []
    for character, count in sorted(counts.items(), key=lambda item: (item[1], item[0]))[:SHOWN]:
        if count > RARE:
            break
        name = unicodedata.name(character, f"U+{ord(character):04X}")
        found.append({"character": character, "name": name, "count": count, "example": _example(sources, character)})
    return found


def _example(sources: list[Source], character: str) -> str:
    for source in sources:
        for piece in source.pieces():
            place = piece.find(character)
            if place >= 0:
                return " ".join(piece[max(0, place - 20) : place + 20].split())
    return ""


def _look_at_documents(sources: list[Source], config: DataConfig, seen: dict[str, Any]) -> None:
    documents = read_documents(sources, config)
    try:
        pieces = split_documents(sources, config)
    except JaneLMError as error:
        seen["problem"], pieces = str(error), (documents, [], [])
    parts = dict(zip(SPLITS, pieces, strict=True))
    lengths = np.array([len(document) for document in documents])
    seen["documents"] = {
        "kind": config.documents,
        "count": len(documents),
        "lengths": {f"{share}%": int(np.quantile(lengths, share / 100)) for share in (0, 10, 50, 90, 99, 100)},
        "histogram": _histogram(lengths),
        "copies": len(documents) - len(copies(documents)),
        "near_copies_held_out": near_copies(parts["train"], parts["validation"] + parts["test"]),
    }
    seen["split"] = {name: {"documents": len(part), "characters": sum(map(len, part))} for name, part in parts.items()}
    seen["held_out_begins"] = (parts["validation"] or [""])[0][:200]


def _histogram(lengths: np.ndarray) -> list[tuple[int, int]]:
    """How many documents there are up to each length, the lengths doubling."""
    edges, found = [16], []
    while edges[-1] < lengths.max():
        edges.append(2 * edges[-1])
    for low, high in zip([0, *edges], edges, strict=False):
        found.append((high, int(((lengths > low) & (lengths <= high)).sum())))
    return found


def _look_at_running_text(sources: list[Source], config: DataConfig, seen: dict[str, Any]) -> None:
    splits = RunningSplits(sources, config.split)
    parts = {name: sum(map(len, splits.blocks(name))) for name in SPLITS}
    seen["split"] = {name: {"characters": count} for name, count in parts.items()}
    held = [line for name in SPLITS[1:] for block in splits.blocks(name) for line in _lines(block)]
    wanted, again = set(held), set()
    for block in splits.blocks("train"):
        again |= wanted & set(_lines(block))
    repeated = sum(len(line) for line in held if line in again)
    seen["held_out_begins"] = next(iter(splits.blocks("validation")), "")[:200]
    seen["held_out_seen_in_training"] = repeated / max(1, parts["validation"] + parts["test"])


def _lines(block: str) -> list[str]:
    return [line for line in re.split(r"\n+", block) if len(line) >= REPEATED]


def changes(before: list[Source], after: list[Source], most: int = 8) -> list[tuple[str, str]]:
    """Places at the beginning of a text that cleaning has changed: how they were, and what became of them."""
    beginnings = [_beginning(sources) for sources in (before, after)]
    old, new = (text.split("\n") for text in beginnings)
    cut = max(map(len, beginnings)) == BEGINNING
    found: list[tuple[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        only_cut_elsewhere = cut and found and b == len(old) and d == len(new)
        if kind != "equal" and not only_cut_elsewhere:
            found.append(("\n".join(old[a:b])[:EXCERPT], "\n".join(new[c:d])[:EXCERPT]))
    return found[:most]


def _beginning(sources: list[Source]) -> str:
    text = ""
    for piece in joined(sources):
        text += piece
        if len(text) >= BEGINNING:
            break
    return text[:BEGINNING]
