"""Where text comes from: a named corpus, a file, or a folder of files; read, cleaned, and what was done reported."""

from __future__ import annotations

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
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePath

from ..config import DataConfig
from ..errors import JaneLMError
from ..machine.files import cache_folder, write_atomically
from . import rdata
from .readers import read_file, read_folder
from .sources import GIVEN, Source
from .tidying import tidied

NOVELS = ("sensesensibility", "prideprejudice", "mansfieldpark", "emma", "northangerabbey", "persuasion")
AUSTEN_SHA256 = "32432b75ad045648fc586b923f9d38cddee6ecfa14cfe8968b9a028c36a19c23"
AUSTEN_REPOSITORY = "https://github.com/juliasilge/janeaustenr/raw/v1.0.0/data/{novel}.rda"
AUSTEN_PACKAGE = "r-cran-janeaustenr"
MANY = 3  # texts, more than which are counted and not named


def load_sources(names: tuple[str, ...], options: DataConfig | None = None) -> list[Source]:
    """Read every named corpus, file and folder, in the order given, as `options` say.

    Raises JaneLMError for a source that is missing, empty, or of no kind that is read.
    """
    options, sources = options or DataConfig(), []
    for name in names:
        path = Path(name)
        if name in CORPORA and not path.exists():
            sources.append(CORPORA[name]())
        elif name == GIVEN and not path.exists():
            raise JaneLMError("the text was given from Python and is not kept with the run: pass it again as text")
        elif not path.exists():
            known = " or ".join(sorted(CORPORA))
            raise JaneLMError(f"there is no text at {name}: give --data a file, a folder of them, or {known}")
        elif path.is_dir():
            sources += read_folder(path, options)
        else:
            sources += read_file(path, options)
    for source in sources:
        if source.documents is None and (options.author or options.speakers):
            source.report.append("is not made of messages, so that --author and --speakers do nothing here")
    return [tidied(source, options) for source in sources]


def read_source(path: Path, options: DataConfig | None = None) -> Source:
    """One file as one text, read and cleaned as for training, but for what is of the training's own files alone: their
    encoding, and which part of them is taken. Raises JaneLMError where it cannot be read."""
    if not path.is_file():
        raise JaneLMError(f"there is no text at {path}: name a text file")
    options = replace(options or DataConfig(), text_encoding=None, after=None, before=None, first=None, last=None)
    first, *others = (tidied(source, options) for source in read_file(path, options))
    if not others:
        return first
    text = "\n\n".join(source.text for source in (first, *others))
    return replace(
        first, name=str(path), text=text, report=[line for source in (first, *others) for line in source.report]
    )


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
