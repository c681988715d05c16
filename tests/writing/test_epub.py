"""EPUB files against what the EPUB 3.3 specification says a file must be, clause by clause."""

import re
import zipfile
from io import BytesIO
from xml.etree import ElementTree

import pytest

from janelm.writing.chapters import Book, Chapter
from janelm.writing.epub import epub

OPF, XHTML = "{http://www.idpf.org/2007/opf}", "{http://www.w3.org/1999/xhtml}"
OPS, XML = "{http://www.idpf.org/2007/ops}", "{http://www.w3.org/XML/1998/namespace}"
DC = "{http://purl.org/dc/elements/1.1/}"
BOOK = Book(
    "Rain & <Lamps>", 'The "miller"', "en-GB", [Chapter("One", ["It rained.", "<b>&amp;"]), Chapter("Two & on", [])]
)


@pytest.fixture(scope="module")
def archive():
    return zipfile.ZipFile(BytesIO(epub(BOOK)))


@pytest.fixture(scope="module")
def package(archive):
    return ElementTree.fromstring(archive.read("EPUB/content.opf"))


def test_the_file_says_what_it_is_in_its_first_bytes(archive):
    """OCF 4.3: mimetype comes first, not compressed, with no extra field, and holds nothing but the type."""
    first = archive.infolist()[0]
    assert first.filename == "mimetype" and first.compress_type == zipfile.ZIP_STORED and not first.extra
    assert archive.read("mimetype") == b"application/epub+zip"
    assert epub(BOOK)[30:58] == b"mimetypeapplication/epub+zip"


def test_the_container_names_the_package(archive):
    container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
    names = "{urn:oasis:names:tc:opendocument:xmlns:container}"
    (root,) = container.iter(f"{names}rootfile")
    assert container.get("version") == "1.0" and root.get("media-type") == "application/oebps-package+xml"
    assert root.get("full-path") in archive.namelist()


def test_the_package_has_what_every_publication_must(package):
    assert package.tag == f"{OPF}package" and package.get("version") == "3.0"
    parts = [child.tag for child in package]
    assert parts == [f"{OPF}metadata", f"{OPF}manifest", f"{OPF}spine"]  # in this order
    identified = [one for one in package.iter(f"{DC}identifier") if one.get("id") == package.get("unique-identifier")]
    assert len(identified) == 1 and identified[0].text.startswith("urn:sha256:")
    assert [one.text for one in package.iter(f"{DC}title")] == ["Rain & <Lamps>"]
    assert [one.text for one in package.iter(f"{DC}creator")] == ['The "miller"']
    assert [one.text for one in package.iter(f"{DC}language")] == ["en-GB"]
    (modified,) = [one.text for one in package.iter(f"{OPF}meta") if one.get("property") == "dcterms:modified"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", modified)


def test_the_manifest_lists_every_file_once_and_the_spine_every_page(archive, package):
    items = list(package.iter(f"{OPF}item"))
    ids = [item.get("id") for item in items]
    assert len(set(ids)) == len(ids)
    listed = [f"EPUB/{item.get('href')}" for item in items]
    assert sorted([*listed, "mimetype", "META-INF/container.xml", "EPUB/content.opf"]) == sorted(archive.namelist())
    types = {"xhtml": "application/xhtml+xml", "css": "text/css"}
    assert all(item.get("media-type") == types[item.get("href").rpartition(".")[2]] for item in items)
    assert [item.get("href") for item in items if item.get("properties") == "nav"] == ["nav.xhtml"]
    spine = [item.get("idref") for item in package.iter(f"{OPF}itemref")]
    assert spine == ["title", "nav", "chapter1", "chapter2"] and set(spine) <= set(ids)


def test_the_contents_are_one_list_whose_links_lead_to_the_chapters(archive):
    page = ElementTree.fromstring(archive.read("EPUB/nav.xhtml"))
    (nav,) = page.iter(f"{XHTML}nav")
    assert nav.get(f"{OPS}type") == "toc" and [child.tag for child in nav] == [f"{XHTML}h1", f"{XHTML}ol"]
    links = [(link.get("href"), link.text) for link in nav.iter(f"{XHTML}a")]
    assert links == [("chapter1.xhtml", "One"), ("chapter2.xhtml", "Two & on")]


def test_each_page_is_xhtml_in_the_books_language_with_a_title(archive):
    for name in archive.namelist():
        if name.endswith(".xhtml"):
            page = ElementTree.fromstring(archive.read(name))
            assert page.tag == f"{XHTML}html" and page.get("lang") == page.get(f"{XML}lang") == "en-GB"
            assert page.find(f"{XHTML}head/{XHTML}title").text
            assert b"<!DOCTYPE html>" in archive.read(name)[:80]


def test_a_language_from_the_right_turns_the_pages_the_other_way(package):
    assert package.find(f"{OPF}spine").get("page-progression-direction") == "ltr"
    archive = zipfile.ZipFile(BytesIO(epub(Book("T", "", "he", [Chapter("A", ["B"])]))))
    package = ElementTree.fromstring(archive.read("EPUB/content.opf"))
    assert package.find(f"{OPF}spine").get("page-progression-direction") == "rtl"
    assert ElementTree.fromstring(archive.read("EPUB/chapter1.xhtml")).get("dir") == "rtl"
    assert not list(package.iter(f"{DC}creator"))  # an empty one is not allowed


def test_the_same_book_is_the_same_file():
    assert epub(BOOK) == epub(BOOK)
    assert epub(BOOK) != epub(Book(BOOK.title, BOOK.author, "en-US", BOOK.chapters))
