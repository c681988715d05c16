"""A plain static server for looking at a site on this machine."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import JaneLMError

TYPES = {  # stated here because a system's own table may lack them, and browsers refuse modules of another type
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
    ".txt": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",  # LICENSE
}


class Handler(SimpleHTTPRequestHandler):
    """Files of one folder, always asked for anew, so that a site that was exported again shows at once."""

    extensions_map = TYPES

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing of each request."""

    def list_directory(self, path: str | PathLike[str]) -> None:
        self.send_error(404)


class Server(ThreadingHTTPServer):
    """Answers each request in its own thread, and does not mind who hangs up."""

    def __init__(self, address: tuple[str, int], handler: Callable[..., Handler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    @property
    def address(self) -> str:
        """What to type into a browser; a host that stands for all addresses is named by the machine's own name."""
        host = str(self.server_address[0])
        if host in ("0.0.0.0", "::"):
            host = socket.gethostname()
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}/"

    def handle_error(self, request: Any, address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, address)


def make_server(folder: Path, port: int, host: str = "127.0.0.1") -> Server:
    """A server of `folder`, reachable from this machine only unless `host` says otherwise; port 0 takes any free one.

    Raises JaneLMError where there is no site in the folder, the port is taken or the host is none of this machine.
    """
    if not (folder / "index.html").exists():
        raise JaneLMError(f"there is no site in {folder}: write one with janelm export RUN --output {folder}")

    try:
        return Server((host, port), partial(Handler, directory=str(folder)))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        wrong = "port" if host == "127.0.0.1" else "port, or another --host"
        raise JaneLMError(f"cannot serve at {host}, port {port} ({reason}): choose another --{wrong}") from error
