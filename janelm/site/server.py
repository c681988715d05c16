"""A plain static server for looking at a site on this machine."""

from __future__ import annotations

import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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

    def list_directory(self, path: str) -> None:
        self.send_error(404)


class Server(ThreadingHTTPServer):
    """Answers each request in its own thread, and does not mind who hangs up."""

    def handle_error(self, request: object, address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, address)


def make_server(folder: Path, port: int) -> Server:
    """A server of `folder`, reachable from this machine only; port 0 takes any free one.

    Raises JaneLMError where there is no site in the folder or the port is taken.
    """
    if not (folder / "index.html").exists():
        raise JaneLMError(f"there is no site in {folder}: write one with janelm export RUN --output {folder}")

    def handler(*arguments: object) -> Handler:
        return Handler(*arguments, directory=str(folder))

    try:
        return Server(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise JaneLMError(f"cannot serve at port {port} ({reason}): choose another --port") from error
