"""The parts of a text: books, and the chapters in them, by what the text itself says.

Books are, in this order: the files that were given; the titles of documents (`<Genesis>`, a tab); the authors' lines in
a text of several books (a title, then "by Jane Austen"); headings of the first level. A text without any is one book.
Chapters are the headings in a book, alone on their lines. Front matter belongs to the book that it opens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from ..text.corpora import DISPLAY_NAMES, display_name
from ..text.documents import TITLE
from ..text.sources import Source
from ..writing.chapters import HEADING
from .names import Person, find_people
from .words import Words, cut_words

MOST_BOOKS = 120
# A title after a blank line, then perhaps a year, then who wrote it; nothing else but blank lines between.
BOOK = re.compile(
    r"(?:\A\s*|\n[ \t]*\n[ \t]*)(?P<title>[^\s(<#\"“][^\n\"”]{1,70})\n\s*(?:\(\d{4}\)\s*)?(?:by|By|BY)\s+"
    r"(?P<author>[A-ZÀ-Þ][\w.'’-]*(?: [A-ZÀ-Þ][\w.'’-]*){1,4})(?: \(\d{4}\))?[ \t]*\n\s*\n"
)
MARKDOWN = re.compile(r"^(#{1,3})[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
NUMERAL = re.compile(r"(?=.)(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")  # up to a hundred; MILL and CIVIL are words
NUMBER = re.compile(rf"(?:{NUMERAL.pattern}|\d{{1,3}})\.?")
SMALL = ("AND", "OF", "THE", "A", "AN", "IN", "TO", "FOR")  # words of a title that have no capital
LEAST = 40  # characters that a chapter has at least: a heading in a table of contents begins none


@dataclass
class Part:
    """A book or a chapter: what it is called, and from where to where it goes in the text."""

    title: str
    begin: int
    end: int
    chapters: list[Part] = field(default_factory=list)


@dataclass
class PartedText:
    """A whole text and its books, in their order."""

    text: str
    books: list[Part]

    @cached_property
    def words(self) -> Words:
        return cut_words(self.text)

    @cached_property
    def people(self) -> list[list[Person]]:
        """Those of each book, the most often named first."""
        return [find_people(self.text, book.begin, book.end) for book in self.books]


def part_text(sources: list[Source]) -> PartedText:
    """The sources as one text, a blank line between two of them, with the books and chapters in it."""
    texts = [source.text for source in sources]
    text = "\n\n".join(texts)
    books, place = [], 0
    for source, one in zip(sources, texts, strict=True):
        name = display_name([source.name]) or "The text"
        found = _titled_documents(one) or _books_in(one)
        if (len(found) < 2 and len(sources) > 1) or not found:
            found = [Part(name, 0, len(one))]
        elif len(found) == 1 and source.name not in DISPLAY_NAMES:
            found[0].begin = 0
        for book in found:
            book.chapters = _chapters_of(one, book)
            for part in (book, *book.chapters):
                part.begin, part.end = part.begin + place, part.end + place
        books += found
        place += len(one) + 2
    return PartedText(text, books[:MOST_BOOKS])


def _titled_documents(text: str) -> list[Part]:
    """Neighbouring documents of one title are a book."""
    if not TITLE.match(text):
        return []
    found: list[Part] = []
    for match in re.finditer(rf"^{TITLE.pattern}", text, re.MULTILINE):
        if not found or found[-1].title != match[1]:
            found.append(Part(match[1], match.start(), 0))
    return _until_the_next(found, len(text)) if len(found) <= MOST_BOOKS else []


def _books_in(text: str) -> list[Part]:
    found = [Part(_sentence_case(match["title"]), match.start("title"), 0) for match in BOOK.finditer(text)]
    if not found:
        firsts = [match for match in MARKDOWN.finditer(text) if match[1] == "#"]
        found = [Part(match[2], match.start(), 0) for match in firsts] if len(firsts) > 1 else []
    if found:
        found[0].begin = 0
    return _until_the_next(found, len(text))


def _chapters_of(text: str, book: Part) -> list[Part]:
    """The headings of a book; volumes number theirs anew, and are named with them."""
    found: list[Part] = []
    volume, place = "", book.begin
    for line in text[book.begin : book.end].splitlines(keepends=True):
        begin, place = place, place + len(line)
        heading = _heading(line.strip())
        if heading is None:
            continue
        if re.match(r"volume|book|part", heading, re.IGNORECASE):
            volume = _sentence_case(heading)
        else:
            title = _sentence_case(heading).rstrip(".:")
            found.append(Part(f"{volume}, {title[0].lower()}{title[1:]}" if volume else title, begin, 0))
    found = _until_the_next(found, book.end)
    return [part for part in found if part.end - part.begin > LEAST] if len(found) > 1 else []


def _heading(line: str) -> str | None:
    """What a line says if it is a heading; Roman and plain numbers alone are."""
    if not line or len(line) > 80:
        return None
    if match := MARKDOWN.fullmatch(line):
        return match[2] if len(match[1]) > 1 else None
    if HEADING.fullmatch(line):
        return line
    return f"Chapter {line}" if NUMBER.fullmatch(line) else None


def _until_the_next(parts: list[Part], end: int) -> list[Part]:
    for part, following in zip(parts, [*(other.begin for other in parts[1:]), end], strict=False):
        part.end = following
    return parts


def _sentence_case(title: str) -> str:
    """A title in capitals as one writes it: SENSE AND SENSIBILITY is Sense and Sensibility.

    >>> _sentence_case("SENSE AND SENSIBILITY"), _sentence_case("CHAPTER XII"), _sentence_case("Emma")
    ('Sense and Sensibility', 'Chapter XII', 'Emma')
    """
    title = " ".join(title.split())
    if title != title.upper():
        return title
    words = title.split()
    return " ".join([_case(words[0], first=True), *(_case(word, first=False) for word in words[1:])])


def _case(word: str, first: bool) -> str:
    if not first and (NUMERAL.fullmatch(word) or word in SMALL):
        return word if word not in SMALL else word.lower()
    return word.title()
