"""Generated books, read back. PDFs are read with pypdf, which only the tests need."""

import io
import sys
import zipfile
from xml.etree import ElementTree

import pypdf
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small import write_text

from janelm.errors import JaneLMError, UsageError
from janelm.text.tokenizers import REPLACEMENT
from janelm.writing.books import check_book, write_book
from janelm.writing.chapters import Chapter, split_chapters

XHTML = "{http://www.w3.org/1999/xhtml}"
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
HOSTILE = "<script>alert('1')</script> & \"q\" &amp; ]]> <!-- <b>bold</b> </p></body> &#0;"
NOVEL = """It rained on
the miller.

VOLUME I

CHAPTER 1


The aunt spoke,
and nobody  answered
her.

  The lamp went out.
Chapter II.
The end came.
"""
PROSE = st.text(st.sampled_from("ab é,.") | st.just("\n"), max_size=60)
HEADINGS = st.sampled_from(["\nCHAPTER 4\n", "\n  Chapter XIV.\n", "\nVOLUME II\n", "\n\n", "\nchapter 1\n"])
ANY_TEXT = st.text(st.characters(), max_size=80)  # control characters and lone surrogates too


def read_epub(path) -> list[tuple[str, list[str]]]:
    """Heading and paragraphs of each page of the book's text, in reading order; every file must be XML."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        trees = {name: ElementTree.fromstring(archive.read(name)) for name in archive.namelist() if _is_xml(name)}
    package = next(tree for name, tree in trees.items() if name.endswith(".opf"))
    files = {item.get("id"): item.get("href") for item in package.iter() if item.tag.endswith("}item")}
    spine = [files[item.get("idref")] for item in package.iter() if item.tag.endswith("}itemref")]
    pages = [trees[f"EPUB/{name}"] for name in spine if name != "nav.xhtml"]
    for page in pages:
        assert {element.tag for element in page.iter(f"{XHTML}*")} <= {
            f"{XHTML}{tag}" for tag in ("html", "head", "title", "link", "body", "h1", "p")
        }
    return [(page.find(f".//{XHTML}h1").text, [p.text for p in page.iter(f"{XHTML}p")]) for page in pages]


def _is_xml(name: str) -> bool:
    return name.endswith((".xhtml", ".opf", ".ncx", ".xml"))


def pdf_pages(path) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(path).pages]


def font_with(characters: str, path):
    """A font in which each of these is a box: TrueType or, by the ending .otf, PostScript's curves."""
    truetype = path.suffix == ".ttf"
    pen = TTGlyphPen(None) if truetype else T2CharStringPen(600, None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (500, 700), (500, 0)):
        pen.lineTo(corner)
    pen.closePath()
    names = {ord(character): f"uni{ord(character):04X}" for character in {*characters, " "}}
    font = FontBuilder(1000, isTTF=truetype)
    font.setupGlyphOrder([".notdef", *names.values()])
    font.setupCharacterMap(names)
    if truetype:
        font.setupGlyf(dict.fromkeys([".notdef", *names.values()], pen.glyph()))
    else:
        drawings = dict.fromkeys([".notdef", *names.values()], pen.getCharString())
        font.setupCFF("Boxes", {"FullName": "Boxes"}, drawings, {})
    font.setupHorizontalMetrics(dict.fromkeys([".notdef", *names.values()], (600, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Boxes", "styleName": "Regular"})
    font.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    font.setupPost()
    font.save(path)
    return path


def words_of(chapters: list[Chapter], titles: bool) -> list[str]:
    return [word for c in chapters for text in ([c.title] * titles + c.paragraphs) for word in text.split()]


def test_headings_of_the_text_become_chapters_and_wrapped_lines_are_joined():
    assert split_chapters(NOVEL) == [
        Chapter("Opening", ["It rained on the miller."]),
        Chapter("VOLUME I", []),
        Chapter("CHAPTER 1", ["The aunt spoke, and nobody answered her.", "The lamp went out."]),
        Chapter("Chapter II.", ["The end came."]),
    ]


@pytest.mark.parametrize("line", ["CHAPTER 12", "  Chapter IV. ", "VOLUME the First", "Chapter Three", "PART II:"])
def test_a_heading_alone_on_its_line_is_one(line):
    assert split_chapters(f"{line}\nIt rained.") == [Chapter(" ".join(line.split()), ["It rained."])]


@pytest.mark.parametrize(
    "line", ["chapter 12", "Chapter 3 was long", "See Chapter 3", "Volume", "Part mild", "BOOKS 1"]
)
def test_what_only_looks_like_a_heading_is_text(line):
    assert split_chapters(f"{line}\nIt rained.") == [Chapter("Chapter 1", [f"{line} It rained."])]


@given(st.lists(PROSE | HEADINGS, max_size=12).map("".join), st.integers(1, 20))
@example("a\xa0b\u2028c\x0bd\x85e", 1)
@settings(max_examples=300)
def test_no_word_of_the_text_is_lost(text, chapter_words):
    chapters = split_chapters(text, chapter_words)
    headed = any("".join(line.split()).startswith(("CHAPTER", "Chapter", "VOLUME")) for line in text.splitlines())
    if headed and chapters[0].title == "Opening":
        chapters[0] = Chapter("", chapters[0].paragraphs)  # that title is ours
    assert words_of(chapters, titles=headed) == text.split()
    assert not any("\n" in text for chapter in chapters for text in chapter.paragraphs)


def test_chinese_has_no_blanks_between_lines_and_is_cut_into_chapters():
    """A text without blanks was one word, so one chapter."""
    line = "春天来了，花园里的花都开了。她读着信。"
    chapters = split_chapters(f"{line}\n" * 1200)
    assert len(chapters) == 4 and {text for chapter in chapters for text in chapter.paragraphs} == {line}
    assert split_chapters("春天\n来了，\nand the\nmiller") == [Chapter("Chapter 1", ["春天来了， and the miller"])]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 100))
def test_a_text_without_headings_is_cut_evenly_at_paragraph_ends(counts, chapter_words):
    paragraphs = [" ".join(["word"] * count) for count in counts]
    chapters = split_chapters("\n\n".join(paragraphs), chapter_words)
    assert [text for chapter in chapters for text in chapter.paragraphs] == paragraphs
    assert [chapter.title for chapter in chapters] == [f"Chapter {n}" for n in range(1, len(chapters) + 1)]
    parts = max(1, round(sum(counts) / chapter_words))
    assert len(chapters) <= parts
    for chapter in chapters:
        assert chapter.paragraphs
        assert abs(len(words_of([chapter], False)) - sum(counts) / parts) <= 2 * max(counts)


@pytest.mark.parametrize("format", ["txt", "epub", "pdf"])
def test_a_text_without_words_is_refused_and_nothing_is_written(tmp_path, format):
    with pytest.raises(JaneLMError, match="no text to make a book of"):
        write_book(tmp_path / "book", " \n\n\t\n", "T", "A", format)
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_and_a_chapter_of_no_words_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"'doc', but must be one of txt, epub, pdf"):
        write_book(tmp_path / "book.doc", "Text.", "T", "A", "doc")
    with pytest.raises(UsageError, match="a chapter of 0 words"):
        write_book(tmp_path / "book.txt", "Text.", "T", "A", "txt", chapter_words=0)


