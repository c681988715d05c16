"""HTML and Markdown: the text that a person reads, without menus, scripts and marks."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any, NamedTuple

from ...errors import JaneLMError
from .base import File, Reading, dense, local, parse_xml

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
BLOCKS = {"div", "section", "ul", "ol", "dl", "table", "p", "header", "td"}  # what may be a menu
# A class or an id that says so: menu, site-nav, breadcrumbs; but not has-sidebar, which is of the whole page.
MENU = re.compile(
    r"(?:^|\s)(?!has-|no-|with-)(?:[\w-]*[-_])?(?:menu|nav|navbar|navigation|sidebar|breadcrumbs?|footer|pagination|pager"
    r"|cookies?|newsletter|adverts?|skip)"
    r"(?:[-_](?:list|items?|links|wrapper|container|inner|bar|banner|notice|link))?(?=\s|$)",
    re.IGNORECASE,
)
MOST = 4  # times the text that is left, which the menus of a page may be
LINKS, LINKED, LABEL = 3, 0.6, 40  # links of a menu at least, their share of its text, and characters of one at most
CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
XML_ENCODING = re.compile(rb"\A<\?xml[^>]+encoding\s*=\s*[\"']([\w-]+)")
FRONT_MATTER = re.compile(r"\A(---|\+\+\+)\n.*?\n\1\n", re.DOTALL)


class _Block(NamedTuple):
    """Where an element began: its first part, and the links, their characters and all characters before it."""

    tag: str
    part: int
    links: int
    linked: int
    size: int


class _Page(HTMLParser):
    """Gathers the text of a page: its main part, where it names one, and what is skipped, by its size.

    With `menus`, what names itself a menu, or is hardly more than links, is skipped too.
    """

    def __init__(self, only: str | None, menus: bool = False) -> None:
        super().__init__(convert_charrefs=True)
        self.in_menus = 0  # characters
        self._menus = menus
        self._blocks: list[_Block] = []  # those that are open...
        self._open = Counter[str]()  # ...by their tags
        self._seen = _Block("", 0, 0, 0, 0)  # all so far
        self._in_link = self._by_name = False
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
        elif tag not in VOID and (tag in SKIPPED or kinds & NOTES or hidden or self._named_menu(tag, given)):
            self.notes += bool(kinds & NOTES)
            self._skipping.append(tag)
            self._by_name = self._named_menu(tag, given)
        else:
            self._begin(tag, given)

    def _begin(self, tag: str, given: dict[str, str]) -> None:
        if tag == "a" and "href" in given:
            self._in_link = True
            self._seen = self._seen._replace(links=self._seen.links + 1)
        if self._menus and tag in BLOCKS:
            if tag == "p":
                self._end_block(tag)  # nobody need close it
            self._blocks.append(self._seen._replace(tag=tag, part=len(self.parts)))
            self._open[tag] += 1
        if tag in PARAGRAPHS:
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
        elif tag == "a":
            self._in_link = False
        else:
            self._end_block(tag)
            if tag in PARAGRAPHS:
                self._pre = max(0, self._pre - (tag == "pre"))
                self.parts.append("\n\n")

    def _named_menu(self, tag: str, given: dict[str, str]) -> bool:
        return self._menus and tag in BLOCKS and bool(MENU.search(f"{given.get('class', '')} {given.get('id', '')}"))

    def _end_block(self, tag: str) -> None:
        """Leave out a block that is hardly more than links with short labels."""
        began = None
        while self._open[tag] and (began is None or began.tag != tag):
            began = self._blocks.pop()
            self._open[began.tag] -= 1
        if began is None:
            return
        links, size = self._seen.links - began.links, self._seen.size - began.size
        if links >= LINKS and self._seen.linked - began.linked > LINKED * size and size < LABEL * links:
            self.removed += size
            self.in_menus += size
            del self.parts[began.part :]
            self._seen = began

    def handle_data(self, data: str) -> None:
        size = dense(data)
        if self._skipping or (self._only and not self._inside):
            self.removed += size
            self.in_menus += size * (bool(self._skipping) and self._by_name)
            return
        _, _, links, linked, seen = self._seen
        self._seen = _Block("", 0, links, linked + size * self._in_link, seen + size)
        if self._pre:
            self.parts.append(data)
        else:
            self.parts.append(re.sub(r"[ \t\n\r\f]+", " ", data))


def page_text(html: str, menus: bool = False) -> tuple[str, int, int]:
    """The text of a page, how much was left out (characters but white space), and how many notes were.

    With `menus`, those that only their names or their links betray are left out, unless hardly anything is left then.
    """
    lower = html.lower()
    only = next((tag for tag in ("main", "article") if f"<{tag}" in lower and f"</{tag}" in lower), None)
    page, text = _read_page(html, only, menus)
    if only and not text:
        page, text = _read_page(html, None, menus)
    if page.in_menus > MOST * dense(text):
        return page_text(html)
    return text, page.removed, page.notes


def is_contents(html: str) -> bool:
    """Whether a page is hardly more than links with short labels, as a table of contents is."""
    if "<a" not in html.lower():
        return False
    links, linked, size = _read_page(html, None, False)[0]._seen[2:]
    return links >= LINKS and linked > LINKED * size and size < LABEL * links


def _read_page(html: str, only: str | None, menus: bool) -> tuple[_Page, str]:
    page = _Page(only, menus)
    page.feed(html)
    page.close()
    return page, tidy("".join(page.parts))


def tidy(text: str) -> str:
    """No blanks around line ends, and never more than one blank line."""
    text = re.sub(r"(?<! ) *\n *", "\n", text)
    text = re.sub(r" {2,}", " ", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n ")


def is_xml(file: File) -> bool:
    return file.head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<?xml") and not is_html(file)


def read_xml(file: File) -> Reading:
    """The text of all elements, without what TEI says about the text, and its notes."""
    parts: list[str] = []
    removed = [0]
    _xml_parts(parse_xml(file.raw), parts, removed)
    text = tidy("".join(parts)) + "\n"
    said = ["read the text of the XML file: its tags are left out"]
    if removed[0]:
        said.append(f"left out its head and notes ({removed[0]:,} characters)")
    return Reading(text, None, said, dense(text), removed[0])


def _xml_parts(root: Any, parts: list[str], removed: list[int]) -> None:
    """The pieces of an element's text. What stands among words is one of them, all else a paragraph."""
    waiting: list[Any] = [(root, False)]
    while waiting:
        element, among_words = waiting.pop()
        if isinstance(element, str):
            parts.append(element)
            continue
        kind = local(element.tag)
        if kind in ("teiHeader", "note") or not kind:  # without a name it is a comment
            removed[0] += dense("".join(element.itertext())) if kind else 0
            continue
        gap = "\n" if kind in ("l", "lb", "br") else "" if among_words else "\n\n"
        words = bool("".join([element.text or "", *(child.tail or "" for child in element)]).strip())
        parts += ["" if gap == "\n" else gap, re.sub(r"\s+", " ", element.text or "")]
        waiting.append((gap, True))
        for child in reversed(element):
            waiting += [(re.sub(r"\s+", " ", child.tail or ""), True), (child, words)]


def is_html(file: File) -> bool:
    head = file.head.lstrip(b"\xef\xbb\xbf \r\n\t")[:2000].lower()
    return head.startswith((b"<!doctype html", b"<html")) or (head.startswith(b"<?xml") and b"<html" in head)


def read_html(file: File) -> Reading:
    said: list[str] = []
    if b"page_body chat_page" in file.head:
        raise JaneLMError(f"{file.name} is Telegram's export as a page: export it as JSON (machine-readable) instead")
    named = CHARSET.search(file.head) or XML_ENCODING.search(file.head)
    html = file.text(said, _sound(named.group(1).decode(), file.raw) if named else None)
    text, removed, _ = page_text(html, menus=True)
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
    text = page_text(MarkdownIt("commonmark").enable("table").render(source[found.end() if found else 0 :]))[0]
    marks = dense(source) - front - dense(text)
    if front:
        said.append(f"left out the settings at the top ({front:,} characters)")
    said.append(f"read as Markdown: its marks, addresses of links and comments are left out ({marks:,} characters)")
    return Reading(text + "\n", None, said, dense(text), front + marks)
