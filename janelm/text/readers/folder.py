"""Files, archives and folders of mixed kinds: each file is read, or passed over and named."""

from __future__ import annotations

import bz2
import gzip
import lzma
import posixpath
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from ...config import DataConfig
from ...errors import JaneLMError, UsageError
from ..cleaning import clean
from ..sources import LONG, LongSource, Source
from ..tidying import joined_documents
from .base import LARGEST, ZIP, Archive, File, NothingByThem, Reading, limited
from .registry import ENDINGS, PLAIN, READERS, reader_of

HIDDEN = {"thumbs.db", "desktop.ini", "__macosx", "icon\r"}
ONE_TEXT = {"epub", "docx", "odt", "refused"}  # zip files that are no archives
# By the first bytes of one file that is packed, the module for it.
PACKED = {b"\x1f\x8b": gzip, b"\xfd7zXZ\0": lzma} | {b"BZh%d1AY&SY" % level: bz2 for level in range(1, 10)}
SOFT_HYPHEN = "\xad"  # nobody sees it in a book, but for the one at a line's end
BLANK = 4096  # characters of white space that are a blank page, which is a text, and no empty file
SHOWN = 5  # files passed over for one reason that are named
# Of an archive's script and data files only these hold what a person wrote.
WRITTEN = re.compile(r"(?:^|/)(?:tweets?|tweets?-part\d+|community-tweet)\.js$")
OUTBOX = re.compile(r"(?:^|/)outbox\.json$")


def read_file(path: Path, options: DataConfig) -> list[Source]:
    """What one file holds: a text, or the files of an archive. Raises JaneLMError where it cannot be read."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as opened:
            head = opened.read(1 << 16)
        file = File(str(path), head, options, sibling=lambda beside: _beside(path, beside))
        if size > LONG and reader_of(file) is PLAIN and not head.startswith((*PACKED, *ZIP)):
            return [_long(str(path), size, lambda: open(path, "rb"), options)]
        if size > LARGEST:
            raise JaneLMError(
                f"{path} has {size / 1e6:,.0f} MB, more than the {LARGEST >> 20:,} MB that are read of its kind"
            )
        file.raw = path.read_bytes()
    except OSError as error:
        raise JaneLMError(f"cannot read {path} ({error.strerror}): check the name and the permissions") from error
    if (packing := _packing(head)) and options.rules > 1:
        return _read_packed(path, file, packing)
    return _read_archive(file) if _is_archive(file) else [read_one(file)]


def _packing(head: bytes) -> Any:
    """The module of what a file is packed with, or None."""
    return next((module for mark, module in PACKED.items() if head.startswith(mark)), None)


def _is_archive(file: File) -> bool:
    return file.raw.startswith(ZIP) and reader_of(file).name not in ONE_TEXT


def _long(name: str, size: int, open_file: Callable[[], BinaryIO], options: DataConfig) -> Source:
    return LongSource(name, size, open_file, options.text_encoding, options.rules > 1)


def _beside(path: Path, beside: str) -> bytes | None:
    """A file beside this one, by a path that names at most the folder above."""
    found = path.parent / beside
    return found.read_bytes() if found.is_file() and found.stat().st_size <= LARGEST else None


def _read_packed(path: Path, file: File, packing: Any) -> list[Source]:
    name = str(path)
    try:
        with packing.open(path) as opened:
            raw = opened.read(LONG + 1)
            inner = File(re.sub(r"\.(?:gz|bz2|xz)$", "", name, flags=re.IGNORECASE), raw, file.options)
            if len(raw) > LONG:
                if reader_of(inner) is not PLAIN:
                    raise JaneLMError(f"{name} unpacks to more than {LONG >> 20:,} MB, which is the limit for its kind")
                return [_long(name, path.stat().st_size, lambda: cast(BinaryIO, packing.open(path)), file.options)]
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise JaneLMError(f"{name} is damaged ({error}): fetch or save it anew") from error
    if _is_archive(inner):
        return _read_archive(inner)
    source = read_one(inner)
    source.name = name
    return [source]


def read_one(file: File) -> Source:
    """One file's text, read and cleaned. Raises JaneLMError, in one sentence, whatever is wrong with the file."""
    reader = reader_of(file)
    if not file.raw:
        raise JaneLMError(f"{file.name} is empty: name a file with text in it")
    try:
        with limited(file.name):
            reading = reader.read(file)
    except JaneLMError:
        raise
    except (Exception, RecursionError, MemoryError) as error:  # formats and their libraries fail in many ways
        why = (str(error).splitlines() or [""])[0][:120] or type(error).__name__
        raise JaneLMError(
            f"{file.name} cannot be read as {reader.name} ({why}): it is damaged, or not what its name says"
        ) from error
    return _source(file, reader.name, reading)


