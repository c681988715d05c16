"""PDF: what its pages say, without running heads and page numbers, in paragraphs again."""

from __future__ import annotations

import io
import re
import statistics
from collections import Counter

from ...errors import JaneLMError
from .base import LARGEST, File, Reading, dense

NUMBER = re.compile(
    r"^\W*(?:page|seite|p\.|стр\.)?\s*(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of|von|de)\s*\d+)?\W*$", re.IGNORECASE
)
EDGES = 2  # lines at the top and at the bottom of a page where heads and numbers stand


def is_pdf(file: File) -> bool:
    return b"%PDF-" in file.raw[:1024]


def read_pdf(file: File) -> Reading:
    """The text of the pages. Raises JaneLMError for one that is locked, or that is only pictures of pages."""
    pages = [_lines(page) for page in _pages(file)]
    whole = sum(dense("".join(page)) for page in pages)
    if whole < 20 * len(pages):
        raise JaneLMError(
            f"{file.name} is pictures of pages without text (a scan): run text recognition (OCR) over it first"
        )
    pages, edges = _without_edges(pages)
    text, hyphens = _paragraphs(pages)
    said = [f"read {len(pages):,} pages of the PDF and joined their lines into paragraphs"]
    if edges:
        said.append(f"left out {edges:,} running heads and page numbers")
    if hyphens:
        said.append(f"joined {hyphens:,} words that were parted at line ends")
    return Reading(text, None, said, dense(text), whole - dense(text))


def _pages(file: File) -> list[str]:
    try:
        from pypdf import PdfReader
    except ImportError:
        raise JaneLMError(
            f'{file.name} is a PDF, which needs an extra: install it with pip install "janelm[pdf]"'
        ) from None
    reader = PdfReader(io.BytesIO(file.raw))
    if reader.is_encrypted and not reader.decrypt(""):
        raise JaneLMError(f"{file.name} is locked with a password: save it without one")
    pages, size = [], 0
    for page in reader.pages:
        file.check_time()
        pages.append(page.extract_text() or "")
        size += len(pages[-1])
        if size > LARGEST:
            raise JaneLMError(f"{file.name} unpacks to more than {LARGEST >> 20:,} MB, which is the limit: part it")
    return pages


def _lines(page: str) -> list[str]:
    return [line.rstrip() for line in page.replace("\xad", "").splitlines()]


def _without_edges(pages: list[list[str]]) -> tuple[list[list[str]], int]:
    """The pages without lines at their edges that are numbers, or that many pages have but for a number in them."""
    seen: Counter[str] = Counter()
    for page in pages:
        filled = [line for line in page if line.strip()]
        seen.update({_shape(line) for line in (*filled[:EDGES], *filled[-EDGES:])})
    often = {shape for shape, count in seen.items() if count >= max(3, len(pages) / 5)}
    kept, removed = [], 0
    for page in pages:
        page = list(page)
        for last in (False, True):
            for _ in range(EDGES):
                while page and not page[-last].strip():
                    page.pop(-last)
                if page and (NUMBER.match(page[-last]) or _shape(page[-last]) in often):
                    page.pop(-last)
                    removed += 1
        kept.append(page)
    return kept, removed


def _shape(line: str) -> str:
    return re.sub(r"\d+|\b[ivxlc]+\b", "#", line.strip().lower())


def _paragraphs(pages: list[list[str]]) -> tuple[str, int]:
    """The lines joined: a paragraph ends at a blank line, or at a short line that ends a sentence."""
    lengths = [len(line) for page in pages for line in page if line.strip()]
    usual = statistics.quantiles(lengths, n=10)[7] if len(lengths) > 1 else 80
    paragraphs, hyphens = [""], 0
    for page in pages:
        for line in page:
            text = line.strip()
            if not text:
                if re.search(r"[.!?…:;”\"»’)\]]$", paragraphs[-1]):
                    paragraphs.append("")
                continue
            before = paragraphs[-1]
            if re.search(r"[^\W\d_][-‐]$", before) and text[0].islower():
                paragraphs[-1], hyphens = before[:-1] + text, hyphens + 1
            else:
                paragraphs[-1] = f"{before} {text}" if before else text
            if len(text) < 0.75 * usual and re.search(r"[.!?…”\"»’)]$", text):
                paragraphs.append("")
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n", hyphens
