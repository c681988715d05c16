"""A whole generated book: a title page and chapters, as plain text, as EPUB for e-book readers, or as PDF for paper."""

from __future__ import annotations

import hashlib
import html
import importlib
import io
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from ..errors import JaneLMError, UsageError
from ..machine.files import write_atomically
from ..text.tokenizers import REPLACEMENT

FORMATS = ("txt", "epub", "pdf")
LIBRARIES = {"epub": "ebooklib.epub", "pdf": "fpdf"}
UNNAMED = "Opening"  # what stands before the first heading of the text

# CHAPTER 7, Chapter XII., VOLUME the Second: alone on its line. Small letters are left to sentences.
_NUMBERS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth last"
HEADING = re.compile(
    r"(?:CHAPTER|Chapter|VOLUME|Volume|BOOK|Book|PART|Part)\s+"
    rf"(?:[0-9]+|[IVXLCDM]+|(?i:(?:the\s+)?(?:{'|'.join(f'{_NUMBERS} {_ORDINALS}'.split())})))[.:]?"
)

# What neither XML nor a page can hold: control characters, lone surrogates, and U+FFFE and U+FFFF.
UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

STYLES = """
body { font-family: serif; line-height: 1.4; }
h1 { text-align: center; font-weight: normal; margin: 3em 0 2em; }
p { margin: 0; text-indent: 1.5em; text-align: justify; }
h1 + p { text-indent: 0; }
.author { text-align: center; text-indent: 0; }
"""


@dataclass(frozen=True)
class Chapter:
    title: str
    paragraphs: list[str]
    """Each on one line, without line breaks."""


@dataclass(frozen=True)
class Book:
    title: str
    author: str
    language: str
    chapters: list[Chapter]

    def map(self, change: Callable[[str], str]) -> Book:
        """The book with each of its texts changed."""
        chapters = [Chapter(change(c.title), [change(text) for text in c.paragraphs]) for c in self.chapters]
        return Book(change(self.title), change(self.author), self.language, chapters)


def write_book(
    path: Path,
    text: str,
    title: str,
    author: str,
    format: Literal["txt", "epub", "pdf"],
    chapter_words: int = 3000,
    language: str = "en",
) -> list[str]:
    """Write `text` as a book: a title page, contents (EPUB and PDF), and the chapters of `split_chapters`.

    chapter_words: length of a chapter, in words, where the text has no headings of its own; language: BCP 47 code,
    which e-book readers hyphenate and read aloud by. Returns a report: what had to be changed in the text, if
    anything. Raises UsageError for an unknown format or a chapter length under 1; JaneLMError where there is no text,
    where the extra `janelm[book]` is missing (EPUB and PDF), and where the file cannot be written.
    """
    if format not in FORMATS:
        raise UsageError(f"the book's format is {format!r}, but must be one of {', '.join(FORMATS)}")
    text, report = _printable(text)
    title, author = (" ".join(_printable(name)[0].split()) for name in (title, author))
    chapters = split_chapters(text, chapter_words)
    if not chapters:
        raise JaneLMError("there is no text to make a book of: generate some first")
    book = Book(title or "Untitled", author, language, chapters)
    if format == "pdf":
        book, replaced = _drawable(book)
        report += replaced
    write_atomically(Path(path), {"txt": _text, "epub": _epub, "pdf": _pdf}[format](book))
    return report


