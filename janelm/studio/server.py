"""Runs the server: where it listens, who may ask, and how it ends."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from ..errors import JaneLMError, UsageError
from ..runs.folder import find_run
from .api import add_api, add_errors
from .figures import Process
from .safety import Doorkeeper, Guard
from .shelf import Shelf

HERE = ("127.0.0.1", "localhost", "::1")
GRACE = 30  # seconds that texts under way have to come to their end
MOST_CONNECTIONS = 512


@dataclass(frozen=True)
class Place:
    """Where a server listens, and to whom."""

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None

    @property
    def open(self) -> bool:
        """Whether others than this machine reach it."""
        return self.host not in HERE

    def with_token(self) -> Place:
        """The same, with a token where it needs one: that of JANELM_TOKEN, or a new one.

        Raises UsageError on one that could be guessed.
        """
        token = os.environ.get("JANELM_TOKEN") or (secrets.token_urlsafe(32) if self.open else None)
        if token is not None and (len(token) < 16 or not token.isascii() or not token.isprintable()):
            raise UsageError("JANELM_TOKEN must be at least 16 characters of ASCII, so that nobody guesses it")
        return Place(self.host, self.port, token)


def api_app(
    shelf: Shelf, names: Callable[[], list[str]], title: str = "JaneLM", process: Process | None = None
) -> FastAPI:
    """The application that answers programs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        shelf.close()

    app = FastAPI(title=title, version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.shelf = shelf
    add_errors(app)
    add_api(app, shelf, names, process)
    return app


def guarded(app: FastAPI, place: Place, uploads: tuple[str, ...] = ()) -> ASGIApp:
    return Guard(app, Doorkeeper(place.host, place.token, uploads))


class _Server(uvicorn.Server):
    """One that takes no more questions once it was told to end, and lets those under way come to theirs."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)


def listening(place: Place) -> socket.socket:
    """Raises JaneLMError where the port is taken or the host is none of this machine."""
    try:
        info = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        opened = socket.socket(info[0], info[1])
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(info[4])
        opened.listen(256)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        where = f"{place.host}, port {place.port}"
        raise JaneLMError(f"cannot serve at {where} ({reason}): choose another --port") from error
    return opened


def serve(
    app: ASGIApp, opened: socket.socket, ending: Callable[[], None] = lambda: None, say: Callable[[str], None] = print
) -> None:
    """Answer until Ctrl-C or SIGTERM, then let what is under way come to its end."""
    logging.getLogger("janelm").addHandler(logging.StreamHandler())
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # addresses may have a token
        timeout_graceful_shutdown=GRACE,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=64 << 10,
        server_header=False,
        ws="none",
    )
    try:
        _Server(config, ending).run([opened])
    except KeyboardInterrupt:
        say("")


def address(place: Place, opened: socket.socket) -> str:
    """What to type into a browser."""
    host = socket.gethostname() if place.host in ("0.0.0.0", "::") else place.host
    name = f"[{host}]" if ":" in host else host
    token = f"?token={place.token}" if place.token else ""
    return f"http://{name}:{opened.getsockname()[1]}/{token}"


def shelf_of(names: tuple[str, ...], **options: Any) -> tuple[Shelf, list[str]]:
    """The models of these runs, all of them in memory, and the names that programs call them by.

    Raises UsageError on two of the same name, and JaneLMError where one cannot be loaded.
    """
    runs = [find_run(name) for name in names]
    known = {run.name: run for run in runs}
    if len(known) < len(runs):
        raise UsageError(f"two of the runs have the same name ({', '.join(run.name for run in runs)}): rename a folder")
    shelf = Shelf(lambda name: known[name], **options)
    for name in known:
        shelf.get(name)
    return shelf, list(known)