def _source(file: File, reader: str, reading: Reading) -> Source:
    said, normal = list(reading.said), file.options.rules > 1
    documents = reading.documents
    soft = reading.text.count(SOFT_HYPHEN) if reader != PLAIN.name else 0
    if soft:
        reading.text = reading.text.replace(SOFT_HYPHEN, "")
        said.append(f"took out {soft:,} marks of where a word may be parted")
    if documents is not None:
        documents = [clean(document, normal)[0].strip("\n") for document in documents]
        documents = [document for document in documents if document.strip()]
        text = joined_documents(documents)
    else:
        text, more = (reading.text, []) if reading.clean else clean(reading.text, normal)
        said += [line for line in more if line not in said]
    if len(text) >= BLANK and reader == PLAIN.name and text.isspace():
        said.append("has nothing but white space")
    elif not text.strip() and file.options.author and documents is not None:
        raise NothingByThem(file.name, file.options.author, reading.authors)
    elif not text.strip():
        told = f" ({'; '.join(said)})" if said else ""
        raise JaneLMError(f"{file.name} is empty{told}: name a file with text in it")
    return Source(file.name, text, said, documents, reader, reading.authors)


def read_folder(folder: Path, options: DataConfig) -> list[Source]:
    """All files of a folder that are of a kind that is read, in order of their names.

    Raises JaneLMError where there is none.
    """
    if options.rules == 1:
        found = sorted(file for file in folder.rglob("*.txt") if file.is_file())
        return [source for file in found for source in read_file(file, options)]
    if (folder / "dataset_info.json").is_file() or (folder / "dataset_dict.json").is_file():
        names = sorted(file for file in folder.rglob("*.arrow") if not file.name.startswith("cache-"))
    else:
        names = sorted(file for file in folder.rglob("*") if file.is_file())
    entries = ((file.relative_to(folder).as_posix(), lambda file=file: read_file(file, options)) for file in names)
    return _read_all(
        str(folder), entries, _export(file.relative_to(folder).as_posix() for file in names), options.author
    )


def _read_archive(file: File) -> list[Source]:
    try:
        archive = Archive(file.name, file.raw)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise JaneLMError(f"{file.name} is a damaged archive ({error}): fetch or save it anew") from error

    def entry(member: str) -> list[Source]:
        def beside(path: str) -> bytes | None:
            return archive.get(posixpath.normpath(posixpath.join(posixpath.dirname(member), path)))

        try:
            raw = archive.read(member)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
            raise JaneLMError(f"{file.name}/{member} is damaged ({error}): fetch or save it anew") from error
        inner = File(f"{file.name}/{member}", raw, file.options, beside)
        if _is_archive(inner):
            raise JaneLMError(f"{inner.name} is an archive inside an archive: unpack it")
        return [read_one(inner)]

    entries = ((member, partial(entry, member)) for member in sorted(archive.members))
    return _read_all(file.name, entries, _export(archive.members), file.options.author)


def _export(names: Iterable[str]) -> re.Pattern[str] | None:
    """Which files are the posts, where a folder is one's archive of X or of Mastodon: all else there is none."""
    names = list(names)
    return next((posts for posts in (WRITTEN, OUTBOX) if any(map(posts.search, names))), None)


def _read_all(
    where: str,
    entries: Iterator[tuple[str, Callable[[], list[Source]]]],
    posts: re.Pattern[str] | None,
    wanted: tuple[str, ...],
) -> list[Source]:
    """Read what can be read; what is passed over is told with the first text."""
    sources: list[Source] = []
    passed: dict[str, list[str]] = {}
    others = Counter[str]()
    for name, read in entries:
        why = _passed_over(name) or (None if posts is None or posts.search(name) else "not one's own posts")
        if why is None:
            try:
                sources += read()
                continue
            except UsageError:
                raise
            except NothingByThem as error:
                others.update(error.authors)
                why = "nothing by whom you asked for"
            except JaneLMError as error:
                why = "empty" if " is empty" in str(error) else str(error)
        passed.setdefault(why, []).append(name)
    said = [_told(why, names) for why, names in passed.items()]
    if not sources and others:
        raise NothingByThem(where, wanted, dict(others.most_common()))
    if not sources:
        told = f" ({'; '.join(said)})" if said else ""
        kinds = ", ".join(reader.name for reader in READERS if reader.endings and reader.name != "refused")
        raise JaneLMError(f"{where} has no file with a text in it{told}: what is read is {kinds}")
    sources[0].report = [f"beside it, {line}" for line in said] + sources[0].report
    return sources


def _passed_over(name: str) -> str | None:
    """Why a file is not even looked at, or None."""
    path = PurePosixPath(name)
    if any((part.startswith(".") and part != "..") or part.lower() in HIDDEN for part in path.parts):
        return "hidden"
    if path.name in ("users.json", "channels.json", "integration_logs.json", "dataset_info.json", "state.json"):
        return "no text of its own"
    if path.suffix.lower() == ".js" and WRITTEN.search(name):
        return None
    if (
        path.suffix
        and path.suffix.lower() not in ENDINGS
        and not path.suffix[1:].isdigit()
        and path.suffix.lower() != ".xml"
    ):
        return "of another kind"
    return None


def _told(why: str, names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"passed over {', '.join(names[:SHOWN])}{more}: {why}"
