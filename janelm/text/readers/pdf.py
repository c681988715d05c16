"""PDF: what its pages say, column by column, without running heads and page numbers, in paragraphs again."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace

from ...errors import JaneLMError, counted
from .base import LARGEST, File, Reading, dense
from .glyphs import from_right, lines
from .layout import Line, columns, paragraphs, without_edges

STREAM = 1 << 26  # bytes of one part of a file once it is unpacked: no page has so much to say


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
    said.insert(0, f"read {counted(len(pages), 'page')} of the PDF and joined the lines into paragraphs")
    empty = sum(not page for page in pages)
    if empty:
        said.append(f"found no text on {empty:,} of its pages, which may be pictures")
    if edges:
        said.append(f"left out {edges:,} running heads and page numbers")
    if hyphens:
        said.append(f"joined {counted(hyphens, 'word')} that line ends had parted")
    return Reading(text, None, said, dense(text), max(0, whole - dense(text)))


def _pages(file: File, said: list[str]) -> tuple[list[list[Line]], list[float]]:
    """The lines of each page, and its width."""
    try:
        from pdfminer import pdftypes
        from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect
        from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
        from pdfminer.pdfpage import PDFPage

        from .drawing import Drawn
    except ImportError:
        raise JaneLMError(
            f'{file.name} is a PDF, which needs an extra: install it with pip install "janelm[pdf]"'
        ) from None
    pdftypes.zlib = _Bounded(file.name)  # type: ignore  # the library itself unpacks without a limit
    pages: list[list[Line]] = []
    widths: list[float] = []
    size = 0
    resources = PDFResourceManager()
    drawn = Drawn(resources)
    interpreter = PDFPageInterpreter(resources, drawn)
    try:
        for page in PDFPage.get_pages(io.BytesIO(file.raw)):
            file.check_time()
            interpreter.process_page(page)
            found = lines(drawn.glyphs)
            size += sum(len(line.text) for line in found)
            if size > LARGEST:
                raise JaneLMError(f"{file.name} unpacks to more than {LARGEST >> 20:,} MB, which is the limit: part it")
            if from_right("".join(line.text for line in found)):  # then it is laid out as in a mirror
                found = [replace(line, x0=drawn.width - line.x1, x1=drawn.width - line.x0) for line in found]
            pages.append(found)
            widths.append(drawn.width)
    except (PDFPasswordIncorrect, PDFEncryptionError):
        raise JaneLMError(f"{file.name} is locked with a password: save it without one") from None
    _check(file.name, size, len(pages), drawn.pictures, drawn.unnamed)
    if drawn.unnamed:
        said.append(f"left out {drawn.unnamed:,} signs of fonts that do not tell which letters they are")
    if drawn.aslant:
        said.append(f"left out {drawn.aslant:,} characters that stand upright or aslant")
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
