"""Where text comes from: a named corpus, a file, or a folder of files; cleaned, with a report of what was done.

A text is read piece by piece, so that a long file need never be in memory as a whole.
"""

from __future__ import annotations

import codecs
import hashlib
import importlib.util
import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath

from ..errors import JaneLMError, UsageError
from ..machine.files import cache_folder, write_atomically
from . import rdata
from .wrapping import wrapping

NOVELS = ("sensesensibility", "prideprejudice", "mansfieldpark", "emma", "northangerabbey", "persuasion")
AUSTEN_SHA256 = "32432b75ad045648fc586b923f9d38cddee6ecfa14cfe8968b9a028c36a19c23"
AUSTEN_REPOSITORY = "https://github.com/juliasilge/janeaustenr/raw/v1.0.0/data/{novel}.rda"
AUSTEN_PACKAGE = "r-cran-janeaustenr"
BLOCK = 1 << 18  # characters of text that are worked on at once
GIVEN = "text"  # the name of a text that was passed from Python
MANY = 3  # texts, more than which are counted and not named
LONG = 1 << 27  # bytes from which a file is never read as a whole


@dataclass
class Source:
    """One text: where it is from, the text, and what was done to it."""

    name: str
    text: str
    report: list[str] = field(default_factory=list)

    def pieces(self) -> Iterator[str]:
        """The text, in pieces that are cut anywhere."""
        for begin in range(0, len(self.text), BLOCK):
            yield self.text[begin : begin + BLOCK]


class LongSource(Source):
    """A long UTF-8 file, which is read anew, and cleaned, each time its pieces are asked for."""

    def __init__(self, path: Path) -> None:
        self.name, self._path = str(path), path
        self.report = [f"is read piece by piece ({path.stat().st_size / 1e6:,.0f} MB)"]

    def pieces(self) -> Iterator[str]:
        with open(self._path, encoding="utf-8-sig") as file:  # makes one newline of every kind of line end
            while True:
                try:
                    piece = file.read(BLOCK)
                except UnicodeDecodeError as error:
                    raise JaneLMError(
                        f"{self.name} is not UTF-8 ({error.reason}), which so long a file must be: save it as UTF-8"
                    ) from error
                if "\0" in piece:
                    raise JaneLMError(f"{self.name} is not a text file (it has zero bytes): give --data plain text")
                if not piece:
                    return
                yield piece.translate(CONTROL)

    @cached_property
    def text(self) -> str:  # type: ignore[override]  # of a source that is in memory it can be set as well
        return "".join(self.pieces())


def joined(sources: list[Source]) -> Iterator[str]:
    """The sources as one text, a blank line between two of them, in pieces that are cut anywhere."""
    for number, source in enumerate(sources):
        if number:
            yield "\n\n"
        yield from source.pieces()


BETWEEN_WORDS = re.compile(r"(?<=\S\n)(?=\w)")  # behind a line end, before a word, with no white space beside it


def blocks(pieces: Iterable[str]) -> Iterator[str]:
    """The text that the pieces make up, cut into blocks of at least BLOCK characters where a line ends.

    Byte pairs are found within words, and neither JaneLM's pattern nor any of tiktoken's own joins what stands before
    such a cut with what stands behind it: the blocks have the tokens of the whole text. Only where no line ends for
    fifteen blocks the cut is anywhere.
    """
    rest = ""
    for piece in pieces:
        rest += piece
        while len(rest) >= BLOCK and (found := BETWEEN_WORDS.search(rest, BLOCK) or len(rest) >= 16 * BLOCK):
            end = len(rest) if found is True else found.start()
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def given_source(text: str) -> Source:
    """A text that was passed from Python, cleaned as a file is. Raises UsageError where it is none or empty."""
    if not isinstance(text, str):
        raise UsageError(f"the text is of the type {type(text).__name__}, but must be a str: a file is named in data")
    writable = text.encode("utf-8", "replace").decode()
    lone = sum(a != b for a, b in zip(text, writable, strict=True))
    text, report = clean(writable, [f"replaced {lone:,} lone surrogates, which no text has"] if lone else [])
    if not text.strip():
        raise UsageError("the text is empty: pass one with something in it")
    return Source(GIVEN, text, report)


