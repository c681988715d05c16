"""E-books: epub 2 and 3, and fb2."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ...errors import JaneLMError
from .base import Archive, File, Reading, dense, local, parse_xml
from .markup import is_contents, page_text, tidy


def is_epub(file: File) -> bool:
    return "META-INF/container.xml" in file.members


def read_epub(file: File) -> Reading:
    """The chapters in the order of the spine; navigation and notes are left out."""
    archive = Archive(file.name, file.raw)
    if archive.get("META-INF/encryption.xml") and b"EncryptedData" in archive.read("META-INF/encryption.xml"):
        locked = parse_xml(archive.read("META-INF/encryption.xml"))
        if any(not _is_font(element) for element in locked.iter() if local(element.tag) == "CipherReference"):
            raise JaneLMError(f"{file.name} is locked by its seller (DRM): only a book without that can be read")
    container = parse_xml(archive.read("META-INF/container.xml"))
    package = next(element.get("full-path") for element in container.iter() if local(element.tag) == "rootfile")
    root, base = parse_xml(archive.read(package)), posixpath.dirname(package)
    items = {element.get("id"): element for element in root.iter() if local(element.tag) == "item"}
    chapters, removed, notes, contents = [], 0, 0, 0
    for reference in root.iter():
        if local(reference.tag) != "itemref" or reference.get("linear") == "no":
            continue
        item = items.get(reference.get("idref"))
        if item is None or "nav" in (item.get("properties") or "").split() or "html" not in item.get("media-type", ""):
            continue
        file.check_time()
        path = posixpath.normpath(posixpath.join(base, unquote(item.get("href", ""))))
        raw = archive.get(path)
        if raw is None:
            continue
        page = raw.decode("utf-8", "replace")
        text, left_out, found = page_text(page)
        if is_contents(page):
            text, left_out, contents = "", left_out + dense(text), contents + 1
        removed, notes = removed + left_out, notes + found
        if text:
            chapters.append(text)
    said = [f"read {len(chapters):,} chapters of the epub"]
    if notes:
        said.append(f"left out {notes:,} notes and marks of notes")
    if contents:
        said.append("left out the table of contents")
    text = "\n\n".join(chapters) + "\n"
    return Reading(text, None, said, dense(text), removed)


def _is_font(element: Any) -> bool:
    return (element.get("URI") or "").lower().endswith((".otf", ".ttf", ".woff", ".woff2"))


def is_fb2(file: File) -> bool:
    return b"<FictionBook" in file.head


def read_fb2(file: File) -> Reading:
    """The bodies of the book but for its notes."""
    root = parse_xml(file.raw)
    parts: list[str] = []
    notes = 0
    for body in root:
        if local(body.tag) == "body":
            if body.get("name") in ("notes", "comments"):
                notes += dense("".join(body.itertext()))
            else:
                parts += _fb2_paragraphs(body)
    text = tidy("".join(parts)) + "\n"
    said = ["read the text of the fb2"] + ([f"left out its notes ({notes:,} characters)"] if notes else [])
    return Reading(text, None, said, dense(text), notes)


def _fb2_paragraphs(body: Any) -> Iterator[str]:
    for element in body.iter():
        kind = local(element.tag)
        if kind in ("p", "subtitle", "text-author"):
            yield "\n\n" + re.sub(r"\s+", " ", "".join(_fb2_text(element))).strip()
        elif kind == "v":
            yield "\n" + re.sub(r"\s+", " ", "".join(_fb2_text(element))).strip()
        elif kind in ("stanza", "empty-line", "section"):
            yield "\n\n"


def _fb2_text(element: Any) -> Iterator[str]:
    """All text of an element but for the marks of notes."""
    if local(element.tag) == "a" and element.get("type") == "note":
        return
    yield element.text or ""
    for child in element:
        yield from _fb2_text(child)
        yield child.tail or ""
