"""A book as PDF, for paper of the size A5: a title page, contents, and each chapter on a page of its own."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import JaneLMError
from ..text.tokenizers import REPLACEMENT
from .chapters import Book

READABLE = 0.5  # share of a text's letters that the font must have, or nobody could read the book
A5 = (148, 210)  # mm
SIDE = 17  # mm of margin: lines of 114 mm, some 58 characters
LINE = 5  # mm from one line of the text to the next
CONTENTS_LINES = 25  # on a page of the contents


def pdf_library() -> ModuleType:
    """The library that draws. Raises JaneLMError where it is missing."""
    try:
        return importlib.import_module("fpdf")
    except ImportError as error:
        raise JaneLMError('PDF books are an extra: install it with pip install "janelm[book]"') from error


def pdf(book: Book, font: Path | None = None) -> bytes:
    """The file. The font must have all characters of the book: see `drawable`."""
    base: Any = pdf_library().FPDF

    class Pages(base):
        def footer(self) -> None:
            if self.page_no() > 1:  # none on the title page
                self.set_y(-14)
                self.set_font("serif", size=8)
                self.cell(0, 5, str(self.page_no()), align="C")

    pages = Pages(format=A5)
    pages.add_font("serif", fname=readable_font(font))
    pages.set_title(book.title)
    pages.set_author(book.author)
    pages.set_lang(book.language)
    pages.set_margins(SIDE, 18, SIDE)
    pages.set_auto_page_break(True, margin=21)

    def centred(text: str, size: float, line: float) -> None:
        pages.set_font("serif", size=size)
        pages.multi_cell(0, line, text, align="C", new_x="LMARGIN", new_y="NEXT")
        pages.ln(8)

    pages.add_page()
    pages.set_y(62)
    centred(book.title, 22, 10)
    centred(book.author, 12, 7)
    pages.add_page()
    pages.insert_toc_placeholder(_contents, pages=-(-len(book.chapters) // CONTENTS_LINES))

    for number, chapter in enumerate(book.chapters):
        if number:  # the contents end with a page break of their own
            pages.add_page()
        pages.start_section(chapter.title)
        pages.set_y(36)
        centred(chapter.title, 14, 8)
        pages.set_font("serif", size=9)
        with pages.text_columns(text_align="J", line_height=LINE / pages.font_size) as column:
            for place, text in enumerate(chapter.paragraphs):
                with column.paragraph(first_line_indent=5 if place else 0) as paragraph:
                    paragraph.write(text)
    return bytes(pages.output())


def _contents(pdf: Any, sections: list[Any]) -> None:
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


def readable_font(font: Path | None) -> Path:
    """The font, or DejaVu Serif, which comes with matplotlib: PDF's own serif type can say only Latin-1.

    Raises JaneLMError where the file is missing or no font.
    """
    if font is None:
        import matplotlib

        return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSerif.ttf")
    _known(font)
    return font


def _known(font: Path) -> set[int]:
    """The code points that a font can draw."""
    from fontTools.ttLib import TTFont  # matplotlib needs it too

    try:
        with TTFont(font, fontNumber=0) as opened:
            return set(opened.getBestCmap())
    except OSError as error:
        raise JaneLMError(f"cannot read the font {font} ({error.strerror}): name a .ttf or .otf file") from error
    except Exception as error:  # of many kinds, where it is damaged
        raise JaneLMError(f"{font} is not a font that can be read ({error}): name a .ttf or .otf file") from error


def drawable(book: Book, font: Path | None) -> tuple[Book, list[str]]:
    """The book with U+FFFD for the characters that the font cannot draw; and which ones those are.

    Raises JaneLMError where that would be most of its letters.
    """
    known = _known(readable_font(font))
    text = book.text()
    missing = sorted(character for character in set(text) - {"\n"} if ord(character) not in known)
    if not missing:
        return book, []
    some = " ".join(missing[:10]) + (" ..." if len(missing) > 10 else "")
    letters = [character for character in text if character.isalpha()]
    if sum(ord(letter) in known for letter in letters) < READABLE * len(letters):
        raise JaneLMError(
            f"the font of the PDF lacks most letters of this text ({some}): name one that has them with --font "
            "FILE.ttf, or make an EPUB, whose reader brings fonts of its own"
        )
    table = dict.fromkeys(map(ord, missing), REPLACEMENT)
    replaced = f"replaced {len(missing):,} different characters that the font of the PDF lacks: {some}"
    return book.map(lambda text: text.translate(table)), [replaced]
