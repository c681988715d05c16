"""What the pages of a PDF draw: glyphs at their places, and how many pictures. Needs pdfminer, by whose interpreter it
is told."""

from __future__ import annotations

from typing import Any

from pdfminer.pdfdevice import PDFTextDevice
from pdfminer.pdffont import PDFFont, PDFUnicodeNotDefined
from pdfminer.utils import apply_matrix_rect, mult_matrix

from .glyphs import Glyph

ASLANT = 0.2  # rise of a line to its length, from which it is not read


class Drawn(PDFTextDevice):
    """The glyphs of the page that was drawn last, and what was found on all of them.

    pdfminer's own device makes an object with a dozen properties of each letter, which takes four times as long.
    """

    def __init__(self, resources: Any) -> None:
        super().__init__(resources)
        self.glyphs: list[Glyph] = []
        self.width = 0.0
        self.pictures = self.unnamed = self.aslant = 0
        self._known: dict[int, tuple[PDFFont, dict[int, tuple[str | None, float]]]] = {}

    def begin_page(self, page: Any, ctm: Any) -> None:
        x0, _, x1, _ = apply_matrix_rect(ctm, page.mediabox)
        self.glyphs, self.width = [], abs(x1 - x0)

    def render_image(self, name: str, stream: Any) -> None:
        self.pictures += 1

    def render_string(self, textstate: Any, seq: Any, ncs: Any, graphicstate: Any) -> None:
        """Place the glyphs of a string, as section 9.4.4 of ISO 32000 says."""
        assert self.ctm is not None  # from the beginning of a page on
        font, size, scaling = textstate.font, textstate.fontsize, textstate.scaling * 0.01
        a, b, c, d, e, f = mult_matrix(textstate.matrix, self.ctm)
        vertical, known = font.is_vertical(), self._known.setdefault(id(font), (font, {}))[1]
        between = textstate.charspace * scaling
        word = 0 if font.is_multibyte() else textstate.wordspace * scaling
        aslant = abs(b) > ASLANT * abs(a) or a * d * scaling <= 0
        x, y = textstate.linematrix
        low, first = font.get_descent() * size + textstate.rise, True
        for part in seq:
            if isinstance(part, (int, float)):
                moved = -part * 0.001 * size * scaling
                x, y, first = (x, y + moved, False) if vertical else (x + moved, y, False)
                continue
            for cid in font.decode(part) if isinstance(part, bytes) else ():
                if not first:
                    x, y = (x, y + between) if vertical else (x + between, y)
                first = False
                text, width = known.get(cid) or known.setdefault(cid, _known(font, cid))
                advance = width * size * scaling
                if text is None:
                    self.unnamed += 1
                elif aslant:
                    self.aslant += len(text.strip())
                else:
                    begin, bottom = a * x + c * y + e, d * (y + low) + b * x + f
                    end = begin + a * (size if vertical else advance)
                    self.glyphs.append(Glyph(text, min(begin, end), max(begin, end), bottom, bottom + abs(d * size)))
                advance += word if cid == 32 else 0
                x, y = (x, y + advance) if vertical else (x + advance, y)
        textstate.linematrix = (x, y)


def _known(font: PDFFont, cid: int) -> tuple[str | None, float]:
    """What a glyph stands for, or None where the font does not tell, and its width in sizes."""
    try:
        return font.to_unichr(cid).strip("\0") or None, font.char_width(cid)
    except PDFUnicodeNotDefined:
        return None, font.char_width(cid)
