"""Bytes to text, in whatever encoding they are: nothing is lost silently, and what is mended is counted.

In this order: the encoding that is asked for; a byte order mark; UTF-16 without one, by where its zeros stand; UTF-8,
also with a few broken bytes; else the encoding in which the bytes read most like a language.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..errors import JaneLMError, UsageError, counted
from .guessing import SAMPLE, guess_encoding

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
FEW = 4  # of so many characters beyond ASCII one may be broken, and it is UTF-8 still
CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1b")
REPLACEMENT = "�"
BLOCK = 1 << 16  # bytes that are decoded at once: an error copies what is left of them
PLACES = 3  # of what was mended are named


@dataclass
class Decoding:
    """How to read some bytes, and what was done while they were read."""

    encoding: str
    skip: int = 0  # bytes of the mark at the beginning
    said: list[str] = field(default_factory=list)
    mended: int = 0
    places: list[int] = field(default_factory=list)

    def report(self) -> list[str]:
        """What there is to say once all has been read."""
        if not self.mended:
            return self.said
        where = ", ".join(f"{place:,}" for place in self.places) + (", ..." if self.mended > len(self.places) else "")
        unit = "byte" if self.encoding == "utf-8" else "character"
        broken = counted(self.mended, "broken place")
        return [*self.said, f"is {self.encoding} with {broken} mended ({unit} {where})"]

    def mend(self, place: int) -> None:
        self.mended += 1
        if len(self.places) < PLACES:
            self.places.append(place)


def decode(raw: bytes, name: str, encoding: str | None = None) -> tuple[str, list[str]]:
    """Bytes as text, with a report.

    Raises JaneLMError for data that is not text, and UsageError for an encoding that does not exist.
    """
    blocks = [raw[begin : begin + BLOCK] for begin in range(0, len(raw), BLOCK)]
    decoding = recognise(blocks, name, encoding)
    return "".join(decoded(blocks, decoding, name)), decoding.report()


def recognise(blocks: Iterable[bytes], name: str, encoding: str | None = None) -> Decoding:
    """How to read a file that is given in blocks. Raises as `decode` does."""
    if encoding is not None:
        return Decoding(_known(encoding))
    survey = _Survey()
    for block in blocks:
        survey.read(block)
    head = survey.head
    for mark, named in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return Decoding(named, len(mark), [f"removed the {named} byte order mark"])
    if survey.zeros and (wide := _without_mark(head)):
        return Decoding(wide, 0, [f"is {wide} without a byte order mark"])
    if survey.controls > max(1, survey.size // 100):
        what = "it has zero bytes" if survey.zeros else "it has control characters throughout"
        raise JaneLMError(f"{name} is not a text file ({what}): name a text, or a kind of file that is read")
    if survey.broken_at is None or survey.whole >= FEW * survey.broken:
        return Decoding("utf-8")
    guessed = guess_encoding(bytes(survey.telling))
    if guessed is None:
        raise JaneLMError(
            f"{name} is not UTF-8 (byte {survey.broken_at}) nor any encoding that could be made out: say which with "
            "--text_encoding, or save it as UTF-8"
        )
    said = f"is not UTF-8 (byte {survey.broken_at}): read as {guessed}; where that is wrong, give --text_encoding"
    return Decoding(guessed, 0, [said])


def _known(encoding: str) -> str:
    try:
        "a".encode(encoding)
        return codecs.lookup(encoding).name
    except (LookupError, UnicodeError):
        raise UsageError(
            f"there is no text encoding {encoding!r}: name one such as utf-8, cp1250, koi8-r, gb18030 or mac-roman"
        ) from None


class _Survey:
    """What one reading of all bytes tells: zeros, control characters, and how well they are UTF-8."""

    def __init__(self) -> None:
        self.head, self.telling, self.size = b"", bytearray(), 0
        self.zeros = self.controls = 0
        self.whole = self.broken = 0  # characters beyond ASCII, and places that are not UTF-8
        self.broken_at: int | None = None
        self._rest = b""  # the beginning of a character that the next block may end

    def read(self, block: bytes) -> None:
        self.head = self.head or block[: 1 << 16]
        self.zeros += block.count(0)
        self.controls += len(block) - len(block.translate(None, CONTROLS))
        if not block.isascii() or self._rest:
            if len(self.telling) < 8 * SAMPLE:
                self.telling += b"\n" + _around_first(block)
            self._try_utf8(self._rest + block, self.size - len(self._rest))
        self.size += len(block)

    def _try_utf8(self, block: bytes, begin: int) -> None:
        place = 0
        while place < len(block):
            try:
                text, used = codecs.utf_8_decode(memoryview(block)[place:], "strict", False)
            except UnicodeDecodeError as error:
                whole = block[place : place + error.start]
                self.whole += _continued(whole)
                self.broken += 1
                if self.broken_at is None:
                    self.broken_at = begin + place + error.start
                place += error.end
                if self.broken > 10_000 and self.whole < self.broken:
                    break  # it is something else altogether
            else:
                self.whole += len(text) - _ascii(text)
                self._rest = block[place + used :]
                return
        self._rest = b""


def _continued(whole: bytes) -> int:
    return sum(1 for byte in whole if byte >= 0xC0)


def _ascii(text: str) -> int:
    return len(text.encode("ascii", "ignore"))


def _around_first(block: bytes) -> bytes:
    """The lines from the first byte beyond ASCII on."""
    first = len(block) - len(block.lstrip(bytes(range(128))))
    begin = max(block.rfind(b"\n", 0, first) + 1, first - 200)
    return block[begin : begin + 4 * SAMPLE]


def _without_mark(head: bytes) -> str | None:
    """UTF-16 or UTF-32 by where the zeros stand, where what comes out is text."""
    best, most = None, 0.0
    for encoding, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        try:
            text = head[: len(head) // width * width].decode(encoding)
        except UnicodeDecodeError as error:
            if error.start < len(head) - 4:
                continue
            text = head[: error.start].decode(encoding)
        fit = sum(character in "\n\r\t\ufeff" or character.isprintable() for character in text)
        if fit < 0.99 * len(text) or not text:
            continue
        # Bytes in the wrong order turn letters of one script into signs of many.
        likely = sum(character < "\u0600" or character in "，。、「」" for character in text) / len(text)
        scripts = len({ord(character) >> 8 for character in text})
        if (likely > 0.5 or scripts <= len(text) // 4) and likely > most:
            best, most = encoding, likely
    return best


def decoded(blocks: Iterable[bytes], decoding: Decoding, name: str) -> Iterator[str]:
    """The text of the blocks, piece by piece; what is mended is noted in `decoding`."""
    decoding.mended, decoding.places = 0, []
    if decoding.encoding == "utf-8":
        yield from _decoded_utf8(blocks, decoding)
        return
    decoder = codecs.getincrementaldecoder(decoding.encoding)("strict" if decoding.skip else "replace")
    skip, read, characters = decoding.skip, 0, 0
    for block in _then_end(blocks):
        try:
            text = decoder.decode(block[skip:], final=not block)
        except UnicodeDecodeError as error:
            raise JaneLMError(
                f"{name} starts as {decoding.encoding} but breaks off near byte {read + error.start}: save it as UTF-8"
            ) from error
        place = text.find(REPLACEMENT)
        while place >= 0:
            decoding.mend(characters + place)
            place = text.find(REPLACEMENT, place + 1)
        read, skip, characters = read + len(block), 0, characters + len(text)
        if text:
            yield text


def _then_end(blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield from (block for block in blocks if block)
    yield b""


def _decoded_utf8(blocks: Iterable[bytes], decoding: Decoding) -> Iterator[str]:
    """UTF-8, whose broken bytes are read as Windows-1252 where they stand alone in plain ASCII, else become U+FFFD."""
    rest, before, begin, skip = b"", b"", 0, decoding.skip
    for block in _then_end(blocks):
        data, final = rest + block[skip:], not block
        begin, skip, place, parts = begin + skip, 0, 0, []
        while place < len(data):
            try:
                text, used = codecs.utf_8_decode(memoryview(data)[place:], "strict", final)
                parts.append(text)
                place += used
                break
            except UnicodeDecodeError as error:
                start, end = place + error.start, place + error.end
                parts.append(data[place:start].decode())
                place = start
                if end == len(data) and not final:
                    break  # what follows it is not there yet
                parts.append(
                    _mended(data[start - 1 : start] if start else before, data[start:end], data[end : end + 1])
                )
                decoding.mend(begin + start)
                place = end
        before, rest, begin = data[:place][-1:] or before, data[place:], begin + place
        if text := "".join(parts):
            yield text


def _mended(before: bytes, broken: bytes, after: bytes) -> str:
    alone = len(broken) == 1 and before.isascii() and after.isascii()
    if not alone or not (after or before.isalpha()):  # at the end of all, most likely the half of a character
        return REPLACEMENT
    read = broken.decode("cp1252", "replace")
    return read if read.isprintable() else REPLACEMENT
