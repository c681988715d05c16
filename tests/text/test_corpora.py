"""Reading text in whatever form it comes."""

import codecs
import struct
import zlib

import pytest

from janelm.errors import JaneLMError, UsageError
from janelm.text import rdata
from janelm.text.corpora import AUSTEN_SHA256, load_sources, read_source
from janelm.text.sources import given_source

POEM = "Über den Café-Tischen\nsaß niemand — nur der Regen.\n"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_names_the_encoding_and_is_removed(tmp_path, mark, encoding):
    path = tmp_path / "poem.txt"
    path.write_bytes(mark + POEM.encode(encoding))
    source = read_source(path)
    assert source.text == POEM
    assert encoding in source.report[0]


def test_windows_and_old_mac_line_ends_become_newlines(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes(b"one\r\ntwo\rthree\n")
    source = read_source(path)
    assert source.text == "one\ntwo\nthree\n" and "2 line ends" in source.report[0]


@pytest.mark.parametrize(
    ("encoding", "sentence"),
    [
        ("cp1252", POEM),
        ("cp1252", "“It was a café,” she said—and it rained.\n"),
        ("latin-1", "Le café était fermé à Noël; ça, c'était drôle.\n"),
        ("cp1251", "Дождь идёт весь день, и никто не выходит из дома.\n"),
        ("cp1250", "Zażółć gęślą jaźń, a potem napij się kawy.\n"),
    ],
)
def test_another_encoding_is_detected_and_said(tmp_path, encoding, sentence):
    path = tmp_path / "text.txt"
    path.write_bytes((sentence * 20).encode(encoding))
    source = read_source(path)
    assert source.text == sentence * 20
    assert "not UTF-8" in source.report[0] and "read as cp125" in source.report[0]


def test_control_characters_are_removed_but_tabs_stay(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"a\tb\x0c\x07c\n")
    source = read_source(path)
    assert source.text == "a\tbc\n" and "2 control" in source.report[0]


@pytest.mark.parametrize("blank", [" ", "\n", " \n"])
def test_a_blank_page_is_a_text_and_that_it_is_blank_is_said(tmp_path, blank):
    path = tmp_path / "blank.txt"
    path.write_text(blank * 5000)
    source = read_source(path)
    assert source.text == blank * 5000 and source.report == ["has nothing but white space"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\x7fELF\0\0\1", "not a text file"),
        (codecs.BOM_UTF16_LE + b"a\0\0\xd8", "breaks off"),
    ],
)
def test_a_file_that_is_no_text_is_one_clear_sentence(tmp_path, content, says):
    path = tmp_path / "thing.txt"
    path.write_bytes(content)
    with pytest.raises(JaneLMError, match=says) as caught:
        read_source(path)
    assert "thing.txt" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [5, b"bytes", ["a list"], None])
def test_a_text_from_python_that_is_none_is_one_clear_sentence(text):
    """It used to be an AttributeError from within."""
    with pytest.raises(UsageError, match=f"of the type {type(text).__name__}, but must be a str"):
        given_source(text)


def test_halves_of_characters_in_a_text_from_python_are_replaced_and_said():
    """They used to be a UnicodeEncodeError once the run was saved."""
    source = given_source("It rained.\ud83d\n")
    assert source.text == "It rained.?\n" and "1 lone surrogates" in source.report[0]


def test_a_missing_file_names_the_corpora(tmp_path):
    with pytest.raises(JaneLMError, match="austen or bible"):
        load_sources((str(tmp_path / "none.txt"),))


