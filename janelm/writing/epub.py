"""A book as EPUB 3.3 (W3C Recommendation, 2023): the few XML files that it is, in a zip archive.

    mimetype                first, not compressed, so that the file says what it is
    META-INF/container.xml  where the package is
    EPUB/content.opf        the package: title, author, language, every file, and their order
    EPUB/nav.xhtml          the contents
    EPUB/title.xhtml, EPUB/chapter1.xhtml, ...
    EPUB/styles.css

The same book is the same file, byte for byte: names of the moment and times of the day have no place in it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from html import escape

from .chapters import Book
from .language import written_from_right

MODIFIED = "1980-01-01T00:00:00Z"  # which every package must state; the first day of which a zip archive can tell
DATE = (1980, 1, 1, 0, 0, 0)

CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="EPUB/content.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""

PACKAGE = """<?xml version="1.0" encoding="UTF-8"?>
<package version="3.0" xmlns="http://www.idpf.org/2007/opf" unique-identifier="id" xml:lang="{language}">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:sha256:{digest}</dc:identifier>
<dc:title>{title}</dc:title>
<dc:language>{language}</dc:language>
{creator}<meta property="dcterms:modified">{modified}</meta>
</metadata>
<manifest>
{items}
</manifest>
<spine page-progression-direction="{direction}">
{spine}
</spine>
</package>
"""

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="{language}" \
xml:lang="{language}" dir="{direction}">
<head><title>{title}</title><link rel="stylesheet" type="text/css" href="styles.css"/></head>
<body>
{body}
</body>
</html>
"""

STYLES = """
body { font-family: serif; line-height: 1.4; }
h1 { text-align: center; font-weight: normal; margin: 3em 0 2em; }
p { margin: 0; text-indent: 1.5em; text-align: justify; }
h1 + p { text-indent: 0; }
.author { text-align: center; text-indent: 0; }
"""


def epub(book: Book) -> bytes:
    """The file. The texts of the book must hold no character that XML cannot."""
    pages = {"title": _heading(book.title) + (f'\n<p class="author">{escape(book.author)}</p>' if book.author else "")}
    pages["nav"] = _contents(book)
    for number, chapter in enumerate(book.chapters, start=1):
        paragraphs = "".join(f"\n<p>{escape(text)}</p>" for text in chapter.paragraphs)
        pages[f"chapter{number}"] = _heading(chapter.title) + paragraphs
    headings = [book.title, "Contents", *(chapter.title for chapter in book.chapters)]
    files = {"META-INF/container.xml": CONTAINER, "EPUB/content.opf": _package(book, list(pages))}
    for (name, body), heading in zip(pages.items(), headings, strict=True):
        files[f"EPUB/{name}.xhtml"] = PAGE.format(title=escape(heading), body=body, **_about(book))
    return _archive(files | {"EPUB/styles.css": STYLES})


def _about(book: Book) -> dict[str, str]:
    return {"language": escape(book.language), "direction": "rtl" if written_from_right(book.language) else "ltr"}


def _heading(text: str) -> str:
    return f"<h1>{escape(text)}</h1>"


def _contents(book: Book) -> str:
    links = "\n".join(
        f'<li><a href="chapter{number}.xhtml">{escape(chapter.title)}</a></li>'
        for number, chapter in enumerate(book.chapters, start=1)
    )
    return f'<nav epub:type="toc">\n{_heading("Contents")}\n<ol>\n{links}\n</ol>\n</nav>'


def _package(book: Book, pages: list[str]) -> str:
    properties = {"nav": ' properties="nav"'}
    items = [
        f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"{properties.get(name, "")}/>'
        for name in pages
    ]
    return PACKAGE.format(
        digest=hashlib.sha256(book.text().encode()).hexdigest(),  # the same book is the same to an e-book reader
        title=escape(book.title),
        creator=f"<dc:creator>{escape(book.author)}</dc:creator>\n" if book.author else "",
        modified=MODIFIED,
        items="\n".join([*items, '<item id="styles" href="styles.css" media-type="text/css"/>']),
        spine="\n".join(f'<itemref idref="{name}"/>' for name in pages),
        **_about(book),
    )


def _archive(files: dict[str, str]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(zipfile.ZipInfo("mimetype", DATE), "application/epub+zip")
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return written.getvalue()
