"""Glyphs at their places on a page, as lines of text: words apart, and letters in the order in which they are read.

A page that is written from right to left, such as one in Hebrew or Arabic, holds its letters in the order in which
they stand, from left to right, and in the shapes that they have there. Numbers and Latin words stand as they are read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from .layout import Line

OVERLAP = 0.5  # of the smaller of two glyphs: so much of their heights they share on one line
REACH, NARROW = 2.0, 0.3  # widths of a glyph to the next one on a line; the least width, in heights
BLANK = 0.1  # widths or heights between two words
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
THIRD = 3  # a line with at least one such letter in so many is written from right to left
SHAPES = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]")  # ligatures, and letters as they stand within a word
MIRRORED = str.maketrans("()[]{}<>«»‹›", ")(][}{><»«›‹")
# Read backwards: Latin words with all between them, or a number with its signs.
FORWARD = re.compile(r"[LE][LEN]*L|L|T*E(?:N?E)*T*")


class Glyph(NamedTuple):
    """A letter, or several that are drawn as one, from x0 to x1; its bottom and its top, which grows upwards."""

    text: str
    x0: float
    x1: float
    bottom: float
    top: float


def lines(glyphs: Iterable[Glyph]) -> list[Line]:
    """The lines that glyphs make up, which come in the order in which a page draws them."""
    found: list[list[Glyph]] = []
    before = None
    for glyph in glyphs:
        if before is not None and _goes_on(before, glyph):
            found[-1].append(glyph)
        else:
            found.append([glyph])
        before = glyph
    made = (_line(row) for row in found)
    return [line for line in made if line.text]


def _goes_on(before: Glyph, glyph: Glyph) -> bool:
    """Whether a glyph stands on one line with the one before, and near it on either side."""
    _, x0, x1, bottom, top = glyph
    _, its_x0, its_x1, its_bottom, its_top = before
    height, its_height = top - bottom, its_top - its_bottom
    shared = (top if top < its_top else its_top) - (bottom if bottom > its_bottom else its_bottom)
    if shared <= OVERLAP * (height if height < its_height else its_height):
        return False
    apart = x0 - its_x1 if x0 > its_x1 else its_x0 - x1
    return apart < REACH * max(x1 - x0, its_x1 - its_x0, NARROW * height)


def _line(glyphs: list[Glyph]) -> Line:
    if any(RIGHT_TO_LEFT.search(glyph.text) for glyph in glyphs):
        text = "".join(logical(_spaced(_in_order(glyphs))))
    else:
        text = "".join(_spaced(glyphs))
    text = SHAPES.sub(lambda found: unicodedata.normalize("NFKC", found.group()), text)
    return Line(
        " ".join(text.split()),
        min(glyph.x0 for glyph in glyphs),
        max(glyph.x1 for glyph in glyphs),
        min(glyph.bottom for glyph in glyphs),
        max(glyph.top for glyph in glyphs),
    )


def _spaced(glyphs: list[Glyph]) -> list[str]:
    """The texts of glyphs with a blank where there is room for one."""
    texts, end = [], glyphs[0].x0
    for text, x0, x1, bottom, top in glyphs:
        if x0 - end > BLANK * max(x1 - x0, top - bottom):
            texts.append(" ")
        texts.append(text)
        end = max(end, x1)
    return texts


def _in_order(glyphs: list[Glyph]) -> list[Glyph]:
    """From left to right, each mark with its letter: which is drawn behind it where the letters run from left to
    right, else before it."""
    letters = [glyph for glyph in glyphs if not _is_mark(glyph.text)]
    if not letters:
        return glyphs
    steps = [b.x0 > a.x0 for a, b in pairwise(letters)]
    backwards = 2 * sum(steps) < len(steps)
    found, marks = [], ""
    for glyph in glyphs if backwards else reversed(glyphs):
        if not _is_mark(glyph.text):
            found.append(glyph)
        elif found:
            found[-1] = found[-1]._replace(text=found[-1].text + glyph.text)
        else:
            marks += glyph.text
    found[0] = found[0]._replace(text=found[0].text + marks)
    return sorted(found, key=lambda glyph: glyph.x0)


def _is_mark(text: str) -> bool:
    return all(unicodedata.category(character) == "Mn" for character in text)


def logical(shown: list[str]) -> list[str]:
    """Pieces that stand from left to right in the order in which they are read: the Unicode bidirectional algorithm
    backwards, for one level within another.

    >>> logical(list("12 םי"))
    ['י', 'ם', ' ', '1', '2']
    """
    kinds = "".join(map(_kind, shown))
    if THIRD * kinds.count("R") >= kinds.count("R") + kinds.count("L"):
        return _backwards(shown)
    pieces, end = [], 0
    for run in re.finditer(r"R(?:[^L]*R)?", kinds):
        pieces += shown[end : run.start()] + _backwards(shown[run.start() : run.end()])
        end = run.end()
    return pieces + shown[end:]


def _backwards(shown: list[str]) -> list[str]:
    pieces = [piece.translate(MIRRORED) if len(piece) == 1 else piece for piece in reversed(shown)]
    kinds = "".join(map(_kind, pieces))
    for run in FORWARD.finditer(kinds):
        pieces[run.start() : run.end()] = [p.translate(MIRRORED) for p in reversed(pieces[run.start() : run.end()])]
    return pieces


def _kind(piece: str) -> str:
    """R for letters from right to left, L for others, E for digits, T for what stands with numbers, N for the rest."""
    kind = unicodedata.bidirectional(piece[0])
    return {"R": "R", "AL": "R", "L": "L", "EN": "E", "AN": "E", "ET": "T"}.get(kind, "N")


def from_right(text: str) -> bool:
    """Whether a text is written from right to left, most of it."""
    letters = sum(map(str.isalpha, text))
    return 2 * len(RIGHT_TO_LEFT.findall(text)) > letters
