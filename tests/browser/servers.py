"""Plain static servers, as any host is one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from janelm.site.server import Server


class Quiet(SimpleHTTPRequestHandler):
    """Files of one folder, and no word of each request."""

    def log_message(self, *arguments: object) -> None:
        pass


class Foreign(Quiet):
    """Another host, as a CDN is one: whoever asks may read."""

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()


@contextmanager
def served(folder: Path, handler: type[Quiet] = Quiet) -> Iterator[str]:
    """The address of a server of `folder` that is gone afterwards."""
    with Server(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
