"""What all readers share: a file, what is read from it, messages by their authors, and the limits."""

from __future__ import annotations

import io
import re
import signal
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ...config import DataConfig
from ...errors import JaneLMError, counted
from ..cleaning import Cleaner, clean, cleaned
from ..encodings import BLOCK, decode, decoded, recognise

LARGEST = 1 << 29  # bytes of a file once it is unpacked: what is larger is refused, but for plain text
MEMBERS = 100_000  # files in an archive
SECONDS = 300  # for one file
ZIP = (b"PK\3\4", b"PK\5\6")  # what zip files begin with
NONE: frozenset[str] = frozenset()


@dataclass
class File:
    """A file, or one inside an archive, as readers see it."""

    name: str
    """How it is called to the user."""
    raw: bytes
    options: DataConfig
    sibling: Callable[[str], bytes | None] = lambda path: None
    """The bytes of a file beside it, by its path from here, or None."""
    began: float = field(default_factory=time.monotonic)

    @property
    def ending(self) -> str:
        return PurePosixPath(self.name).suffix.lower()

    @property
    def head(self) -> bytes:
        return self.raw[: 1 << 16]

    @property
    def members(self) -> frozenset[str]:
        """The names inside, where it is a sound zip file."""
        try:
            return frozenset(zipfile.ZipFile(io.BytesIO(self.raw)).NameToInfo) if self.raw.startswith(ZIP) else NONE
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            return NONE

    def text(self, said: list[str], encoding: str | None = None) -> str:
        """The file as text with plain line ends; what that took is said."""
        text, report = decode(self.raw, self.name, self.options.text_encoding or encoding)
        text, more = clean(text, self.options.rules > 1)
        said += report + more
        return text

    def lines(self, said: list[str]) -> Iterator[str]:
        """Its lines one by one, so that the text is never in memory as a whole; what that took is said at the end."""
        size, encoding, rest = len(self.raw), self.options.text_encoding, [""]
        decoding = recognise((self.raw[i : i + BLOCK] for i in range(0, size, BLOCK)), self.name, encoding)
        cleaner = Cleaner(self.options.rules > 1)
        blocks = (self.raw[i : i + BLOCK] for i in range(0, size, BLOCK))
        for piece in cleaned(decoded(blocks, decoding, self.name), cleaner):
            first, *more = piece.split("\n")
            rest.append(first)
            if more:
                yield "".join(rest)
                yield from more[:-1]
                rest = more[-1:]
        yield "".join(rest)
        said += decoding.report() + cleaner.report()

    def check_time(self) -> None:
        """Raises JaneLMError once reading has taken longer than any sound file does."""
        if time.monotonic() - self.began > SECONDS:
            raise TooLong(f"{self.name} takes longer than {SECONDS} seconds to read: leave it out, or part it")


@contextmanager
def limited(name: str) -> Iterator[None]:
    """Ends what is done inside, also within one call of a library, with a JaneLMError after SECONDS.

    By a signal, which only the main thread gets, and not on Windows; there `File.check_time` must do.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise TooLong(f"{name} takes longer than {SECONDS} seconds to read: leave it out, or part it")

    before, (left, _) = signal.signal(signal.SIGALRM, stop), signal.setitimer(signal.ITIMER_REAL, SECONDS)
    began = time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, max(0.001, left - time.monotonic() + began) if left else 0)
        signal.signal(signal.SIGALRM, before)


class NothingByThem(JaneLMError):
    """Nobody of those who are asked for wrote any of the messages; `authors` did."""

    def __init__(self, name: str, wanted: tuple[str, ...], authors: dict[str, int]) -> None:
        most = ", ".join(f"{who} {count:,}" for who, count in list(authors.items())[:8])
        super().__init__(f"{name} has nothing by {' or '.join(wanted)}: its messages are by {most or 'nobody named'}")
        self.authors = authors


class TooLong(JaneLMError):
    """A file takes longer than any sound one does."""


@dataclass
class Reading:
    """What was read: a text, or documents; and what was done on the way."""

    text: str = ""
    documents: list[str] | None = None
    said: list[str] = field(default_factory=list)
    kept: int = 0
    """Characters other than white space that were kept, of all that a reader sees as text..."""
    removed: int = 0
    """...and that it left out: where a reader counts them, the two are the whole."""
    clean: bool = False
    """Whether the text is clean as it is, so that nobody need do it again."""
    authors: dict[str, int] = field(default_factory=dict)
    """Who wrote how many of the messages."""


@dataclass(frozen=True)
class Reader:
    """A kind of file."""

    name: str
    endings: tuple[str, ...]
    read: Callable[[File], Reading]
    recognises: Callable[[File], bool] = lambda file: False
    """Whether its first bytes show this kind, whatever its name says."""


def dense(text: str) -> int:
    """How many characters are no white space."""
    return sum(len("".join(text[begin : begin + BLOCK].split())) for begin in range(0, len(text), BLOCK))


def parse_xml(raw: bytes) -> Any:
    """The root of an XML file. Raises ValueError where it declares entities: none is expanded, nothing is fetched."""
    from defusedxml.common import EntitiesForbidden
    from defusedxml.ElementTree import fromstring

    try:
        return fromstring(raw, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except EntitiesForbidden:
        raise ValueError("it declares entities, which no text needs") from None


def local(tag: object) -> str:
    """The name of an XML element without its namespace; of a comment, nothing."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


