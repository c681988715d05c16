"""Just enough of R's binary format to read character vectors, the form in which Austen's novels are published.

The format is in the manual "R Internals", in its sections on serialization and lazy loading. It is big-endian: a
header, then items, each with a 4-byte flag word whose lowest byte is its type.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zlib
from typing import Any

SYMBOL, PAIRLIST, CHARACTERS, INTEGERS, STRINGS, LIST, REFERENCE, NIL = 1, 2, 9, 13, 16, 19, 255, 254
LOGICALS = 10
HAS_ATTRIBUTES, HAS_TAG = 0x200, 0x400


def read_lazy_load_database(index: bytes, data: bytes) -> dict[str, list[str]]:
    """The variables of an R package's `Rdata.rdx` (where each stands) and `Rdata.rdb` (zlib records)."""
    variables = dict(_read(zlib.decompress(index, wbits=47)))["variables"]
    values = {}
    for name, (offset, length) in variables:
        record = data[offset : offset + length]
        values[name] = _read(zlib.decompress(record[4:]))  # the first 4 bytes are the unpacked size
    return values


def read_rda(raw: bytes) -> dict[str, list[str]]:
    """The variables of an `.rda` file, compressed in any of R's three ways."""
    for magic, unpack in ((b"\x1f\x8b", gzip.decompress), (b"BZh", bz2.decompress), (b"\xfd7zXZ", lzma.decompress)):
        if raw.startswith(magic):
            raw = unpack(raw)
    if not raw.startswith((b"RDX2\n", b"RDX3\n")):
        raise ValueError("not an R data file")
    return dict(_read(raw[5:]))


def _read(raw: bytes) -> Any:
    stream = io.BytesIO(raw)
    if stream.read(2) != b"X\n":
        raise ValueError("not a binary R serialisation")
    version, _, _ = _integers(stream, 3)
    if version == 3:
        stream.read(_integer(stream))  # the name of the writer's encoding
    return _item(stream, [])


def _integer(stream: io.BytesIO) -> int:
    return struct.unpack(">i", stream.read(4))[0]


def _integers(stream: io.BytesIO, count: int) -> tuple[int, ...]:
    return struct.unpack(f">{count}i", stream.read(4 * count))


def _item(stream: io.BytesIO, symbols: list[str]) -> Any:
    """One value: text, a list of numbers or of text, or a list of (name, value) pairs where values are named."""
    flags = _integer(stream)
    kind = flags & 0xFF
    if kind == NIL:
        return None
    if kind == SYMBOL:
        symbols.append(_item(stream, symbols))
        return symbols[-1]
    if kind == REFERENCE:
        return symbols[(flags >> 8 or _integer(stream)) - 1]
    if kind == PAIRLIST:
        if flags & HAS_ATTRIBUTES:
            _item(stream, symbols)
        name = _item(stream, symbols) if flags & HAS_TAG else None
        value = _item(stream, symbols)
        return [(name, value), *(_item(stream, symbols) or [])]
    length = _integer(stream)
    if kind == CHARACTERS:
        return None if length < 0 else stream.read(length).decode()
    if kind in (INTEGERS, LOGICALS):
        values = list(_integers(stream, length))
    elif kind in (STRINGS, LIST):
        values = [_item(stream, symbols) for _ in range(length)]
    else:
        raise ValueError(f"R type {kind} is not read here")
    attributes = dict(_item(stream, symbols)) if flags & HAS_ATTRIBUTES else {}
    return list(zip(attributes["names"], values, strict=True)) if "names" in attributes else values
