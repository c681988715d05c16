"""What must survive a restart besides runs and texts: the queue of trainings, notes, how texts are cleaned. SQLite."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import JaneLMError

SCHEMA = """
create table if not exists trainings (
    id integer primary key, name text not null, together text not null, arguments text not null,
    state text not null default 'waiting', process integer, code integer, discard integer not null default 0
);
create table if not exists notes (run text primary key, note text not null);
create table if not exists cleaning (text text primary key, options text not null);
"""
COLUMNS = ("id", "name", "together", "arguments", "state", "process", "code", "discard")


@dataclass(frozen=True)
class Training:
    """One training that was asked for: waiting, running or ended."""

    id: int
    name: str
    together: str
    """Those with the same start side by side."""
    arguments: list[str]
    """Of janelm train; behind "torchrun", and how many, where several processes train together."""
    state: str
    process: int | None
    code: int | None
    """The exit code; None where it is not known, because the server was started anew meanwhile."""
    discard: bool
    """Whether its run goes to the bin when it has ended."""


class Store:
    """The file studio.db of a folder."""

    def __init__(self, folder: Path) -> None:
        """Raises JaneLMError where the file is damaged or cannot be written."""
        self._lock, path = threading.Lock(), folder / "studio.db"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._file.execute("pragma journal_mode = wal")
            self._file.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise JaneLMError(f"{path} cannot be used ({error}): make room, or move the file away") from error

    def _run(self, order: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._file.execute(order, values).fetchall()
            except sqlite3.Error as error:
                raise JaneLMError(f"studio.db cannot be written ({error}): free some space on the disk") from error

    def add(self, name: str, together: str, arguments: list[str]) -> None:
        self._run(
            "insert into trainings (name, together, arguments) values (?, ?, ?)", name, together, json.dumps(arguments)
        )

    def trainings(self, state: str | None = None) -> list[Training]:
        """In the order they were asked for."""
        rows = self._run(f"select {', '.join(COLUMNS)} from trainings order by id")
        found = [
            Training(id, name, together, json.loads(words), now, process, code, bool(discard))
            for id, name, together, words, now, process, code, discard in rows
        ]
        return [one for one in found if state in (None, one.state)]

    def started(self, id: int, process: int) -> None:
        self._run("update trainings set state = 'running', process = ? where id = ?", process, id)

    def ended(self, id: int, code: int | None) -> None:
        self._run("update trainings set state = 'ended', code = ? where id = ?", code, id)

    def discard(self, id: int) -> None:
        self._run("update trainings set discard = 1 where id = ?", id)

    def remove(self, id: int) -> None:
        self._run("delete from trainings where id = ?", id)

    def note(self, run: str, note: str) -> None:
        self._run("insert or replace into notes values (?, ?)", run, note)

    def notes(self) -> dict[str, str]:
        return dict(self._run("select run, note from notes"))

    def rename(self, old: str, new: str) -> None:
        self._run("update or replace notes set run = ? where run = ?", new, old)

    def clean(self, text: str, options: dict[str, Any]) -> None:
        """Keep how a text is cleaned; no options forget it."""
        self._run("delete from cleaning where text = ?", text)
        if options:
            self._run("insert into cleaning values (?, ?)", text, json.dumps(options))

    def cleaning(self) -> dict[str, dict[str, Any]]:
        return {text: json.loads(options) for text, options in self._run("select text, options from cleaning")}

    def close(self) -> None:
        with self._lock:
            self._file.close()
