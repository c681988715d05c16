"""Papers: docx, odt, RTF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...errors import JaneLMError
from .base import ZIP, Archive, File, Reading, dense, local, parse_xml
from .plain import read_plain


def is_docx(file: File) -> bool:
    return "word/document.xml" in file.members


def read_docx(file: File) -> Reading:
    """The paragraphs as they stand, without notes, heads, feet, comments and what was struck out."""
    archive = Archive(file.name, file.raw)
    struck_out, contents = [0], [0]
    text = _paragraphs(_docx_pieces(parse_xml(archive.read("word/document.xml")), struck_out, contents))
    said = ["read the paragraphs of the Word file"]
    notes = sum(
        _docx_size(parse_xml(raw)) for kind in ("footnotes", "endnotes") if (raw := archive.get(f"word/{kind}.xml"))
    )
    if notes:
        said.append(f"left out its notes ({notes:,} characters)")
    if struck_out[0]:
        said.append(f"left out what was struck out ({struck_out[0]:,} characters)")
    if contents[0]:
        said.append(f"left out its table of contents ({contents[0]:,} characters)")
    return Reading(text, None, said, dense(text), notes + struck_out[0] + contents[0])


def _docx_size(root: Any) -> int:
    return sum(dense(element.text or "") for element in root.iter() if local(element.tag) in ("t", "delText"))


def _docx_pieces(root: Any, struck_out: list[int], contents: list[int]) -> Iterator[str | None]:
    """Pieces of text, and None where a paragraph begins."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        kind = local(element.tag)
        if kind in ("del", "Fallback", "moveFrom"):  # Fallback says once more what stands beside it
            struck_out[0] += _docx_size(element) if kind != "Fallback" else 0
            continue
        if kind == "sdt" and any(local(part.tag) == "docPartGallery" and _is_contents(part) for part in element.iter()):
            contents[0] += _docx_size(element)
            continue
        if kind == "p":
            yield None
        elif kind == "t":
            yield element.text or ""
        elif kind in ("tab", "ptab") and not len(element) and not element.get(f"{element.tag.rpartition('}')[0]}}}val"):
            yield "\t"
        elif kind in ("br", "cr"):
            yield "\n"
        elif kind == "noBreakHyphen":
            yield "-"
        waiting += reversed(element)


def _is_contents(part: Any) -> bool:
    return "Table of Contents" in part.attrib.values()


def _paragraphs(pieces: Iterator[str | None]) -> str:
    paragraphs: list[list[str]] = [[]]
    for piece in pieces:
        if piece is None:
            paragraphs.append([])
        else:
            paragraphs[-1].append(piece)
    whole = ("".join(paragraph).strip() for paragraph in paragraphs)
    return "\n\n".join(paragraph for paragraph in whole if paragraph) + "\n"


def is_odt(file: File) -> bool:
    return file.raw.startswith(ZIP) and b"application/vnd.oasis.opendocument.text" in file.raw[:200]


def read_odt(file: File) -> Reading:
    """The paragraphs as they stand, without notes, comments, tables of contents and what was struck out."""
    archive = Archive(file.name, file.raw)
    manifest = archive.get("META-INF/manifest.xml") or b""
    if b"encryption-data" in manifest:
        raise JaneLMError(f"{file.name} is locked with a password: save it without one")
    removed = [0]
    text = _paragraphs(_odt_pieces(parse_xml(archive.read("content.xml")), removed))
    said = ["read the paragraphs of the OpenDocument file"]
    if removed[0]:
        said.append(f"left out notes, comments and contents ({removed[0]:,} characters)")
    return Reading(text, None, said, dense(text), removed[0])


def _odt_pieces(root: Any, removed: list[int]) -> Iterator[str | None]:
    waiting: list[Any] = [root]
    while waiting:
        element = waiting.pop()
        if isinstance(element, str):
            yield element
            continue
        kind = local(element.tag)
        if kind in ("note", "annotation", "tracked-changes", "table-of-content", "alphabetical-index"):
            removed[0] += dense("".join(element.itertext()))
            continue
        inside = kind in ("p", "h", "span", "a", "bookmark", "ruby-base", "meta")
        if kind in ("p", "h"):
            yield None
        elif kind == "s":
            count = next((value for name, value in element.items() if local(name) == "c"), "1")
            yield " " * min(int(count), 1000)
        elif kind == "tab":
            yield "\t"
        elif kind == "line-break":
            yield "\n"
        if inside:
            yield re.sub(r"\s+", " ", element.text or "")
        for child in reversed(element):
            if inside:
                waiting.append(re.sub(r"\s+", " ", child.tail or ""))
            waiting.append(child)


def is_rtf(file: File) -> bool:
    return file.raw.startswith(b"{\\rtf")


# What stands in a paragraph, or beside it, and is no part of the text. Word marks what was struck out by a property.
RTF_ASIDE = re.compile(r"(?:\\\*\s*)?\\(?:footnote|header[flr]?|footer[flr]?|annotation|deleted)(?![a-z\d]) ?")


def read_rtf(file: File) -> Reading:
    """The paragraphs as they stand, without notes, heads, feet, comments and what was struck out."""
    if not is_rtf(file):
        return read_plain(file)
    if not file.raw.rstrip(b"\0\r\n\t ").endswith(b"}"):
        raise JaneLMError(f"{file.name} breaks off before its end: save or fetch it anew")
    # Its own bytes are ASCII; others come as escapes, whose code page it names.
    source = file.raw.decode("cp1252", "replace")
    text = _rtf_text(RTF_ASIDE.sub(r"\\footnote ", source))
    removed = dense(_rtf_text(RTF_ASIDE.sub("", source))) - dense(text) if RTF_ASIDE.search(source) else 0
    said = ["read the text of the RTF file"]
    if removed:
        said.append(f"left out notes, comments, heads, feet and what was struck out ({removed:,} characters)")
    return Reading(text, None, said, dense(text), removed)


def _rtf_text(source: str) -> str:
    from striprtf.striprtf import rtf_to_text

    source = re.sub(r"(\\fldinst\b[^}]*?)HYPERLINK", r"\1LINK", source)  # or the address would stand behind its words
    source = re.sub(r"\\(?:nest)?cell(?![a-z\d])", r"\\tab", source)  # or it would be a bar
    text = rtf_to_text(source, errors="replace").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"
