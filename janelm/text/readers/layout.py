"""Where lines stand on pages, and what follows from that: heads and numbers, columns, paragraphs. Units are points."""

from __future__ import annotations

import re
import statistics
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import groupby, pairwise

NUMBER = re.compile(
    r"^\W*(?:page|seite|p\.|pág\.|стр\.)?\s*(?:(\d{1,4})|([ivxlc]{1,7}))(?:\s*(?:/|of|von|de|из)\s*\d+)?\W*$",
    re.IGNORECASE,
)
EDGES = 2  # rows at the top and at the bottom of a page where heads and numbers stand
FEW, FEWEST = 3, 2  # pages that have the same row at an edge, which makes it a running head; of a short file
SHORT = 6  # pages of such
NARROW = 0.75  # of a page's width: lines of prose go as far at least
LEAST = 4  # lines of a column
SENTENCE_END = re.compile(r"[.!?…:;。！？؟۔׃][”\"»’')\]]*$")
HYPHEN = re.compile(r"([^\W\d_]+)([-‐\xad])$")


@dataclass(frozen=True)
class Line:
    """A line of text, from x0 to x1; its bottom and its top, which grows upwards."""

    text: str
    x0: float
    x1: float
    bottom: float
    top: float

    @property
    def height(self) -> float:
        return self.top - self.bottom


@dataclass(frozen=True)
class Column:
    """Lines from top to bottom, and how far they could go to the left and to the right."""

    lines: list[Line]
    left: float
    right: float


# --- the edges of pages ----------------------------------------------------------------------------------------------


def without_edges(pages: list[list[Line]]) -> tuple[list[list[Line]], int]:
    """The pages without rows at their edges that many pages have, but for a number in them, or that count the pages."""
    rows = [_rows(page) for page in pages]
    seen: Counter[str] = Counter()
    counted: Counter[int] = Counter()  # page numbers, as what they are ahead of the pages' own count
    for index, page in enumerate(rows):
        edge = {_text(row) for row in (*page[:EDGES], *page[-EDGES:])}
        seen.update({_shape(text) for text in edge})
        counted.update({number - index for text in edge if (number := _number(text)) is not None})

    def at_edge(row: list[Line], index: int) -> bool:
        text = _text(row)
        number = _number(text)
        if number is not None:
            return counted[number - index] >= min(2, len(pages))
        return seen[_shape(text)] >= (FEWEST if len(pages) <= SHORT else FEW)

    kept, removed = [], 0
    for index, page in enumerate(rows):
        first, last = 0, len(page)
        while first < min(EDGES, last) and at_edge(page[first], index):
            first += 1
        while last > max(first, len(page) - EDGES) and at_edge(page[last - 1], index):
            last -= 1
        removed += len(page) - (last - first)
        kept.append([line for row in page[first:last] for line in row])
    return kept, removed


def _rows(page: list[Line]) -> list[list[Line]]:
    """The lines that stand beside each other, the top row first."""
    rows: list[list[Line]] = []
    for line in sorted(page, key=lambda line: (-line.top, line.x0)):
        middle = (line.top + line.bottom) / 2
        if rows and rows[-1][0].bottom < middle < rows[-1][0].top:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _text(row: list[Line]) -> str:
    return " ".join(line.text for line in sorted(row, key=lambda line: line.x0))


def _shape(text: str) -> str:
    return re.sub(r"\d+|\b[ivxlc]+\b", "#", text.strip().lower())


