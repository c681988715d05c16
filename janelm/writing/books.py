"""A whole generated book: a title page and chapters, as plain text, as EPUB for e-book readers, or as PDF for paper."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from ..errors import JaneLMError, UsageError
from ..machine.files import write_atomically
from ..text.tokenizers import REPLACEMENT
from .chapters import Book, split_chapters
from .epub import epub
from .language import guess_language
from .pdf import drawable, pdf, pdf_library, readable_font

FORMATS = ("txt", "epub", "pdf")

# What neither XML nor a page can hold: control characters, lone surrogates, and U+FFFE and U+FFFF.
UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# The form of a language's code (BCP 47): en, pt-BR, zh-Hant-TW, und-Cyrl.
LANGUAGE = re.compile("[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


def write_book(
    path: Path,
    text: str,
    title: str,
    author: str,
    format: Literal["txt", "epub", "pdf"],
    chapter_words: int = 3000,
    language: str | None = None,
    font: Path | None = None,
) -> list[str]:
    """Write `text` as a book: a title page, contents (EPUB and PDF), and the chapters of `split_chapters`.

    chapter_words: length of a chapter, in words, where the text has no headings of its own; language: BCP 47 code,
    which e-book readers hyphenate and read aloud by, guessed from the letters where it is None; font: a TrueType or
    OpenType file, for the PDF of a text that DejaVu Serif cannot draw. Returns a report: what had to be changed in the
    text, if anything, and a language that was guessed. Raises UsageError for an unknown format, a language that is no
    code, or a chapter length under 1; JaneLMError where there is no text, where the extra `janelm[book]` is missing
    (PDF), where the font lacks most letters or is none, and where the file cannot be written.
    """
    check_book(format, language, font)
    text, report = _printable(text)
    title, author = (" ".join(_printable(name)[0].split()) for name in (title, author))
    chapters = split_chapters(text, chapter_words)
    if not chapters:
        raise JaneLMError("there is no text to make a book of: generate some first")
    if language is None:
        language = guess_language(text)
        if language != "en" and format != "txt":
            report.append(f"the language was taken for {language}, by its letters: --language names another")
    book = Book(title or "Untitled", author, language, chapters)
    if format == "pdf":
        book, replaced = drawable(book, font)
        report += replaced
    made = book.text() if format == "txt" else epub(book) if format == "epub" else pdf(book, font)
    write_atomically(Path(path), made)
    return report


def check_book(format: str, language: str | None = None, font: Path | None = None) -> None:
    """Raise what `write_book` would of these, before there is a text."""
    if format not in FORMATS:
        raise UsageError(f"the book's format is {format!r}, but must be one of {', '.join(FORMATS)}")
    if language is not None and not LANGUAGE.fullmatch(language):
        raise UsageError(f"the language {language!r} is no code: give one such as en, pt-BR or zh")
    if format == "pdf":
        pdf_library()
        readable_font(font)


def _printable(text: str) -> tuple[str, list[str]]:
    """The text with plain newlines, and a mark for each character that no book can hold; and what was replaced."""
    text, count = UNPRINTABLE.subn(REPLACEMENT, "\n".join(text.splitlines()))
    return text, [f"replaced {count:,} control characters"] if count else []
