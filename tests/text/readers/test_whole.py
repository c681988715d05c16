"""Of files of each kind, whatever is in them: what is kept and what is left out are the whole."""

from html import escape
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from text.readers import files

from janelm.config import DataConfig
from janelm.text.cleaning import clean
from janelm.text.readers.base import File, Reading, dense
from janelm.text.readers.registry import READERS

WORDS = [
    "rain",
    "Käuze",
    "ß",
    "He said:",
    "дождь",
    "“so”",
    "e\u0301",
    "12",
    "well-\nknown",
    "a & b",
    "שלום",
    "x < y",
    "🦉",
    "{a\\b}",
]
PARAGRAPHS = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join), min_size=1, max_size=6)


def docx(kept: list[str], removed: list[str]) -> bytes:
    body = "".join(f"<w:p><w:r><w:t>{escape(p)}</w:t></w:r></w:p>" for p in kept)
    gone = "".join(f"<w:p><w:del><w:r><w:delText>{escape(p)}</w:delText></w:r></w:del></w:p>" for p in removed[::2])
    notes = "".join(f"<w:p><w:r><w:t>{escape(p)}</w:t></w:r></w:p>" for p in removed[1::2])
    return files.zipped(
        {
            "word/document.xml": f"<w:document {files.WORD}>{gone}{body}</w:document>",
            "word/endnotes.xml": f"<w:endnotes {files.WORD}>{notes}</w:endnotes>",
        }
    )


def odt(kept: list[str], removed: list[str]) -> bytes:
    body = "".join(f"<text:p>{escape(p)}</text:p>" for p in kept)
    notes = "".join(f"<text:p><text:note><text:p>{escape(p)}</text:p></text:note></text:p>" for p in removed)
    content = f"<office:document-content {files.ODF}>{notes}{body}</office:document-content>"
    return files.zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def epub(kept: list[str], removed: list[str]) -> bytes:
    spine = '<spine><itemref idref="a"/></spine>'
    return files.zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": files.CONTAINER,
            "OEBPS/book.opf": '<package><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
            f"</manifest>{spine}</package>",
            "OEBPS/a.xhtml": html(kept, removed),
        }
    )


def html(kept: list[str], removed: list[str]) -> bytes:
    inside = "".join(f"<p>{escape(p)}</p>" for p in kept)
    outside = "".join(f"<nav>{escape(p)}</nav>" for p in removed)
    return f"<html><body>{outside}{inside}</body></html>".encode()


def fb2(kept: list[str], removed: list[str]) -> bytes:
    body = "".join(f"<p>{escape(p)}</p>" for p in kept)
    notes = "".join(f"<p>{escape(p)}</p>" for p in removed)
    return f'<FictionBook><body>{body}</body><body name="notes">{notes}</body></FictionBook>'.encode()


def subtitles(kept: list[str], removed: list[str]) -> bytes:
    """Nothing is left out here but what is said twice, which `kept` may hold by itself."""
    times = "00:00:01,000 --> 00:00:02,000"
    said = [p.replace("<", "").replace("\n", " ") for p in (*kept, *removed)]
    return "".join(f"{number}\n{times}\n{line}\n\n" for number, line in enumerate(said, 1)).encode()


def gutenberg(kept: list[str], removed: list[str]) -> bytes:
    book = "\n\n".join(kept)
    frame = "PROJECT GUTENBERG EBOOK X ***"
    return f"{removed[0]}\n*** START OF THE {frame}\n{book}\n*** END OF THE {frame}\n{' '.join(removed)}\n".encode()


def rtf(kept: list[str], removed: list[str]) -> bytes:
    kinds = [r"\footnote\chftn", r"\header ", r"\*\annotation", r"\deleted\revauthdel1", r"\footerf "]
    aside = "".join(rf"{{{kind}{{\b {_escaped(p)}}}}}" for kind, p in zip(cycle(kinds), removed, strict=False))
    body = r"\par ".join(rf"{{\f0 {_escaped(p)}}}" for p in kept)
    return rf"{{\rtf1\ansi\ansicpg1252{{\fonttbl{{\f0 Times;}}}}\pard {aside}{body}\par}}".encode("ascii")


def _escaped(text: str) -> str:
    """As RTF has it: halves of UTF-16 as signed numbers, each with a sign for old readers."""
    halves = memoryview(text.encode("utf-16-le")).cast("h")
    return "".join(f"\\u{half}?" if not 31 < half < 127 or chr(half) in "\\{}" else chr(half) for half in halves)


def markdown(kept: list[str], removed: list[str]) -> bytes:
    """Settings at the top, comments, a head of its own, emphasis and addresses."""
    settings = "".join(f"{number}: {' '.join(p.split())}\n" for number, p in enumerate(removed))
    body = "\n\n".join(f"[*{escape(p)}*](http://x.example/{number})" for number, p in enumerate(kept))
    return f"---\n{settings}---\n# {escape(' '.join(kept[0].split()))}\n\n{body}\n\n<!-- {removed[0]} -->\n".encode()


MADE = {"docx": docx, "odt": odt, "epub": epub, "html": html, "fb2": fb2, "subtitles": subtitles, "plain": gutenberg}
MADE |= {"rtf": rtf, "markdown": markdown}


def read(kind: str, raw: bytes) -> Reading:
    return next(reader for reader in READERS if reader.name == kind).read(File(f"a.{kind}", raw, DataConfig()))


@pytest.mark.parametrize("kind", MADE)
@given(PARAGRAPHS, PARAGRAPHS)
def test_what_is_kept_and_what_is_left_out_are_the_whole(kind, kept, removed):
    """Subtitles that repeat, and what a Word file has struck out, used not to be counted."""
    raw = MADE[kind](kept, removed)
    reading, whole = read(kind, raw), " ".join(kept + removed)
    if kind in (
        "html",
        "subtitles",
        "plain",
        "markdown",
    ):  # these are put into their normal form before they are taken apart
        kept, whole = [clean(p)[0] for p in kept], clean(whole)[0]
    if kind == "subtitles":
        whole = whole.replace("<", "")
    if kind in ("plain", "markdown"):
        whole = clean(raw.decode())[0]
    if kind == "markdown":
        kept = [kept[0], *kept]
    assert reading.kept == dense(reading.text)
    assert reading.kept + reading.removed == dense(whole)
    if kind != "subtitles":
        assert reading.kept == dense(" ".join(kept))
    once = clean(reading.text)[0]
    assert clean(once) == (once, [])