def split_chapters(text: str, chapter_words: int = 3000) -> list[Chapter]:
    """Chapters of a text; every word is in one of them, in order, headings being titles.

    A line such as `CHAPTER 3`, `Chapter IV` or `VOLUME II`, with nothing else on it, starts a chapter; what stands
    before the first such line is called Opening. A text without any is cut at the ends of paragraphs into chapters of
    about `chapter_words` words, called Chapter 1, 2 and so on. Blank lines separate paragraphs; the single line ends
    inside one are where the text was wrapped, and become spaces. Raises UsageError for a chapter length under 1.
    """
    if chapter_words < 1:
        raise UsageError(f"a chapter of {chapter_words} words cannot be: ask for at least 1")
    chapters = [Chapter(UNNAMED, [])]
    headed = False
    for kind, lines in itertools.groupby(text.splitlines(), key=_kind_of_line):
        if kind == "heading":
            headed = True
            chapters += [Chapter(" ".join(line.split()), []) for line in lines]
        elif kind == "prose":
            # Runs of blanks too become one space; other white space, such as no-break spaces, stays.
            chapters[-1].paragraphs.append(re.sub("[ \t]+", " ", " ".join(line.strip() for line in lines)))
    if not chapters[0].paragraphs:
        del chapters[0]
    return chapters if headed or not chapters else _cut(chapters[0].paragraphs, chapter_words)


def _kind_of_line(line: str) -> Literal["blank", "heading", "prose"]:
    line = line.strip()
    return "blank" if not line else "heading" if HEADING.fullmatch(line) else "prose"