def _number(text: str) -> int | None:
    """The number of a page."""
    found = NUMBER.match(text)
    if not found:
        return None
    if found[1]:
        return int(found[1])
    values = [{"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}[sign] for sign in found[2].lower()]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))


# --- columns ---------------------------------------------------------------------------------------------------------


def columns(page: list[Line], width: float = 0.0) -> list[Column]:
    """The columns of a page (of this width) in the order in which they are read; what goes across them parts them."""
    if not page:
        return []
    gutter = _gutter(page)
    left, right = _edge([line.x0 for line in page], 0.1), _edge([line.x1 for line in page], 0.9)
    if gutter is None:
        lines = [line for row in _rows(page) for line in row]
        return [Column(lines, left, max(right, NARROW * width))]
    found: list[Column] = []
    rows = sorted(page, key=lambda line: (-line.top, line.x0))
    for crosses, band in groupby(rows, lambda line: line.x0 < gutter < line.x1):
        lines = list(band)
        if crosses:
            found.append(Column(lines, min(line.x0 for line in page), max(line.x1 for line in page)))
        else:
            found += columns([line for line in lines if line.x1 <= gutter])
            found += columns([line for line in lines if line.x0 >= gutter])
    return found


def _edge(places: list[float], share: float) -> float:
    """Where the lines of a column begin or end, but for a few."""
    return sorted(places)[int(share * (len(places) - 1))]


def _gutter(page: list[Line]) -> float | None:
    """Where the page is parted into columns: where hardly a line goes across, and many stand on either side."""
    if len(page) < 2 * LEAST:
        return None
    begin, end = min(line.x0 for line in page), max(line.x1 for line in page)
    width = end - begin
    best, begins, ends = None, sorted(line.x0 for line in page), sorted(line.x1 for line in page)
    for step in range(60, 141):
        place = begin + width * step / 200
        across = bisect_left(begins, place) - bisect_right(ends, place)
        if best is None or (across, abs(step - 100)) < best[0]:
            best = (across, abs(step - 100)), place
    assert best is not None
    (across, _), place = best
    sides = [[line for line in page if line.x1 <= place], [line for line in page if line.x0 >= place]]
    if across > len(page) / 3 or min(map(len, sides)) < LEAST:
        return None
    # Names or numbers beside a text are no column.
    if any(statistics.median(line.x1 - line.x0 for line in side) < width / 8 for side in sides):
        return None
    # Lines beside each other; else it is one column in which some stand to the right.
    return place if sum(_beside(line, sides[0]) for line in sides[1]) > len(sides[1]) / 3 else None


def _beside(line: Line, others: list[Line]) -> bool:
    lowest, highest = min(other.bottom for other in others), max(other.top for other in others)
    return lowest <= (line.top + line.bottom) / 2 <= highest


# --- paragraphs ------------------------------------------------------------------------------------------------------


def paragraphs(found: list[Column]) -> tuple[str, int]:
    """The columns' lines joined into paragraphs, and how many words were joined."""
    everything = " ".join(line.text for column in found for line in column.lines)
    whole = set(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", everything))
    text, hyphens, leading = "", 0, 0.0
    before: tuple[Line, Column] | None = None
    for column in found:
        leading = _leading(column.lines) or leading
        for line in column.lines:
            between = _between(*before, line, column, leading) if before else ""
            parted = HYPHEN.search(text) if between == " " or text.endswith("\xad") else None
            if parted and line.text[:1].islower():
                text, joined = _joined(text, parted, line.text, whole)
                hyphens += joined
            else:
                text += between + line.text
            before = line, column
    return text.replace("\xad", "") + "\n", hyphens


def _joined(text: str, parted: re.Match[str], after: str, whole: set[str]) -> tuple[str, bool]:
    """A word whose first part ends a text, and whose second begins what follows: with its hyphen where it stands so
    elsewhere, and nowhere without one."""
    second = re.match(r"[^\W\d_]+", after)
    end = second.group() if second else ""
    if parted[1] + end not in whole and f"{parted[1]}-{end}" in whole:
        return text + after, False
    return text[:-1] + after, True


def _leading(lines: list[Line]) -> float:
    steps = [a.top - b.top for a, b in pairwise(lines) if a.top > b.top]
    return statistics.median(steps) if steps else 0.0


def _between(before: Line, its: Column, line: Line, column: Column, leading: float) -> str:
    """What stands between two lines: a blank within a paragraph, a newline within verse, a blank line."""
    ended = bool(SENTENCE_END.search(before.text))
    left_over = its.right - before.x1
    word = (
        (line.text.find(" ") % (len(line.text) + 1) + 1) * (line.x1 - line.x0) / len(line.text)
    )  # would it have fitted?
    room = left_over / max(1.0, its.right - its.left) if left_over > word else 0.0
    indent, indent_before = line.x0 - column.left, before.x0 - its.left
    if (
        abs(before.height - line.height) > 0.15 * max(before.height, line.height)
        or before.top - line.top > 1.4 * leading > 0
        or (ended and room > 0.2)
        or (indent > indent_before + 0.6 * line.height and (ended or indent < 5 * line.height))
    ):
        return "\n\n"
    return "\n" if room > 0.35 and not HYPHEN.search(before.text) else " "