class Archive:
    """A zip file of which nothing is ever written to disk, and nothing read beyond the limits."""

    def __init__(self, name: str, raw: bytes) -> None:
        self.name = name
        self._zip = zipfile.ZipFile(io.BytesIO(raw))
        self.members = [entry.filename for entry in self._zip.infolist() if not entry.is_dir()]
        if len(self.members) > MEMBERS:
            raise JaneLMError(f"{name} holds {len(self.members):,} files, more than the {MEMBERS:,} that are read")
        self._left = LARGEST

    def read(self, member: str) -> bytes:
        """A member's bytes. Raises KeyError where there is none, JaneLMError for one that is locked or too large."""
        info = self._zip.getinfo(member)
        if info.flag_bits & 1:
            raise JaneLMError(f"{self.name} is locked with a password: save it without one")
        with self._zip.open(info) as stream:
            raw = stream.read(self._left + 1)
        self._left -= len(raw)
        if self._left < 0:
            raise JaneLMError(
                f"{self.name} unpacks to more than {LARGEST >> 20:,} MB, which is the limit: unpack it yourself"
            )
        return raw

    def get(self, member: str) -> bytes | None:
        return self.read(member) if member in self._zip.NameToInfo else None


@dataclass(frozen=True)
class Message:
    """A post or a message."""

    text: str
    author: str = ""
    own: bool = False
    """Whether the format says that the owner of the export wrote it."""


LINKS = re.compile(r"(?<!\s)\s*https?://\S+")


def as_documents(messages: Iterable[Message], options: DataConfig, said: list[str]) -> Reading:
    """Messages as documents: those of the authors asked for, without empty ones, with their speakers if asked for."""
    messages = list(messages)
    if not options.links:
        bare = [LINKS.sub("", message.text) for message in messages]
        links = sum(text != message.text for text, message in zip(bare, messages, strict=True))
        messages = [Message(text, m.author, m.own) for text, m in zip(bare, messages, strict=True)]
        if links:
            said.append(f"took the links out of {links:,} messages (--links keeps them)")
    messages = [message for message in messages if message.text.strip()]
    authors = Counter(message.author for message in messages if message.author)
    if authors:
        most = ", ".join(f"{name} {count:,}" for name, count in authors.most_common(5))
        more = f" and {len(authors) - 5:,} more" if len(authors) > 5 else ""
        said.append(f"has {counted(len(messages), 'message')} by {len(authors):,}: {most}{more}")
    else:
        said.append(f"has {counted(len(messages), 'post')}")
    if options.author:
        wanted = {name.casefold() for name in options.author}
        chosen = [m for m in messages if m.author.casefold() in wanted or (m.own and "me" in wanted)]
        said.append(f"kept the {len(chosen):,} of {' and '.join(options.author)}")
        messages = chosen
    speakers = options.speakers
    documents = [f"{m.author}\t{m.text.strip()}" if speakers and m.author else m.text.strip() for m in messages]
    return Reading(documents=documents, said=said, authors=dict(authors.most_common()))