def _cut(paragraphs: list[str], chapter_words: int) -> list[Chapter]:
    """Chapters as even as whole paragraphs allow: no scrap is left for the last one."""
    counts = [len(paragraph.split()) for paragraph in paragraphs]
    total = sum(counts)
    parts = max(1, round(total / chapter_words))
    before = itertools.accumulate(counts, initial=0)  # words before each paragraph, which say what part it is in
    part_of = [words * parts // total for words, _ in zip(before, paragraphs, strict=False)]
    grouped = itertools.groupby(zip(part_of, paragraphs, strict=True), key=lambda pair: pair[0])
    return [
        Chapter(f"Chapter {number}", [paragraph for _, paragraph in pairs])
        for number, (_, pairs) in enumerate(grouped, start=1)
    ]


def _printable(text: str) -> tuple[str, list[str]]:
    """The text with plain newlines, and a mark for each character that no book can hold; and what was replaced."""
    text, count = UNPRINTABLE.subn(REPLACEMENT, "\n".join(text.splitlines()))
    return text, [f"replaced {count:,} control characters"] if count else []


def check_library(format: str) -> None:
    """Raise JaneLMError where what a book of this format needs is missing."""
    if format in LIBRARIES:
        _library(LIBRARIES[format])


def _library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise JaneLMError('EPUB and PDF books are an extra: install it with pip install "janelm[book]"') from error


def _text(book: Book) -> str:
    """One paragraph to a line, which every reader wraps to its own width; a blank line after each."""
    parts = [book.title, *([f"by {book.author}"] if book.author else [])]
    for chapter in book.chapters:
        parts += ["\n" + chapter.title, *chapter.paragraphs]
    return "\n\n".join(parts) + "\n"


def _epub(book: Book) -> bytes:
    epub = _library(LIBRARIES["epub"])
    volume = epub.EpubBook()
    digest = hashlib.sha256(_text(book).encode()).hexdigest()
    volume.set_identifier(f"urn:sha256:{digest}")  # the same book is the same to an e-book reader
    volume.set_title(book.title)
    volume.set_language(book.language)
    if book.author:
        volume.add_author(book.author)
    styles = epub.EpubItem("styles", "styles.css", "text/css", STYLES.encode())
    volume.add_item(styles)

    def page(name: str, heading: str, body: str) -> object:
        added = epub.EpubHtml(uid=name, file_name=f"{name}.xhtml", title=heading, lang=book.language)
        added.content = f"<html><body><h1>{html.escape(heading)}</h1>{body}</body></html>".encode()
        added.add_item(styles)
        volume.add_item(added)
        return added

    title_page = page("title", book.title, f'<p class="author">{html.escape(book.author)}</p>' if book.author else "")
    pages = [
        page(f"chapter{number}", chapter.title, "".join(f"<p>{html.escape(text)}</p>" for text in chapter.paragraphs))
        for number, chapter in enumerate(book.chapters, start=1)
    ]
    contents = epub.EpubNav(title="Contents")
    contents.add_item(styles)
    volume.add_item(contents)
    volume.add_item(epub.EpubNcx())  # the contents again, for readers of EPUB 2
    volume.toc = pages
    volume.spine = [title_page, contents, *pages]
    written = io.BytesIO()
    epub.write_epub(written, volume)
    return written.getvalue()


A5 = (148, 210)  # mm
SIDE = 17  # mm of margin: lines of 114 mm, some 58 characters
LINE = 5  # mm from one line of the text to the next
CONTENTS_LINES = 25  # on a page of the contents


def _pdf(book: Book) -> bytes:
    fpdf = _library(LIBRARIES["pdf"])

    class Pages(fpdf.FPDF):
        def footer(self) -> None:
            if self.page_no() > 1:  # none on the title page
                self.set_y(-14)
                self.set_font("serif", size=8)
                self.cell(0, 5, str(self.page_no()), align="C")

    pdf = Pages(format=A5)
    pdf.add_font("serif", fname=_font())
    pdf.set_title(book.title)
    pdf.set_author(book.author)
    pdf.set_lang(book.language)
    pdf.set_margins(SIDE, 18, SIDE)
    pdf.set_auto_page_break(True, margin=21)

    def centred(text: str, size: float, line: float) -> None:
        pdf.set_font("serif", size=size)
        pdf.multi_cell(0, line, text, align="C", new_x="LMARGIN", new_y="NEXT")
        pdf.ln(8)

    pdf.add_page()
    pdf.set_y(62)
    centred(book.title, 22, 10)
    centred(book.author, 12, 7)
    pdf.add_page()
    pdf.insert_toc_placeholder(_contents, pages=-(-len(book.chapters) // CONTENTS_LINES))

    for number, chapter in enumerate(book.chapters):
        if number:  # the contents end with a page break of their own
            pdf.add_page()
        pdf.start_section(chapter.title)
        pdf.set_y(36)
        centred(chapter.title, 14, 8)
        pdf.set_font("serif", size=9)
        with pdf.text_columns(text_align="J", line_height=LINE / pdf.font_size) as column:
            for place, text in enumerate(chapter.paragraphs):
                with column.paragraph(first_line_indent=5 if place else 0) as paragraph:
                    paragraph.write(text)
    return bytes(pdf.output())


def _contents(pdf, sections: list) -> None:
    """Draw the contents on the pages kept for them: titles, and page numbers that are links."""
    pdf.set_x(pdf.l_margin)
    pdf.set_font("serif", size=14)
    pdf.cell(0, 14, "Contents", align="C", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("serif", size=9)
    for number, section in enumerate(sections):
        if number and number % CONTENTS_LINES == 0:
            pdf.add_page()
        link = pdf.add_link(page=section.page_number)
        pdf.cell(pdf.epw - 12, 6, section.name, link=link)
        pdf.cell(12, 6, str(section.page_number), align="R", link=link, new_x="LMARGIN", new_y="NEXT")


def _font() -> Path:
    """DejaVu Serif, which comes with matplotlib: PDF's own serif type can say only Latin-1."""
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSerif.ttf")


def _drawable(book: Book) -> tuple[Book, list[str]]:
    """The book with U+FFFD for the characters that the font cannot draw; and which ones those are."""
    from fontTools.ttLib import TTFont  # matplotlib needs it too

    with TTFont(_font()) as font:
        known = font.getBestCmap()
    missing = sorted(character for character in set(_text(book)) - {"\n"} if ord(character) not in known)
    if not missing:
        return book, []
    table = dict.fromkeys(map(ord, missing), REPLACEMENT)
    some = " ".join(missing[:10]) + (" ..." if len(missing) > 10 else "")
    replaced = f"replaced {len(missing):,} different characters that the font of the PDF lacks: {some}"
    return book.map(lambda text: text.translate(table)), [replaced]
