"""How fast each reader is, and that a long file is not held in memory: tests/benchmarks/readers.py [MB] [--long MB]

Files are made here, of the size given (8 MB by default), and a long one of at least 134 MB. Prints MB of text for each
second of the processor, the peak of Python's own memory against the size of the text, and that while a long file is
read piece by piece.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from small import write_text
from text.readers import files

from janelm.config import DataConfig
from janelm.text.corpora import load_sources
from janelm.text.readers import read_file
from janelm.text.sources import LONG


def parquet(lines: list[str]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    written = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": lines}), written)
    return written.getvalue()


def pdf(lines: list[str]) -> bytes:
    """Fifty lines to a page."""
    from reportlab.pdfgen.canvas import Canvas

    written = io.BytesIO()
    canvas = Canvas(written)
    for number, line in enumerate(lines):
        if number and number % 50 == 0:
            canvas.showPage()
        canvas.drawString(30, 780 - 14 * (number % 50), line)
    canvas.save()
    return written.getvalue()


def made(size: int) -> dict[str, bytes]:
    """Files of about so many bytes of text."""
    text = write_text(20_000)
    text *= max(1, size // len(text.encode()))
    lines = text.splitlines()
    table = io.StringIO()
    csv.writer(table).writerows([["text"], *([line] for line in lines)])
    paragraphs = "".join(f"<p>{line}</p>" for line in lines)
    word = f"<w:document {files.WORD}>" + "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in lines)
    odt = "".join(f"<text:p>{line}</text:p>" for line in lines)
    chapter = f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{paragraphs}</body></html>'
    mail = "".join(f"From a@b.example Mon Jan 1 00:00:00 2024\nFrom: Ann <a@b.example>\n\n{line}\n\n" for line in lines)
    tweets = [{"tweet": {"id_str": str(number), "full_text": line}} for number, line in enumerate(lines)]
    return {
        "plain.txt": text.encode(),
        "latin1.txt": text.encode("latin-1"),
        "broken.txt": text.encode().replace(b"Nobody", b"Nob\xe9dy"),
        "page.html": f"<html><body>{paragraphs}</body></html>".encode(),
        "notes.md": "\n\n".join(lines).encode(),
        "paper.docx": files.zipped({"word/document.xml": word + "</w:document>"}),
        "book.fb2": f"<FictionBook><body><section>{paragraphs}</section></body></FictionBook>".encode(),
        "book.epub": files.zipped(
            {
                "mimetype": "application/epub+zip",
                "META-INF/container.xml": '<container><rootfiles><rootfile full-path="p.opf"/></rootfiles></container>',
                "p.opf": '<package><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
                '</manifest><spine><itemref idref="a"/></spine></package>',
                "a.xhtml": chapter,
            }
        ),
        "paper.odt": files.zipped(
            {
                "mimetype": "application/vnd.oasis.opendocument.text",
                "content.xml": f"<office:document-content {files.ODF}><office:body><office:text>{odt}</office:text>"
                "</office:body></office:document-content>",
            }
        ),
        "paper.rtf": ("{\\rtf1\\ansi " + "\\par ".join(lines) + "}").encode(),
        "paper.pdf": pdf(lines[: len(lines) // 8]),
        "mail.mbox": mail.encode(),
        "film.srt": "\n\n".join(f"{n}\n00:00:01,000 --> 00:00:02,000\n{line}" for n, line in enumerate(lines)).encode(),
        "chat.txt": "\n".join(f"1/4/23, 7:05 PM - Ann: {line}" for line in lines).encode(),
        "tweets.js": b"window.YTD.tweets.part0 = " + json.dumps(tweets).encode(),
        "table.csv": table.getvalue().encode(),
        "table.parquet": parquet(lines),
        "table.jsonl": "\n".join(json.dumps({"text": line}) for line in lines).encode(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("megabytes", nargs="?", type=float, default=8, help="size of a file")
    parser.add_argument("--long", type=float, default=0, help="size of the one that is read piece by piece")
    options = parser.parse_args()
    size = int(options.megabytes * 1e6)
    with tempfile.TemporaryDirectory() as folder:
        for name, raw in made(size).items():
            path = Path(folder) / name
            path.write_bytes(raw)
            began = time.process_time()
            (source,) = read_file(path, DataConfig())
            seconds = time.process_time() - began
            size_read = source.length / 1e6
            print(f"{source.reader:12} {name:14} {size_read:8.2f} MB {size_read / seconds:8.1f} MB/s", flush=True)
            tracemalloc.start()
            read_file(path, DataConfig())
            peak = tracemalloc.get_traced_memory()[1] / 1e6
            tracemalloc.stop()
            print(f"{'':27} in memory {peak:6.1f} MB, {peak / size_read:.1f} times the text", flush=True)
            path.unlink()
        path, text = Path(folder) / "long.txt", write_text(20_000).encode()
        with open(path, "wb") as file:
            while file.tell() <= max(LONG, options.long * 1e6):
                file.write(text)
        for cleaning in (DataConfig(), DataConfig(unwrap=True, straighten_quotes=True)):
            tracemalloc.start()
            began = time.process_time()
            (source,) = load_sources((str(path),), cleaning)
            length = sum(map(len, source.pieces()))
            seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            what = "cleaned as asked" if cleaning.unwrap else "as it is"
            print(f"long, {what}: {length / 1e6:,.0f} MB in {seconds:.0f} s, peak {peak / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