def test_a_folder_is_all_its_text_files_in_order(tmp_path):
    (tmp_path / "series" / "later").mkdir(parents=True)
    (tmp_path / "series" / "b.txt").write_text("second")
    (tmp_path / "series" / "a.txt").write_text("first")
    (tmp_path / "series" / "later" / "c.txt").write_text("third")
    (tmp_path / "series" / "picture.png").write_bytes(b"\x89PNG")
    assert [source.text for source in load_sources((str(tmp_path / "series"),))] == ["first", "second", "third"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(JaneLMError, match="no file with a text"):
        load_sources((str(tmp_path / "empty"),))


def test_several_files_keep_the_order_they_were_given_in(tmp_path):
    for name in "ba":
        (tmp_path / f"{name}.txt").write_text(name)
    assert [s.text for s in load_sources((str(tmp_path / "b.txt"), str(tmp_path / "a.txt")))] == ["b", "a"]


@pytest.mark.needs("novels")
def test_austen_is_exactly_the_six_novels():
    """Fetches the corpus on a new machine, from the cache after that."""
    import hashlib

    text = load_sources(("austen",))[0].text
    assert hashlib.sha256(text.encode()).hexdigest() == AUSTEN_SHA256
    assert len(text.encode()) == 4_025_039 and len(set(text)) == 81


def test_a_cached_corpus_that_was_changed_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("JANELM_CACHE", str(tmp_path))
    (tmp_path / "austen.txt").write_text("It was not written by her.")
    for place in ("_austen_from_repository", "_austen_from_debian"):
        monkeypatch.setattr(f"janelm.text.corpora.{place}", lambda: {})
    with pytest.raises(JaneLMError, match="--data PATH"):
        load_sources(("austen",))


def test_without_any_network_it_says_what_was_tried(tmp_path, monkeypatch):
    monkeypatch.setenv("JANELM_CACHE", str(tmp_path))

    def unreachable():
        raise OSError("no route to host")

    monkeypatch.setattr("janelm.text.corpora._austen_from_repository", unreachable)
    monkeypatch.setattr("janelm.text.corpora._austen_from_debian", unreachable)
    with pytest.raises(JaneLMError, match=r"repository.*no route to host.*Debian.*--data PATH"):
        load_sources(("austen",))


def test_the_bible_is_a_verse_to_a_line_with_its_book():
    text = load_sources(("bible",))[0].text
    assert text.startswith("<Genesis>\tIn the beginning God created the heaven and the earth.\n")
    assert text.count("\n") == text.count(">\t") > 31_000


# --- R's format: data made here, item by item -------------------------------------------------------------------


def characters(value: str) -> bytes:
    return struct.pack(">ii", 0x40009, len(value.encode())) + value.encode()


def strings(values: list[str]) -> bytes:
    return struct.pack(">ii", 16, len(values)) + b"".join(map(characters, values))


HEADER = b"X\n" + struct.pack(">iii", 3, 0x40000, 0x30500) + struct.pack(">i", 5) + b"UTF-8"
NIL = struct.pack(">i", 254)


def symbol(name: str) -> bytes:
    return struct.pack(">i", 1) + characters(name)


@pytest.mark.parametrize("pack", ["gzip", "bz2", "lzma"])
def test_an_rda_file_is_read_in_each_of_its_compressions(pack):
    import importlib

    pairs = struct.pack(">i", 2 | 0x400) + symbol("novel") + strings(["Chapter I", "", "— the café"]) + NIL
    raw = importlib.import_module(pack).compress(b"RDX3\n" + HEADER + pairs)
    assert rdata.read_rda(raw) == {"novel": ["Chapter I", "", "— the café"]}


def test_a_lazy_load_database_is_read():
    record = HEADER + strings(["one line", "another"])
    data = struct.pack(">i", len(record)) + zlib.compress(record)
    names = struct.pack(">i", 2 | 0x400) + symbol("names") + strings(["novel"]) + NIL
    place = struct.pack(">iiii", 13, 2, 0, len(data))
    variables = struct.pack(">ii", 19 | 0x200, 1) + place + names
    outer_names = struct.pack(">i", 2 | 0x400) + struct.pack(">i", 255 | 1 << 8) + strings(["variables"]) + NIL
    index = HEADER + struct.pack(">ii", 19 | 0x200, 1) + variables + outer_names
    assert rdata.read_lazy_load_database(zlib.compress(index), data) == {"novel": ["one line", "another"]}


def test_other_r_types_are_refused_and_not_guessed():
    with pytest.raises(ValueError, match="R type 3"):
        rdata._read(HEADER + struct.pack(">ii", 3, 0))
