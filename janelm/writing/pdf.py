"""A book as PDF, for paper of the size A5: a title page, contents, and each chapter on a page of its own."""

from __future__ import annotations

import hashlib
import importlib
import io
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from ..errors import JaneLMError
from ..text.tokenizers import REPLACEMENT
from .chapters import Book

READABLE = 0.5  # share of a text's letters that the font must have, or nobody could read the book
A5 = (148, 210)  # mm
SIDE = 17  # mm of margin: lines of 114 mm, some 58 characters
LINE = 5  # mm from one line of the text to the next
MM = 72 / 25.4  # points
FIXED = " 0123456789Contents"  # what is printed besides the book's own text


def pdf_library() -> None:
    """Raises JaneLMError where the library that draws is missing."""
    try:
        importlib.import_module("reportlab")
    except ImportError as error:
        raise JaneLMError('PDF books are an extra: install it with pip install "janelm[book]"') from error


def pdf(book: Book, font: Path | None = None) -> bytes:
    """The file. The font must have all characters of the book: see `drawable`."""
    pdf_library()
    from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import BaseDocTemplate, Frame, PageBreak, PageTemplate, Paragraph, Spacer
    from reportlab.platypus.tableofcontents import TableOfContents

    name, file = _font_for(book, readable_font(font))
    pdfmetrics.registerFont(TTFont(name, file))

    def style(size: float, line: float, **more: Any) -> ParagraphStyle:
        return ParagraphStyle("", fontName=name, fontSize=size, leading=line * MM, **{"alignment": TA_CENTER, **more})

    heading, text = style(14, 8, spaceAfter=8 * MM), style(9, LINE, alignment=TA_JUSTIFY)
    indented = ParagraphStyle("indented", text, firstLineIndent=5 * MM)

    class Pages(BaseDocTemplate):
        def afterFlowable(self, drawn: Any) -> None:
            if getattr(drawn, "style", None) is heading and drawn.place is not None:
                self.canv.bookmarkPage(drawn.place)
                self.canv.addOutlineEntry(drawn.title, drawn.place)
                self.notify("TOCEntry", (0, escape(drawn.title), self.page, drawn.place))

    def footer(canvas: Any, pages: Any) -> None:
        if pages.page > 1:  # none on the title page
            canvas.setFont(name, 8)
            canvas.drawCentredString(A5[0] * MM / 2, 10 * MM, str(pages.page))

    def titled(title: str, place: str | None) -> Any:
        made = Paragraph(escape(title), heading)
        made.title, made.place = title, place
        return made

    contents = TableOfContents(levelStyles=[style(9, 6, alignment=TA_JUSTIFY)], dotsMinLevel=-1)
    story = [Spacer(1, 44 * MM), Paragraph(escape(book.title), style(22, 10, spaceAfter=8 * MM))]
    story += [Paragraph(escape(book.author), style(12, 7)), PageBreak(), titled("Contents", None), contents]
    for number, chapter in enumerate(book.chapters):
        story += [PageBreak(), Spacer(1, 18 * MM), titled(chapter.title, f"chapter {number}")]
        story += [Paragraph(escape(said), indented if at else text) for at, said in enumerate(chapter.paragraphs)]

    made, frame = io.BytesIO(), Frame(SIDE * MM, 21 * MM, (A5[0] - 2 * SIDE) * MM, (A5[1] - 39) * MM, 0, 0, 0, 0)
    size = {"pagesize": (A5[0] * MM, A5[1] * MM)}
    pages = Pages(made, **size, title=book.title, author=book.author, lang=book.language)
    pages.addPageTemplates(PageTemplate("page", [frame], onPageEnd=footer))
    pages.multiBuild(story, canvasmaker=partial(Canvas, initialFontName=name))
    return made.getvalue()


def _font_for(book: Book, font: Path) -> tuple[str, io.BytesIO]:
    """A name and a font with the letters of the book alone, drawn as those of `font`: TrueType, whatever that one is,
    since reportlab reads no other."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.recordingPen import DecomposingRecordingPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib import TTFont

    with TTFont(font, fontNumber=0) as opened:
        known, drawings, upem = opened.getBestCmap(), opened.getGlyphSet(), opened["head"].unitsPerEm
        letters = {ord(letter): known[ord(letter)] for letter in book.text() + FIXED if ord(letter) in known}
        glyphs, metrics = {}, {}
        for glyph in dict.fromkeys([opened.getGlyphName(0), *letters.values()]):
            whole, pen = DecomposingRecordingPen(drawings), TTGlyphPen(None)
            drawings[glyph].draw(whole)
            whole.replay(Cu2QuPen(pen, max_err=upem / 1000, reverse_direction="glyf" not in opened))
            glyphs[glyph] = pen.glyph()
            metrics[glyph] = (drawings[glyph].width, getattr(glyphs[glyph], "xMin", 0))
        # reportlab keeps fonts by their names, and would take that of another book for this one's
        name = f"{opened['name'].getDebugName(6) or font.stem}-{hashlib.sha256(book.text().encode()).hexdigest()[:8]}"
        ascent, descent = opened["hhea"].ascent, opened["hhea"].descent
    made, built = io.BytesIO(), FontBuilder(upem, isTTF=True)
    built.setupGlyphOrder(list(glyphs))
    built.setupCharacterMap(letters)
    built.setupGlyf(glyphs)
    built.setupHorizontalMetrics(metrics)
    built.setupHorizontalHeader(ascent=ascent, descent=descent)
    built.setupNameTable({"familyName": name, "styleName": "Regular", "psName": name})
    built.setupOS2(sTypoAscender=ascent, sTypoDescender=descent, usWinAscent=ascent, usWinDescent=-descent)
    built.setupPost()
    built.save(made)
    made.seek(0)
    return name, made


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
