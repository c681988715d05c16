"""How fast each reader is, and that a long file is not held in memory: python tests/benchmarks/readers.py [MB]

Files are made here, of the size given (8 MB by default, 256 MB for the long one). Prints MB/s of the file as it lies on
disk, and the peak of Python's own memory while a long file is read piece by piece.
"""

from __future__ import annotations

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
from janelm.text.readers import read_file


def made(size: int) -> dict[str, bytes]:
    """Files of about so many bytes of text."""
    text = write_text(20_000)
    text *= max(1, size // len(text.encode()))
    lines = text.splitlines()
    table = io.StringIO()
    csv.writer(table).writerows([["text"], *([line] for line in lines)])
    paragraphs = "".join(f"<p>{line}</p>" for line in lines)
    word = f"<w:document {files.WORD}>" + "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in lines)
    tweets = [{"tweet": {"id_str": str(number), "full_text": line}} for number, line in enumerate(lines)]
    return {
        "plain.txt": text.encode(),
        "latin1.txt": text.encode("latin-1"),
        "broken.txt": text.encode().replace(b"Nobody", b"Nob\xe9dy"),
        "page.html": f"<html><body>{paragraphs}</body></html>".encode(),
        "notes.md": "\n\n".join(lines).encode(),
        "paper.docx": files.zipped({"word/document.xml": word + "</w:document>"}),
        "book.fb2": f"<FictionBook><body><section>{paragraphs}</section></body></FictionBook>".encode(),
        "film.srt": "\n\n".join(f"{n}\n00:00:01,000 --> 00:00:02,000\n{line}" for n, line in enumerate(lines)).encode(),
        "chat.txt": "\n".join(f"1/4/23, 7:05 PM - Ann: {line}" for line in lines).encode(),
        "tweets.js": b"window.YTD.tweets.part0 = " + json.dumps(tweets).encode(),
        "table.csv": table.getvalue().encode(),
        "table.jsonl": "\n".join(json.dumps({"text": line}) for line in lines).encode(),
    }


def main() -> None:
    size = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 8_000_000
    with tempfile.TemporaryDirectory() as folder:
        for name, raw in made(size).items():
            path = Path(folder) / name
            path.write_bytes(raw)
            began = time.perf_counter()
            (source,) = read_file(path, DataConfig())
            seconds = time.perf_counter() - began
            print(f"{source.reader:12} {name:12} {len(raw) / 1e6:8.1f} MB {len(raw) / 1e6 / seconds:8.1f} MB/s")
            path.unlink()
        path, text = Path(folder) / "long.txt", write_text(20_000).encode()
        with open(path, "wb") as file:
            while file.tell() < 32 * size:
                file.write(text)
        tracemalloc.start()
        began = time.perf_counter()
        (source,) = read_file(path, DataConfig())
        length = sum(map(len, source.pieces()))
        seconds, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1]
        print(
            f"{'long':12} {length / 1e6:,.0f} million characters, thrice in {seconds:.0f} s, peak {peak / 1e6:.1f} MB"
        )


if __name__ == "__main__":
    main()
