"""Where people are named and who with whom, as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np
import regex

from .parts import PartedText

SHOWN = 40  # people of a book
SLICES = 60  # of a book
PARAGRAPH = regex.compile(r"\n[ \t]*\n\s*")


def people_of(parted: PartedText, number: int) -> list[dict[str, Any]]:
    """The people of a book: name, forms, count, mentions in each chapter and in each of 60 equal slices of it, and in
    how many paragraphs each stands with each of the others, by their places in this list."""
    text, book, found = parted.text, parted.books[number], parted.people[number][:SHOWN]
    chapters = np.array([chapter.begin for chapter in book.chapters[1:]], np.int64)
    paragraphs = np.array([match.end() for match in PARAGRAPH.finditer(text, book.begin, book.end)], np.int64)
    places = [np.array(person.places, np.int64) for person in found]
    inside = [set(np.searchsorted(paragraphs, one, side="right").tolist()) for one in places]
    length = max(1, book.end - book.begin)
    return [
        {
            "name": person.name,
            "forms": person.forms,
            "count": person.count,
            "chapters": _counts(np.searchsorted(chapters, one, side="right"), len(book.chapters)),
            "slices": _counts((one - book.begin) * SLICES // length, SLICES),
            "with": [len(mine & theirs) if theirs is not mine else 0 for theirs in inside],
        }
        for person, one, mine in zip(found, places, inside, strict=True)
    ]


def _counts(places: np.ndarray, most: int) -> list[int]:
    return np.bincount(places, minlength=most).tolist() if most else []