def test_a_missing_library_is_named_as_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "reportlab", None)
    with pytest.raises(JaneLMError, match=r'pip install "janelm\[book\]"'):
        write_book(tmp_path / "book", "Text.", "T", "A", "pdf")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["txt", "epub", "pdf"])
def test_a_book_that_cannot_be_written_is_an_error_and_the_old_one_stays(tmp_path, monkeypatch, format):
    book = tmp_path / "book"
    book.write_text("old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("janelm.machine.files.os.replace", refuse)
    with pytest.raises(JaneLMError, match="No space left"):
        write_book(book, NOVEL, "T", "A", format)
    assert [file.name for file in tmp_path.iterdir()] == ["book"] and book.read_text() == "old"


def test_plain_text_is_read_back_as_the_same_chapters(tmp_path):
    assert write_book(tmp_path / "book.txt", NOVEL, "Rain", "JaneLM", "txt") == []
    written = (tmp_path / "book.txt").read_text(encoding="utf-8")
    assert written.startswith("Rain\n\nby JaneLM\n\n\nOpening\n\nIt rained on the miller.\n\n\nVOLUME I\n")
    front, *chapters = split_chapters(written)
    assert front.paragraphs == ["Rain", "by JaneLM", "Opening", "It rained on the miller."]
    assert chapters == split_chapters(NOVEL)[1:]


def test_an_epub_has_its_chapters_in_order(tmp_path):
    assert write_book(tmp_path / "book.epub", NOVEL, "Rain", "JaneLM", "epub", language="en-GB") == []
    chapters = [(chapter.title, chapter.paragraphs) for chapter in split_chapters(NOVEL)]
    assert read_epub(tmp_path / "book.epub") == [("Rain", ["JaneLM"]), *chapters]
    with zipfile.ZipFile(tmp_path / "book.epub") as archive:
        package = ElementTree.fromstring(archive.read("EPUB/content.opf"))
        contents = ElementTree.fromstring(archive.read("EPUB/nav.xhtml"))
    stated = {name: package.find(f".//{DUBLIN_CORE}{name}").text for name in ("title", "creator", "language")}
    assert stated == {"title": "Rain", "creator": "JaneLM", "language": "en-GB"}
    assert [link.text for link in contents.iter(f"{XHTML}a")][:4] == [title for title, _ in chapters]


def test_hostile_text_stays_text_in_an_epub(tmp_path):
    write_book(tmp_path / "book.epub", f"{HOSTILE}\n\nCHAPTER 1\n\n{HOSTILE}", HOSTILE, HOSTILE, "epub")
    pages = read_epub(tmp_path / "book.epub")  # which also checks that no element but the book's own is there
    assert pages == [(HOSTILE, [HOSTILE]), ("Opening", [HOSTILE]), ("CHAPTER 1", [HOSTILE])]


@given(ANY_TEXT)
@example("\x00\x1f\x7f\x9f\ud800\ufffe\uffff\U0001f600 \xa0 \xad \u200b \u202e a\tb")
def test_any_text_makes_an_epub_and_keeps_its_words(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "book.epub"
    report = write_book(path, f"Words. {text}", text, text, "epub", language="en")
    ((_, _), *chapters) = read_epub(path)
    read = "".join(word for _, paragraphs in chapters for text in paragraphs for word in text.split())
    given = "".join(f"Words. {text}".replace("\x1f", "\0").split())  # which split takes for white space
    assert all(a in (b, REPLACEMENT) for a, b in zip(read, given, strict=True))
    assert bool(report) == (read != given)


def test_a_pdf_has_a_title_page_contents_and_numbered_pages(tmp_path):
    assert write_book(tmp_path / "book.pdf", NOVEL, "Rain", "JaneLM", "pdf") == []
    title, contents, *pages = pdf_pages(tmp_path / "book.pdf")
    assert title.split() == ["Rain", "JaneLM"]
    assert " ".join(contents.split()) == "Contents 3 Opening 4 VOLUME I 5 CHAPTER 1 6 Chapter II. 2"
    assert [" ".join(page.split()) for page in pages[:3]] == [
        "Opening It rained on the miller. 3",
        "VOLUME I 4",
        "CHAPTER 1 The aunt spoke, and nobody answered her. The lamp went out. 5",
    ]
    reader = pypdf.PdfReader(tmp_path / "book.pdf")
    assert (reader.metadata.title, reader.metadata.author) == ("Rain", "JaneLM")
    assert [entry.title for entry in reader.outline] == ["Opening", "VOLUME I", "CHAPTER 1", "Chapter II."]
    fonts = [font.get_object() for font in reader.pages[2]["/Resources"]["/Font"].values()]
    (serif,) = (font for font in fonts if "DejaVuSerif" in font["/BaseFont"])
    assert "/FontFile2" in serif["/FontDescriptor"]


def test_contents_of_several_pages_name_the_right_pages(tmp_path):
    count = 61
    text = "".join(f"CHAPTER {number}\n\nIt rained.\n\n" for number in range(1, count + 1))
    write_book(tmp_path / "book.pdf", text, "Rain", "JaneLM", "pdf")
    pages = pdf_pages(tmp_path / "book.pdf")
    before = len(pages) - count
    assert before > 2
    listed = " ".join(" ".join(page.split()[:-1]) for page in pages[1:before])  # less the page's own number
    assert listed == " ".join(["Contents", *(f"{n + before} CHAPTER {n}" for n in range(1, count + 1))])
    for number, page in enumerate(pages[before:], 1):
        assert page.split() == ["CHAPTER", str(number), "It", "rained.", str(number + before)]


def test_a_long_paragraph_flows_over_pages_and_keeps_its_words(tmp_path):
    text = " ".join(write_text(400).split())
    write_book(tmp_path / "book.pdf", text, "Rain", "JaneLM", "pdf")
    pages = pdf_pages(tmp_path / "book.pdf")[2:]
    assert len(pages) > 3
    words = [word for page in pages for word in page.split()[:-1]]  # less the page's number
    assert words == ["Chapter", "1", *text.split()]


@pytest.mark.parametrize("ending", ["ttf", "otf"])
def test_a_pdf_of_letters_that_the_font_lacks_is_refused_and_a_font_of_ones_own_draws_it(tmp_path, ending):
    """It was a book of nothing but replacement marks."""
    with pytest.raises(JaneLMError, match=r"lacks most letters of this text \(.*漢.*\): .*--font"):
        write_book(tmp_path / "book.pdf", "漢字とかな。" * 9, "T", "A", "pdf")
    assert not list(tmp_path.iterdir())
    font = font_with("漢字とかな。TAbyChapterCons1", tmp_path / f"own.{ending}")
    assert write_book(tmp_path / "book.pdf", "漢字とかな。" * 9, "T", "A", "pdf", language="ja", font=font) == []
    assert "漢字とかな" in pdf_pages(tmp_path / "book.pdf")[2]


@pytest.mark.parametrize(("content", "said"), [(None, "cannot read the font"), (b"no font", "is not a font")])
def test_a_font_that_is_none_is_refused_before_there_is_a_text(tmp_path, content, said):
    font = tmp_path / "f.ttf"
    if content is not None:
        font.write_bytes(content)
    with pytest.raises(JaneLMError, match=said):
        check_book("pdf", font=font)


def test_signs_that_the_font_lacks_are_marked_and_reported(tmp_path):
    report = write_book(tmp_path / "book.pdf", "Café — 😀 漢字.", "Ж", "", "pdf")
    assert report == ["replaced 3 different characters that the font of the PDF lacks: 字 漢 😀"]
    title, _, page = pdf_pages(tmp_path / "book.pdf")
    assert title.strip() == "Ж"
    assert "Café — � ��." in page


@given(ANY_TEXT)
@settings(max_examples=10, deadline=None)  # a font is embedded each time
@example("\x00\x1f\x7f\x9f\ud800\ufffe\uffff\U0001f600 \xa0 \xad \u200b \u202e\u05d0 a\tb")
@example("W" * 3000)
@example("".join(map(chr, range(0x20, 0x3000))))
@example("**bold** __line__ {nb} <b>")
def test_any_text_makes_a_pdf(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "book.pdf"
    known = "Words. " * (200 + len(text) // 4)  # or there would be too many that the font lacks
    write_book(path, f"Words. {known}{text}", text[:200], text[:200], "pdf")
    assert len(pypdf.PdfReader(io.BytesIO(path.read_bytes())).pages) >= 3


def test_an_epub_of_a_megabyte_in_one_paragraph_is_whole(tmp_path):
    text = write_text(33_000).replace("\n", " ").strip()
    assert len(text) > 1_000_000
    assert write_book(tmp_path / "book.epub", text, "Rain", "JaneLM", "epub") == []
    assert read_epub(tmp_path / "book.epub")[1:] == [("Chapter 1", [text])]
