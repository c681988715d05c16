"""Books and papers: what of a file is its text."""

# ruff: noqa: E501 (formats of others, as they are)

import bz2
import gzip
import io
import lzma
import re
import signal
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from text.readers import files
from text.readers.files import source

from janelm.config import DataConfig
from janelm.errors import JaneLMError
from janelm.text.cleaning import clean
from janelm.text.corpora import load_sources
from janelm.text.readers import base, folder
from janelm.text.readers.base import File, dense
from janelm.text.readers.markup import page_text, read_html
from janelm.text.readers.plain import unframe


@pytest.mark.parametrize(
    ("name", "make", "reader", "text"),
    [
        ("a.epub", files.epub, "epub", files.EPUB_TEXT),
        ("b.epub", lambda: files.epub("2.0"), "epub", files.EPUB_TEXT),
        ("a.docx", files.docx, "docx", files.DOCX_TEXT),
        ("a.odt", files.odt, "odt", files.ODT_TEXT),
        ("a.rtf", lambda: files.RTF, "rtf", files.RTF_TEXT),
        ("a.fb2", lambda: files.FB2, "fb2", files.FB2_TEXT),
        ("a.srt", lambda: files.SRT, "subtitles", "Where is he?\n- Gone.\nAgain?\n"),
        ("a.vtt", lambda: files.VTT, "subtitles", "Where is\nhe?\n"),
        ("a.html", lambda: files.HTML, "html", files.HTML_TEXT),
        ("a.md", lambda: files.MARKDOWN, "markdown", files.MARKDOWN_TEXT),
        ("A.TXT", lambda: "Plain.\r\n", "plain", "Plain.\n"),
        ("a.text", lambda: "Plain.\n", "plain", "Plain.\n"),
    ],
)
def test_the_text_of_a_file_is_exactly_what_a_reader_reads(name, make, reader, text):
    raw = make()
    read = source(name, raw)
    assert (read.text, read.reader, read.documents) == (text, reader, None)
    if reader not in ("markdown", "plain"):
        assert source("wrongly.named", raw).text == text, "by what it holds, whatever it is called"
    assert source(f"{name}.gz", gzip.compress(raw if isinstance(raw, bytes) else raw.encode())).text == text
    (inside,) = folder.read_file(zip_of({f"in/{name}": raw}), DataConfig())
    assert inside.text == text and inside.name == f"all.zip/in/{name}"


def zip_of(members) -> Path:
    Path("all.zip").write_bytes(files.zipped(members))
    return Path("all.zip")


