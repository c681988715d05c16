"""HTML and Markdown: the text that a person reads, without menus, scripts and marks."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from .base import File, Reading, dense

SKIPPED = {
    "script",
    "style",
    "nav",
    "footer",
    "aside",
    "form",
    "noscript",
    "template",
    "svg",
    "button",
    "select",
    "head",
}
SKIPPED |= {"iframe", "object", "audio", "video", "canvas", "math", "dialog", "textarea", "rt", "rp"}
NOTES = {"footnote", "footnotes", "endnote", "endnotes", "rearnote", "rearnotes", "noteref", "pagebreak", "toc"}
NOTES |= {
    "doc-footnote",
    "doc-endnote",
    "doc-endnotes",
    "doc-noteref",
    "doc-pagebreak",
    "doc-toc",
    "navigation",
    "banner",
}
NOTES |= {"search", "contentinfo", "landmarks", "page-list"}
PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "div", "section", "article", "blockquote", "ul", "ol", "table"}
PARAGRAPHS |= {"pre", "figure", "hr", "main", "dl", "body", "header", "address", "figcaption", "details", "center"}
LINES = {"br", "li", "tr", "dt", "dd", "option", "summary"}
VOID = {"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"}
CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
XML_ENCODING = re.compile(rb"\A<\?xml[^>]+encoding\s*=\s*[\"']([\w-]+)")
FRONT_MATTER = re.compile(r"\A(---|\+\+\+)\n.*?\n\1\n", re.DOTALL)


class _Page(HTMLParser):
    """Gathers the text of a page: its main part, where it names one, and what is skipped, by its size."""

    def __init__(self, only: str | None) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.removed, self.notes = 0, 0
        self._only, self._inside = only, 0
        self._skipping: list[str] = []  # the open elements from the first skipped one on
        self._pre = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == self._only:
            self._inside += 1
        given = {name: value or "" for name, value in attributes}
        kinds = set(f"{given.get('epub:type', '')} {given.get('role', '')}".split())
        hidden = "hidden" in given or given.get("aria-hidden") == "true"
        if self._skipping:
            if tag not in VOID:
                self._skipping.append(tag)
        elif tag not in VOID and (tag in SKIPPED or kinds & NOTES or hidden):
            self.notes += bool(kinds & NOTES)
            self._skipping.append(tag)
        elif tag in PARAGRAPHS:
            self._pre += tag == "pre"
            self.parts.append("\n\n")
        elif tag in LINES:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append("\t")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._only:
            self._inside = max(0, self._inside - 1)
        if self._skipping:
            if tag in self._skipping:  # what was never closed ends with what holds it
                while self._skipping.pop() != tag:
                    pass
            elif tag in ("body", "html"):
                self._skipping.clear()
        elif tag in PARAGRAPHS:
            self._pre = max(0, self._pre - (tag == "pre"))
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if self._skipping or (self._only and not self._inside):
            self.removed += dense(data)
        elif self._pre:
            self.parts.append(data)
        else:
            self.parts.append(re.sub(r"[ \t\n\r\f]+", " ", data))


def page_text(html: str) -> tuple[str, int, int]:
    """The text of a page, how much was left out (characters but white space), and how many notes were."""
    lower = html.lower()
    only = next((tag for tag in ("main", "article") if f"<{tag}" in lower and f"</{tag}" in lower), None)
    page = _Page(only)
    page.feed(html)
    page.close()
    text = tidy("".join(page.parts))
    if only and not text:
        page = _Page(None)
        page.feed(html)
        page.close()
        text = tidy("".join(page.parts))
    return text, page.removed, page.notes


def tidy(text: str) -> str:
    """No blanks around line ends, and never more than one blank line."""
    text = re.sub(r"(?<! ) *\n *", "\n", text)
    text = re.sub(r" {2,}", " ", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n ")


def is_html(file: File) -> bool:
    head = file.head.lstrip(b"\xef\xbb\xbf \r\n\t")[:2000].lower()
    return head.startswith((b"<!doctype html", b"<html")) or (head.startswith(b"<?xml") and b"<html" in head)


def read_html(file: File) -> Reading:
    said: list[str] = []
    named = CHARSET.search(file.head) or XML_ENCODING.search(file.head)
    html = file.text(said, _sound(named.group(1).decode(), file.raw) if named else None)
    text, removed, _ = page_text(html)
    if removed:
        said.append(f"left out {removed:,} characters of menus, scripts and the like")
    return Reading(text, None, said, dense(text), removed)


def _sound(encoding: str, raw: bytes) -> str | None:
    """The encoding that a page names, unless it is none or the page is UTF-8 after all."""
    try:
        raw.decode()
        return None
    except UnicodeDecodeError:
        pass
    try:
        raw.decode(encoding)
        return "cp1252" if encoding.lower() in ("iso-8859-1", "latin-1", "latin1") else encoding
    except (LookupError, UnicodeError):
        return None


def read_markdown(file: File) -> Reading:
    """Markdown's text by way of HTML; the settings at its top are left out."""
    from markdown_it import MarkdownIt

    said: list[str] = []
    source = file.text(said)
    found = FRONT_MATTER.match(source)
    front = dense(found.group()) if found else 0
    text, removed, _ = page_text(MarkdownIt("commonmark").enable("table").render(source[found.end() if found else 0 :]))
    if front:
        said.append(f"left out the settings at the top ({front:,} characters)")
    said.append("read as Markdown: its marks are left out")
    return Reading(text + "\n", None, said, dense(text), removed + front)
