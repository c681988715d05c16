"""`janelm serve`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from .shared import parse, say


@dataclass
class ServeOptions:
    """Which site, and where it is to be seen."""

    site: Annotated[Path, tyro.conf.Positional] = Path("site")
    """The folder that janelm export wrote."""
    port: int = 8000
    """Port on this machine; 0 takes any free one."""


def serve_command(arguments: list[str], program: str) -> int:
    """Show a site on this machine."""
    options = parse(ServeOptions, arguments, program, "Show a site on this machine, until Ctrl-C.")
    from ..site.server import make_server

    with make_server(options.site, options.port) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        say("Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("")
    return 0
