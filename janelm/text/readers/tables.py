"""Tables: CSV and TSV, JSON and JSON lines, Parquet and Arrow. One cell is one document."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from ...errors import JaneLMError, UsageError, counted
from . import chats, posts
from .base import File, Message, Reading, as_documents

NAMES = (
    "text",
    "content",
    "contents",
    "body",
    "message",
    "full_text",
    "tweet",
    "document",
    "sentence",
    "story",
    "poem",
)
NESTED = ("value.text", "record.text", "post.record.text")  # of posts on Bluesky
BROKEN = 0.01  # of all lines, which may be no JSON
csv.field_size_limit(1 << 30)


def read_csv(file: File) -> Reading:
    """The cells of one column."""
    said: list[str] = []
    lines = file.lines(said)
    first = next(lines)
    rows = [row for row in csv.reader((f"{line}\n" for line in chain([first], lines)), _dialect(file, first)) if row]
    if not rows:
        return Reading(documents=[], said=said)
    header = [name.strip().lstrip("\ufeff") for name in rows[0]]
    number, has_header = _column(file, header, len(rows))
    cells = [row[number] for row in rows[has_header:] if number < len(row)]
    what = header[number] if has_header else f"number {number + 1}"
    said.append(f"is a table of {len(rows) - has_header:,} rows; took the column {what!r}")
    if {"AuthorID", "Author", "Content"} <= set(header) and file.options.column is None:
        who = header.index("Author")
        messages = [Message(row[number], row[who]) for row in rows[1:] if max(number, who) < len(row)]
        return as_documents(messages, file.options, said)
    return Reading(documents=[cell for cell in cells if cell.strip()], said=said)


def _dialect(file: File, first: str) -> type[csv.Dialect]:
    """Which sign parts the cells: by the ending, else the one that the first line has most of."""
    sign = "\t" if file.ending in (".tsv", ".tab") else max(",;\t|", key=first.count)

    class Found(csv.excel):
        delimiter = sign

    return Found


def _column(file: File, header: list[str], rows: int) -> tuple[int, bool]:
    """Which column is meant, and whether the first row is its name. Raises JaneLMError where that is not plain."""
    wanted, lower = file.options.column, [name.lower() for name in header]
    if wanted is not None and wanted.lower() in lower:
        return lower.index(wanted.lower()), True
    if wanted is not None and wanted.isdigit() and 1 <= int(wanted) <= len(header):
        return int(wanted) - 1, False
    known = [lower.index(name) for name in NAMES if name in lower]
    if wanted is None and known:
        return known[0], True
    if wanted is None and len(header) == 1:
        return 0, len(header[0]) < 30 and rows > 1 and " " not in header[0]
    raise _which(file, header)


def _which(file: File, columns: Iterable[Any]) -> JaneLMError:
    names = ", ".join(repr(str(name)) for name in columns)
    if file.options.column is None:
        return JaneLMError(f"{file.name} is a table: say with --column which of its columns is the text: {names}")
    return UsageError(f"{file.name} has no column {file.options.column!r}: its columns are {names}")


def read_jsonl(file: File) -> Reading:
    """A row to a line. One that is broken, as where a download was cut off, is left out and named; where more than one
    in a hundred are, the file is something else."""
    said: list[str] = []
    rows, broken = [], []
    for number, line in enumerate(file.lines(said), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                broken.append(f"line {number}: {error.msg}")
    if len(broken) > max(1, BROKEN * len(rows)) or not rows:
        raise JaneLMError(f"{file.name} is no JSON lines ({broken[0] if broken else 'it is empty'}): mend or drop it")
    if broken:
        said.append(f"left out {counted(len(broken), 'broken line')} ({broken[0]})")
    return _read_rows(file, rows, said)


def _read_rows(file: File, rows: list[Any], said: list[str]) -> Reading:
    """The texts of rows that are strings, or objects of which one field is the text."""
    if all(isinstance(row, str) for row in rows):
        said.append(f"is {counted(len(rows), 'text')}")
        return Reading(documents=[row for row in rows if row.strip()], said=said)
    objects = [row for row in rows if isinstance(row, dict)]
    names = list(dict.fromkeys(name for row in objects[:100] for name in row))
    wanted = file.options.column
    known = (name for name in NAMES if name in names)
    nested = (path for path in NESTED if any(_field(row, path) for row in objects[:100]))
    column = next(known, next(nested, None)) if wanted is None else wanted
    texts = [_field(row, column) for row in objects] if column else []
    texts = [text for text in texts if isinstance(text, str)]
    if not texts and column is not None and column in names:
        raise UsageError(f"{file.name} has no text in {column!r}, but {_kind(objects, column)}: name a column of texts")
    if not texts:
        raise _which(file, names)
    said.append(f"is {len(rows):,} rows; took {column!r} of {len(texts):,}")
    return Reading(documents=[text for text in texts if text.strip()], said=said)


def _kind(rows: list[dict], column: str) -> str:
    """What stands in a column, for a person."""
    cell = next((row[column] for row in rows if row.get(column) is not None), None)
    if isinstance(cell, list | dict):
        return "lists" if isinstance(cell, list) else "objects"
    return "nothing" if cell is None else "numbers"


def _field(row: dict, path: str) -> Any:
    """A field by its name, or by a path such as post.text."""
    if path in row:
        return row[path]
    found: Any = row
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


JSON_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[File, Any], Reading]], ...] = (
    (posts.is_outbox, posts.read_outbox),
    (chats.is_discord, chats.read_discord),
    (chats.is_facebook, chats.read_facebook),
    (chats.is_telegram, chats.read_telegram),
    (chats.is_slack, chats.read_slack),
)


def read_json(file: File) -> Reading:
    """An export of one of the kinds that are known, or else rows."""
    said: list[str] = []
    try:
        data = json.loads(file.text(said))
    except json.JSONDecodeError as error:
        if b"}\n{" in file.head.replace(b"\r\n", b"\n"):
            return read_jsonl(file)
        raise JaneLMError(
            f"{file.name} is no whole JSON ({error.msg} in line {error.lineno}): save or fetch it anew"
        ) from error
    for recognises, read in JSON_KINDS:
        if recognises(data):
            reading = read(file, data)
            reading.said = said + reading.said
            return reading
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list) and value]
        data = max(lists, key=len) if lists else [data]
    return _read_rows(file, data if isinstance(data, list) else [data], said)


def is_parquet(file: File) -> bool:
    """Arrow's streams begin with a mark of four bytes and the length of what describes their columns."""
    stream = file.raw.startswith(b"\xff\xff\xff\xff") and 0 < int.from_bytes(file.raw[4:8], "little") < 1 << 24
    return stream or file.raw.startswith((b"PAR1", b"ARROW1"))


def read_parquet(file: File) -> Reading:
    """A column of Parquet, or of the Arrow files in which Hugging Face's datasets are kept."""
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError:
        raise JaneLMError(
            f'{file.name} is a Parquet or Arrow table, which needs an extra: pip install "janelm[parquet]"'
        ) from None
    buffer = pyarrow.BufferReader(file.raw)
    if file.raw.startswith(b"PAR1"):
        table = pyarrow.parquet.read_table(buffer)
    elif file.raw.startswith(b"ARROW1"):
        table = pyarrow.ipc.open_file(buffer).read_all()
    else:
        table = pyarrow.ipc.open_stream(buffer).read_all()
    wanted = file.options.column or next((name for name in NAMES if name in table.column_names), None)
    if wanted not in table.column_names:
        raise _which(file, table.column_names)
    if pyarrow.types.is_nested(table.column(wanted).type):
        raise UsageError(f"{file.name} has no text in {wanted!r}, but lists or objects: name a column of texts")
    cells = [str(cell) for cell in table.column(wanted).to_pylist() if cell is not None]
    said = [f"is a table of {table.num_rows:,} rows; took the column {wanted!r}"]
    return Reading(documents=[cell for cell in cells if cell.strip()], said=said)