BOOK = "CHAPTER I\n\nIt rained.\n\nNobody came.\n"
TODAY = ("*** START OF THE PROJECT GUTENBERG EBOOK THE MILL ***", "*** END OF THE PROJECT GUTENBERG EBOOK THE MILL ***")
FRAMES = [
    TODAY,
    ("*** START OF THIS PROJECT GUTENBERG EBOOK THE MILL ***", "*** END OF THIS PROJECT GUTENBERG EBOOK THE MILL ***"),
    ("***START OF THE PROJECT GUTENBERG EBOOK THE MILL***", "***END OF THE PROJECT GUTENBERG EBOOK THE MILL***"),
    (
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
        "End of The Project Gutenberg Etext of The Mill",
    ),
    (
        "*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*",
        "End of Project Gutenberg's The Mill, by A. N.",
    ),
    ("*** START OF THE PROJECT GUTENBERG EBOOK DIE MÜHLE ***", "End of the Project Gutenberg EBook of Die Mühle"),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_the_frame_of_project_gutenberg_is_found_in_all_its_forms(frame):
    start, end = frame
    whole = f"The Project Gutenberg EBook of The Mill\n\nTitle: The Mill\n\n{start}\n\nProduced by A. N. Other\nand friends\n\n{BOOK}\n\n{end}\n\nLICENSE refund donations\n"
    read = source("pg.txt", whole)
    assert read.text == BOOK and "licence" in read.report[-1]
    counted = int(re.search(r"licence, ([\d,]+) characters", read.report[-1])[1].replace(",", ""))
    assert counted + dense(BOOK) == dense(whole), "kept and removed are the whole"
    assert source("pg.txt", whole, keep_frame=True).text == whole


def test_transcribers_notes_at_the_ends_go_and_the_book_stays():
    note = "[Transcriber's Note: Spelling is as it was,\nand so are commas.]\n\n"
    body = "It rained. " * 2000 + "\n\nTranscriber's notes were found in the mill.\n\n" + "Nobody came. " * 2000 + "\n"
    read = source("pg.txt", f"{TODAY[0]}\n\n{note}{body}\nTranscriber’s Notes\n\nA comma was put.\n\n{TODAY[1]}\n")
    assert read.text.strip().startswith("It rained.") and "Spelling" not in read.text
    assert "notes were found in the mill" in read.text, "one in the midst of the book is the book's"


@pytest.mark.parametrize(
    "text", ["He spoke of Project Gutenberg at length.\n\nThe end of it.\n", BOOK, "*** START ***\n" + BOOK]
)
def test_without_marker_lines_nothing_is_taken(text):
    assert unframe(text, []) == (text, 0)


def test_several_books_in_one_file_each_lose_their_frame():
    one = f"head\n{TODAY[0]}\n{BOOK}{TODAY[1]}\nlicence\n"
    assert source("pg.txt", one + one).text == BOOK + "\n\n" + BOOK


def test_of_a_page_kept_and_removed_are_the_whole():
    reading = read_html(File("a.html", files.HTML, DataConfig()))
    seen = re.sub(r"<(?!p>no|/p>\")[^>]*>", "", files.HTML.decode("latin-1").replace("&amp;", "&"))
    assert reading.kept == dense(reading.text) and reading.kept + reading.removed == dense(seen)


MENUS = [
    '<div class="menu"><p>Where to go from here</p></div>',
    '<ul id="site-nav"><li>Home<li>Mills</ul>',
    "<div><a href='/'>Home</a> | <a href='/mills'>Mills</a> | <a href='/owls'>Owls</a></div>",
    "<table><tr><td><a href='/'>Home</a><td><a href='/mills'>Mills</a><td><a href='/owls'>Owls</a></table>",
    '<section class="cookie-banner">We count your visits.</section>',
]


@pytest.mark.parametrize("menu", MENUS)
def test_a_menu_that_only_its_name_or_its_links_betray_is_left_out_and_counted(menu):
    """Pages without <nav> used to begin with their menus."""
    body = "<p>An <a href='x'>owl</a> sat there.<p>It <a href='y'>slept</a>.<div class='has-sidebar'>All day.</div>"
    reading = read_html(File("a.html", f"<html><body>{menu}{body}{menu}</body></html>".encode(), DataConfig()))
    assert reading.text == "An owl sat there.\n\nIt slept.\n\nAll day."
    assert reading.removed == 2 * dense(re.sub("<[^>]*>", "", menu))


def test_a_page_that_is_hardly_more_than_a_menu_keeps_it():
    page = "<html><body><div class='left-sidebar'>" + "<p>An owl sat there.</p>" * 20 + "</div><p>x</p></body></html>"
    assert source("a.html", page).text.count("owl") == 20
    links = "<html><ul>" + "".join(f"<li><a href='{n}'>Owl {n}</a>" for n in range(9)) + "</ul></html>"
    assert source("a.html", links).text.count("Owl") == 9


@pytest.mark.parametrize(
    "html", ["<nav>never closed <p>text", "<p>a</b></i></p>", "<main></main><p>x", "<" * 5000, "&#x110000;"]
)
def test_a_broken_page_is_read_as_far_as_it_goes(html):
    assert isinstance(page_text(html)[0], str)


def test_a_folder_of_mixed_kinds_is_read_and_what_is_passed_over_is_named():
    """A sidecar file of macOS, or one empty file, used to stop the whole training."""
    for name, raw in {
        "box/a.txt": b"First.\n", "box/._a.txt": b"\0\5\x16\7\0\2", "box/.DS_Store": b"\0" * 9, "box/Thumbs.db": b"x",
        "box/__MACOSX/b.txt": b"x", "box/empty.txt": b"", "box/b.TXT": b"Second.\n", "box/c/d.docx": files.docx(),
        "box/picture.png": b"\x89PNG", "box/e.epub": b"PK broken",
    }.items():  # fmt: skip
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(raw)
    sources = load_sources(("box",))
    assert [source.text for source in sources] == ["First.\n", "Second.\n", files.DOCX_TEXT]
    said = " ".join(sources[0].report)
    for name in ("._a.txt", ".DS_Store", "Thumbs.db", "__MACOSX/b.txt", "empty.txt", "picture.png", "e.epub"):
        assert name in said
    assert "empty.txt: empty" in said and "hidden" in said


HOSTILE = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><FictionBook><body><p>&x;</p></body></FictionBook>'
LAUGHS = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><FictionBook><body><p>&b;</p></body></FictionBook>'


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.epub", files.epub()[:300]),
        ("a.docx", files.docx()[:3000]),
        ("a.docx", b"PK\3\4word/document.xml"),
        ("a.odt", files.zipped({"mimetype": "application/vnd.oasis.opendocument.text"})),
        ("a.epub", files.zipped({"mimetype": "application/epub+zip"})),
        ("a.pdf", files.pdf()[:400]),
        ("a.pdf", b"%PDF-1.4 nothing"),
        ("a.rtf", files.RTF[:60]),
        ("a.rtf", bytes(range(256))),
        ("a.fb2", HOSTILE),
        ("a.fb2", LAUGHS),
        ("a.fb2", "<FictionBook>" + "<a>" * 100_000),
        ("a.zip", b"PK\3\4 broken"),
        ("a.gz", b"\x1f\x8b broken"),
        ("a.txt.gz", gzip.compress(b"text" * 999)[:-20]),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 9),
        ("a.car", b"\x3a\xa2eroots"),
        ("a.json", b"{"),
        ("a.jsonl", b"{}\n{"),
        ("a.csv", b"a,b\n1,2\n"),
        ("a.parquet", b"PAR1 broken"),
        ("tweets.js", b"window.YTD.tweets.part0 = [{"),
        ("a.xml", b"<smses><sms"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("a.srt", b""),
    ],
    ids=lambda given: given if isinstance(given, str) else "",  # in an archive is the second in which it was made
)
def test_a_bad_file_is_one_clear_sentence(name, raw):
    with pytest.raises(JaneLMError) as caught:
        source(name, raw)
    assert "\n" not in str(caught.value) and name in str(caught.value) and "root:" not in str(caught.value)
    assert [path.name for path in Path().iterdir()] == [name], "and nothing is written"


