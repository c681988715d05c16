"""All kinds of files that are read, in the order in which they are tried."""

from __future__ import annotations

from . import books, chats, letters, markup, office, pdf, plain, posts, refused, subtitles, tables
from .base import File, Reader

READERS = (
    Reader("epub", (".epub",), books.read_epub, books.is_epub),
    Reader("docx", (".docx",), office.read_docx, office.is_docx),
    Reader("odt", (".odt",), office.read_odt, office.is_odt),
    Reader("rtf", (".rtf",), office.read_rtf, office.is_rtf),
    Reader("refused", (".car",), refused.refuse, refused.is_refused),
    Reader("pdf", (".pdf",), pdf.read_pdf, pdf.is_pdf),
    Reader("parquet", (".parquet", ".arrow"), tables.read_parquet, tables.is_parquet),
    Reader("twitter", (), posts.read_twitter, posts.is_twitter),
    Reader("fb2", (".fb2",), books.read_fb2, books.is_fb2),
    Reader("sms", (), letters.read_sms, letters.is_sms),
    Reader("xml", (".xml",), markup.read_xml, markup.is_xml),
    Reader("html", (".html", ".htm", ".xhtml"), markup.read_html, markup.is_html),
    Reader("subtitles", (".srt", ".vtt"), subtitles.read_subtitles, subtitles.is_subtitles),
    Reader("mbox", (".mbox",), letters.read_mbox, letters.is_mbox),
    Reader("letter", (".eml",), letters.read_letter, letters.is_letter),
    Reader("whatsapp", (), chats.read_whatsapp, chats.is_whatsapp),
    Reader("json lines", (".jsonl", ".ndjson"), tables.read_jsonl),
    Reader("json", (".json",), tables.read_json),
    Reader("csv", (".csv", ".tsv", ".tab"), tables.read_csv),
    Reader("markdown", (".md", ".markdown"), markup.read_markdown),
    Reader("plain", (".txt", ".text", ".doc"), plain.read_plain),
)
PLAIN = READERS[-1]
ENDINGS = frozenset(ending for reader in READERS for ending in reader.endings) | {".gz", ".bz2", ".xz", ".zip"}


def reader_of(file: File) -> Reader:
    """The reader for a file: by what it holds, else by its ending, else plain text."""
    if file.options.rules == 1:
        return PLAIN  # as all files were read then
    shown = next((reader for reader in READERS if reader.recognises(file)), None)
    return shown or next((reader for reader in READERS if file.ending in reader.endings), PLAIN)