def load_sources(names: tuple[str, ...]) -> list[Source]:
    """Read every named corpus, file and folder, in the order given.

    Raises JaneLMError for a source that is missing, empty, binary or in an unreadable encoding.
    """
    sources = []
    for name in names:
        path = Path(name)
        if name in CORPORA and not path.exists():
            sources.append(CORPORA[name]())
        elif name == GIVEN and not path.exists():
            raise JaneLMError("the text was given from Python and is not kept with the run: pass it again as text")
        elif not path.exists():
            known = " or ".join(sorted(CORPORA))
            raise JaneLMError(f"there is no text at {name}: give --data a .txt file, a folder of them, or {known}")
        elif path.is_dir():
            files = sorted(file for file in path.rglob("*.txt") if file.is_file())
            if not files:
                raise JaneLMError(f"the folder {name} has no .txt file: put your texts there, or name a file")
            sources += [read_source(file) for file in files]
        else:
            sources.append(read_source(path))
    return sources


def read_source(path: Path) -> Source:
    """Read one text file in whatever encoding it is, with plain newlines and no byte order mark."""
    try:
        if path.stat().st_size > LONG:
            return LongSource(path)
        raw = path.read_bytes()
    except FileNotFoundError:
        raise JaneLMError(f"there is no text at {path}: name a text file") from None
    except OSError as error:
        raise JaneLMError(f"cannot read {path} ({error.strerror}): check the name and the permissions") from error
    text, report = clean(*decode(raw, str(path)))
    if not text.strip():
        raise JaneLMError(f"{path} is empty: name a file with text in it")
    return Source(str(path), text, report + wrapping(path.name, text))


BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(raw: bytes, name: str) -> tuple[str, list[str]]:
    """Bytes as text: by byte order mark, else as UTF-8, else in the encoding that fits best, with a report.

    Raises JaneLMError for data that is not text.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            try:
                return raw[len(mark) :].decode(encoding), [f"removed the {encoding} byte order mark"]
            except UnicodeDecodeError as error:
                raise JaneLMError(
                    f"{name} starts as {encoding} but breaks off at byte {error.start}: save it as UTF-8"
                ) from error
    if b"\0" not in raw:
        try:
            return raw.decode(), []
        except UnicodeDecodeError as error:
            broken_at = error.start
        guessed = guess_encoding(raw)
        if guessed is None:
            raise JaneLMError(
                f"{name} is not UTF-8 (byte {broken_at}) nor any encoding that could be made out: save it as UTF-8"
            )
        said = f"is not UTF-8 (byte {broken_at}): read as {guessed}; save it as UTF-8 if that is wrong"
        return raw.decode(guessed), [said]
    raise JaneLMError(f"{name} is not a text file (it has zero bytes): save it as plain text in UTF-8")


def guess_encoding(raw: bytes) -> str | None:
    """The encoding that makes most sense of `raw`, or None. The commonest, Windows-1252, wins where it fits too."""
    from charset_normalizer import from_bytes

    matches = from_bytes(raw)
    best = matches.best()
    if best is None:
        return None
    fitting = [name for match in matches if match.chaos <= best.chaos + 0.05 for name in match.could_be_from_charset]
    return "cp1252" if "cp1252" in fitting else best.encoding


CONTROL = {code: None for code in (*range(9), 11, 12, *range(14, 32), 127)}


def clean(text: str, report: list[str]) -> tuple[str, list[str]]:
    """One newline character for every kind of line end, and no control characters but newline and tab."""
    report = list(report)
    returns = text.count("\r")
    if returns:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        report.append(f"turned {returns:,} line ends into plain newlines")
    kept = text.translate(CONTROL)
    if len(kept) < len(text):
        report.append(f"removed {len(text) - len(kept):,} control characters")
    return kept, report


def austen() -> Source:
    """Jane Austen's six novels in order of publication, 4,025,039 bytes, checked by SHA-256.

    They are the texts of the R package janeaustenr 1.0.0 (public domain): each novel's lines and a final newline, the
    novels a blank line apart. They come from the package's repository or, where only package sources can be reached,
    from the Debian package, and are kept in the cache folder.
    """
    cached = cache_folder() / "austen.txt"
    if cached.exists() and _sha256(cached.read_bytes()) == AUSTEN_SHA256:
        return Source("austen", cached.read_text(encoding="utf-8"))
    tried = []
    for where, fetch in (("its repository", _austen_from_repository), ("the Debian package", _austen_from_debian)):
        try:
            novels = fetch()
            text = "\n\n".join("\n".join(novels[novel]) + "\n" for novel in NOVELS)
        except Exception as error:
            tried.append(f"{where} {AUSTEN_PACKAGE if 'Debian' in where else 'janeaustenr'} ({_short(error)})")
            continue
        if _sha256(text.encode()) == AUSTEN_SHA256:
            write_atomically(cached, text)
            return Source("austen", text, [f"fetched from {where}"])
        tried.append(f"{where} (its text is not the expected one)")
    raise JaneLMError(
        f"Jane Austen's novels could not be fetched; tried {' and '.join(tried)}: "
        "connect to the network, or train on a text of your own with --data PATH"
    )


def bible() -> Source:
    """The King James Bible, one verse to a line with its book as title: `<Genesis>`, a tab, the verse."""
    package = importlib.util.find_spec("bible")  # found but not imported: its code needs more than its data does
    if package is None or package.origin is None:
        raise JaneLMError('the Bible is an extra: install it with pip install "janelm[bible]"')
    lines = (Path(package.origin).parent / "data" / "kjv.jsonl").read_text(encoding="utf-8").splitlines()
    verses = [json.loads(line) for line in lines if line]
    text = "".join(f"<{verse['book']}>\t{verse['text'].strip()}\n" for verse in verses if "verse" in verse)
    return Source("bible", text)


CORPORA = {"austen": austen, "bible": bible}
DISPLAY_NAMES = {"austen": "Jane Austen", "bible": "the King James Bible"}


def display_name(sources: Iterable[str]) -> str:
    """What to call texts by the names of their sources; nothing where they have none.

    >>> display_name(["austen"]), display_name(["posts/my_diary-2024.txt", "letters.txt"]), display_name(["text"])
    ('Jane Austen', 'my diary 2024 and letters', '')
    """
    stems = (
        DISPLAY_NAMES.get(name) or PurePath(name.replace("\\", "/")).stem.replace("_", " ")
        for name in sources
        if name != GIVEN
    )
    names = list(dict.fromkeys(" ".join(re.sub(r"(?<=\w)-(?=\w)", " ", stem).split()) for stem in stems))
    if len(names) > MANY:
        return f"{len(names):,} texts"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _austen_from_repository() -> dict[str, list[str]]:
    novels = {}
    for novel in NOVELS:
        with urllib.request.urlopen(AUSTEN_REPOSITORY.format(novel=novel), timeout=15) as answer:
            novels.update(rdata.read_rda(answer.read()))
    return novels


def _austen_from_debian() -> dict[str, list[str]]:
    """Fetch the package with apt-get, in folders of our own, so that it needs no root and installs nothing."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise JaneLMError("this machine has no apt-get")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("state/lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True)
        own = [f"-oDir::State={folder}/state", f"-oDir::Cache={folder}/cache", "-oAPT::Sandbox::User="]
        for command in (["update"], ["download", AUSTEN_PACKAGE]):
            done = subprocess.run(["apt-get", "-qq", *own, *command], cwd=folder, capture_output=True, timeout=300)
            if done.returncode:
                raise JaneLMError(f"apt-get {command[0]} failed")
        package = next(folder.glob("*.deb"))
        archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            found = tar.extractfile(member) if member.name.endswith(("data/Rdata.rdx", "data/Rdata.rdb")) else None
            if found is not None:
                files[member.name[-3:]] = found.read()
    return rdata.read_lazy_load_database(files["rdx"], files["rdb"])


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _short(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason).splitlines()[0]