def test_a_plain_text_that_is_called_rtf_is_read_as_what_it_is():
    assert source("a.rtf", "It rained.\n").text == "It rained.\n"


def test_a_bomb_stops_at_the_limit(monkeypatch):
    monkeypatch.setattr(base, "LARGEST", 1 << 20)
    document = f"<w:document {files.WORD}>" + "<w:p/>" * 500_000 + "</w:document>"
    with pytest.raises(JaneLMError, match="the limit"):
        source("bomb.docx", files.zipped({"word/document.xml": document}))
    with pytest.raises(JaneLMError, match="the limit"):
        source("bomb.zip", files.zipped({"a.txt": b"x" * (1 << 21)}))
    monkeypatch.setattr(base, "MEMBERS", 10)
    with pytest.raises(JaneLMError, match="more than the 10"):
        source("many.zip", files.zipped({f"{number}.txt": "x" for number in range(11)}))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no such signal on Windows")
def test_a_file_that_takes_too_long_is_left_even_within_one_call_of_a_library(monkeypatch):
    """Here a regular expression that would go on for ever."""
    monkeypatch.setattr(base, "SECONDS", 0.2)
    forever = base.Reader("forever", (), lambda file: re.match("(a+)+$", "a" * 60 + "b") or base.Reading("x"))
    monkeypatch.setattr(folder, "reader_of", lambda file: forever)
    rang = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rang.append(number))
    signal.setitimer(signal.ITIMER_REAL, 60)
    try:
        with pytest.raises(JaneLMError, match=r"takes longer than 0\.2 seconds"):
            source("a.txt", "aaa")
        assert 50 < signal.getitimer(signal.ITIMER_REAL)[0] < 60 and not rang, "a timer set before goes on"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_locked_archive_says_so():
    raw = bytearray(files.zipped({"a.txt": "hello"}))
    raw[6] |= 1
    raw[raw.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(JaneLMError, match="password"):
        source("locked.zip", bytes(raw))
    with pytest.raises(JaneLMError, match="password"):
        source("locked.odt", files.odt("<m><encryption-data/></m>"))


def test_names_in_an_archive_that_lead_out_of_it_write_nothing():
    sources = folder.read_file(zip_of({"../../out.txt": "Text.\n", "/etc/in.txt": "More.\n"}), DataConfig())
    assert {source.text for source in sources} == {"Text.\n", "More.\n"} and not Path("../../out.txt").exists()


PIECES = st.lists(
    st.sampled_from(
        [
            "<div class='menu'>",
            "</div>",
            "<a href=''>",
            "</a>",
            "<p>",
            "</p>",
            "<nav>",
            "</nav>",
            "<!--",
            "-->",
            "<br>",
            "<pre>",
            "e",
            "\u0301",
            " ",
            "\n",
            "ß",
            "&amp;",
            "<b",
            "א",
            "x y",
        ]
    )
)


@given(PIECES, st.booleans())
def test_of_any_page_what_is_kept_is_clean_and_kept_and_removed_are_the_whole(pieces, menus):
    """And to clean it once more changes nothing."""
    said = "".join(piece for piece in pieces if not piece.startswith("<") and piece not in ("-->", "&amp;"))
    html = "".join(piece for piece in pieces if piece not in ("<!--", "-->", "<b"))
    text, removed, _ = page_text(html, menus)
    assert dense(text) + removed == dense(said) + html.count("&amp;")
    once = clean(text)[0]
    assert clean(once) == (once, [])


@given(st.text(alphabet=st.sampled_from("ab\u0301 \n*"), max_size=200), st.booleans(), st.booleans())
def test_of_any_book_what_is_kept_and_the_frame_are_the_whole(book, begins, ends):
    frame = "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n" * begins
    text = f"{frame}{book}\n" + "*** END OF THE PROJECT GUTENBERG EBOOK X ***\nLicence.\n" * ends
    kept, removed = unframe(text, [])
    assert dense(kept) + removed == dense(text)
    assert unframe(kept, [])[0] == kept


def test_a_page_of_contents_is_no_chapter():
    toc = "".join(f"<p><a href='a.xhtml#{number}'>Chapter {number}</a></p>" for number in range(4))
    members = {"mimetype": "application/epub+zip", "META-INF/container.xml": files.CONTAINER}
    members["OEBPS/book.opf"] = files.PACKAGE.format(version="3.0")
    members["OEBPS/ch b.xhtml"] = f"<html><body><h2>Contents</h2>{toc}</body></html>"
    members["OEBPS/a.xhtml"] = "<html><body><p>An owl sat in the gar\xadden.</p></body></html>"
    read = source("a.epub", files.zipped(members))
    assert read.text == "An owl sat in the garden.\n"
    assert "left out the table of contents" in read.report and "took out 1 marks" in " ".join(read.report)


def test_the_contents_of_a_word_file_are_left_out_and_counted():
    contents = (
        '<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
        "<w:sdtContent><w:p><w:r><w:t>One 3</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    body = f"{contents}<w:p><w:r><w:t>It rained.</w:t></w:r></w:p>"
    read = source("a.docx", files.zipped({"word/document.xml": f"<w:document {files.WORD}>{body}</w:document>"}))
    assert read.text == "It rained.\n" and "contents (4 characters)" in read.report[-1]


def test_of_rtf_links_and_halves_of_signs_are_whole_and_cells_have_no_bars():
    raw = (
        rb'{\rtf1\ansi{\field{\*\fldinst{HYPERLINK "http://x.example"}}{\fldrslt{a link}}} \u-10178?\u-8751? so\par '
        rb"one\cell two\cell\row{\deleted gone}\deleted0 here}"
    )
    assert source("a.rtf", raw).text == "a link 🧑 so\none\ttwo\t\nhere\n"


def test_xml_of_any_kind_is_its_text_and_not_its_tags():
    """Tags were learnt as text."""
    tei = (
        '<?xml version="1.0"?><TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><title>T</title></teiHeader><text>'
        "<p>It <hi>rai</hi>ned<note>heavily</note>\nall day.</p><!-- x --><lg><l>One,</l><l>two.</l></lg></text></TEI>"
    )
    read = source("a.xml", tei)
    assert read.text == "It rained all day.\n\nOne,\ntwo.\n" and "(8 characters)" in read.report[-1]


@pytest.mark.parametrize("text", ["PK is no archive.\n", "BZh is none.\n"])
def test_a_text_may_begin_as_an_archive_does(text):
    assert source("a.txt", text).text == text


def test_an_archive_of_word_files_that_were_stored_as_they_are_is_an_archive():
    """Their names stand in it in plain sight, and it used to be read as a damaged Word file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name in ("a.docx", "b.docx"):
            archive.writestr(name, files.docx())
    Path("all.zip").write_bytes(made.getvalue())
    assert [read.text for read in load_sources(("all.zip",))] == [files.DOCX_TEXT] * 2


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_what_is_packed_may_be_an_archive(pack):
    Path("a.packed").write_bytes(pack(files.zipped({"a.txt": "One.\n", "b.txt": "Two.\n"})))
    assert [read.text for read in load_sources(("a.packed",))] == ["One.\n", "Two.\n"]


@pytest.mark.parametrize(
    ("name", "raw", "told"),
    [
        (
            "a.xlsx",
            files.zipped({"xl/workbook.xml": "<x/>", "xl/sharedStrings.xml": "<t>cell</t>"}),
            "spreadsheet: save",
        ),
        ("a.pptx", files.zipped({"ppt/presentation.xml": "<x/>"}), "presentation: save"),
        ("a.ods", files.zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}), "spreadsheet: save"),
        ("a.tar", bytes(257) + b"ustar" + bytes(250), "tar archive: unpack"),
        ("a.rar", b"Rar!\x1a\x07\0" + bytes(99), "RAR archive: unpack"),
        ("a.mobi", bytes(60) + b"BOOKMOBI" + bytes(99), "Kindle book: make"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_is_not_read_is_refused_with_what_to_do(name, raw, told):
    """The parts of a spreadsheet used to be learnt as XML."""
    with pytest.raises(JaneLMError, match=told):
        source(name, raw)
