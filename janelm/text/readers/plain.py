"""Plain text, and the frame that Project Gutenberg puts around a book."""

from __future__ import annotations

import re

from .base import File, Reading, dense

# The marker lines as they were over the years: of today, of the years after 2000, of the "Small Print" of the nineties,
# and of German books.
START = re.compile(
    r"^(?:\*{2,} ?(?:START OF|BEGIN|START DIE[A-Z]*) .*(?:GUTENBERG|COPYRIGHTED).*|\*+ ?END\*? ?THE SMALL PRINT.*"
    r"|\*END THE SMALL PRINT.*|.*\*END\*(?:Ver\.[\d.]+\*END\*)?)$",
    re.MULTILINE | re.IGNORECASE,
)
END = re.compile(
    r"^(?:\*{2,} ?(?:END OF|ENDE? DIE[A-Z]*|ENDE) .*GUTENBERG.*"
    r"|(?:The )?End of (?:the |this )?Project Gutenberg(?:'s|’s)?(?: ?-?(?:Etext|E-text|EBook|Edition))?\b.*"
    r"|Ende? die(?:ses|ser) Projekte?s? Gutenberg.*|End of Project Gutenberg.*)$",
    re.MULTILINE | re.IGNORECASE,
)
CREDITS = re.compile(
    r"\A\s*(?:(?:Produced|E-?text prepared|Transcribed|This e-?text was (?:produced|prepared)|Text prepared|Scanned"
    r"|Prepared) (?:and .{1,40} )?(?:by|from)\b|HTML version by\b|Updated editions will replace|Credits:)"
    r"(?:[^\n]+\n)+",
    re.IGNORECASE,
)
NOTE = re.compile(
    r"^[ \t]*\[?\s*Transcriber[’']?s?[’']? Notes?(?=\s*(?:[:.\]]|$))[^\n]*\n"
    r"(?:[ \t]*\n(?=[^\n]))?(?:[^\n]*\S[^\n]*\n)*",
    re.MULTILINE | re.IGNORECASE,
)
EDGE = 6000  # characters at the beginning and at the end of a book where its transcriber speaks


def read_plain(file: File) -> Reading:
    """The text as it is, but for Project Gutenberg's frame."""
    said: list[str] = []
    text = file.text(said)
    if file.options.rules > 1 and not file.options.keep_frame:
        text, removed = unframe(text, said)
        return Reading(text, None, said, dense(text), removed, clean=True)
    return Reading(text, None, said, dense(text), 0, clean=True)


def unframe(text: str, said: list[str]) -> tuple[str, int]:
    """The books in a text without what Project Gutenberg puts around each, and how much that was.

    Nothing is touched where no marker line stands.
    """
    if "gutenberg" not in text.lower() and "SMALL PRINT" not in text:
        return text, 0
    books, place = [], 0
    while place < len(text):
        start = START.search(text, place)
        while start and (again := START.search(text, start.end())) and _frame_only(text[start.end() : again.start()]):
            start = again  # the small print of the nineties stands behind a first marker
        end = END.search(text, start.end() if start else place)
        if not (start or end):
            break
        books.append(text[start.end() if start else place : end.start() if end else len(text)])
        place = end.end() if end else len(text)
        if not START.search(text, place):
            break
    if not books:
        return text, 0
    kept = "\n\n".join(_without_transcriber(book, said) for book in books)
    removed = dense(text) - dense(kept)
    if removed:
        said.append(
            f"left out Project Gutenberg's frame and licence, {removed:,} characters other than white space "
            "(--keep_frame keeps them)"
        )
    return kept, removed


def _frame_only(between: str) -> bool:
    return len(between) < 40_000 and not END.search(between)


def _without_transcriber(book: str, said: list[str]) -> str:
    """A book without who made the file of it, and without the transcriber's own notes at either end."""
    book = book.strip("\n") + "\n"
    while found := CREDITS.match(book):
        book = book[found.end() :].lstrip("\n")
    notes = 0
    for found in reversed(list(NOTE.finditer(book))):
        if found.start() < EDGE or found.start() > len(book) - EDGE:
            book = book[: found.start()] + book[found.end() :]
            notes += 1
    if notes:
        said.append(f"left out {notes} note{'s' * (notes > 1)} of the transcriber")
    return book.strip("\n") + "\n"
