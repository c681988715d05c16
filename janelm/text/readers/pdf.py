"""PDF: what its pages say, column by column, without running heads and page numbers, in paragraphs again."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import JaneLMError
from .base import LARGEST, File, Reading, dense
from .layout import Line, columns, paragraphs, without_edges

STREAM = 1 << 26  # bytes of one part of a file once it is unpacked: no page has so much to say
UNNAMED = re.compile(r"\(cid:\d+\)")  # a sign of a font that does not tell which letter it is
LIGATURES = {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st"}
LIGATURE = re.compile("[\ufb00-\ufb06]")


def is_pdf(file: File) -> bool:
    return b"%PDF-" in file.raw[:1024]


def read_pdf(file: File) -> Reading:
    """The text of the pages.

    Raises JaneLMError for one that is locked, that is only pictures of pages, or whose fonts do not tell their letters.
    """
    said: list[str] = []
    pages, widths = _pages(file, said)
    whole = sum(dense(line.text) for page in pages for line in page)
    kept, edges = without_edges(pages)
    found = [columns(lines) for lines in kept]
    if all(len(page) < 2 for page in found):  # then what is narrow is verse
        found = [columns(lines, width) for lines, width in zip(kept, widths, strict=True)]
    text, hyphens = paragraphs([column for page in found for column in page])
    said.insert(0, f"read {len(pages):,} pages of the PDF and joined their lines into paragraphs")
    empty = sum(not page for page in pages)
    if empty:
        said.append(f"found no text on {empty:,} of its pages, which may be pictures")
    if edges:
        said.append(f"left out {edges:,} running heads and page numbers")
    if hyphens:
        said.append(f"joined {hyphens:,} words that were parted at line ends")
    text = re.sub(LIGATURE, lambda found: LIGATURES.get(found.group(), "st"), text)
    return Reading(text, None, said, dense(text), max(0, whole - dense(text)))


def _pages(file: File, said: list[str]) -> tuple[list[list[Line]], list[float]]:
    """The lines of each page, and its width."""
    try:
        from pdfminer import pdftypes
        from pdfminer.high_level import extract_pages
        from pdfminer.layout import LAParams
        from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect
    except ImportError:
        raise JaneLMError(
            f'{file.name} is a PDF, which needs an extra: install it with pip install "janelm[pdf]"'
        ) from None
    pdftypes.zlib = _Bounded(file.name)  # type: ignore  # the library itself unpacks without a limit
    pages: list[list[Line]] = []
    widths: list[float] = []
    size = pictures = unnamed = aslant = 0
    try:
        for page in extract_pages(io.BytesIO(file.raw), laparams=LAParams(boxes_flow=None, all_texts=True)):
            file.check_time()
            lines = []
            for element in _text_lines(page):
                if element is None:
                    pictures += 1
                    continue
                text, strange = UNNAMED.subn("", element.get_text())
                unnamed += strange
                if not text.strip():
                    continue
                if not _upright(element):
                    aslant += dense(text)
                    continue
                lines.append(Line(" ".join(text.split()), element.x0, element.x1, element.y0, element.y1))
                size += len(text)
            if size > LARGEST:
                raise JaneLMError(f"{file.name} unpacks to more than {LARGEST >> 20:,} MB, which is the limit: part it")
            pages.append(lines)
            widths.append(page.width)
    except (PDFPasswordIncorrect, PDFEncryptionError):
        raise JaneLMError(f"{file.name} is locked with a password: save it without one") from None
    _check(file.name, sum(len(line.text) for lines in pages for line in lines), len(pages), pictures, unnamed)
    if unnamed:
        said.append(f"left out {unnamed:,} signs of fonts that do not tell which letters they are")
    if aslant:
        said.append(f"left out {aslant:,} characters that stand upright or aslant")
    return pages, widths


def _check(name: str, characters: int, pages: int, pictures: int, unnamed: int) -> None:
    if unnamed > characters:
        raise JaneLMError(
            f"{name} has fonts that do not tell which letters they show: run text recognition (OCR) over it first"
        )
    if not characters or (pictures and characters < 20 * pages):
        raise JaneLMError(
            f"{name} is pictures of pages without text (a scan): run text recognition (OCR) over it first"
        )


def _text_lines(element: Iterable[Any]) -> Iterator[Any]:
    """The lines of text in an element of a page, and None for each picture."""
    from pdfminer.layout import LTFigure, LTImage, LTTextBox, LTTextLine

    for part in element:
        if isinstance(part, LTTextLine):
            yield part
        elif isinstance(part, (LTTextBox, LTFigure)):
            yield from _text_lines(part)
        elif isinstance(part, LTImage):
            yield None


def _upright(line: Iterable[Any]) -> bool:
    return next((part.upright for part in line if hasattr(part, "upright")), True)


class _Bounded:
    """zlib for one file, whose parts unpack to no more than a page can be."""

    error = zlib.error

    def __init__(self, name: str) -> None:
        self._name = name

    def decompressobj(self) -> _Unpacking:
        return _Unpacking(self._name)

    def decompress(self, data: bytes) -> bytes:
        return self.decompressobj().decompress(data)  # of what is cut off, as much as there is


class _Unpacking:
    def __init__(self, name: str) -> None:
        self._name, self._unpacking, self._left = name, zlib.decompressobj(), STREAM

    def decompress(self, data: bytes) -> bytes:
        whole = self._unpacking.decompress(data, self._left + 1)
        self._left -= len(whole)
        if self._left < 0:
            raise JaneLMError(f"{self._name} has a part that unpacks to more than {STREAM >> 20} MB: it is no book")
        return whole
