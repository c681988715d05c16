"""`janelm serve`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from .shared import parse, say

HERE = ("127.0.0.1", "localhost", "::1")  # which nobody else reaches


@dataclass
class ServeOptions:
    """Which site, and where it is to be seen."""

    site: Annotated[Path, tyro.conf.Positional] = Path("site")
    """The folder that janelm export wrote."""
    port: int = 8000
    """Port on this machine; 0 takes any free one."""
    host: str = "127.0.0.1"
    """Address to listen at: by default for this machine alone; 0.0.0.0 lets others on the network, or outside a
    container, see the page."""


def serve_command(arguments: list[str], program: str) -> int:
    """Show a site on this machine."""
    options = parse(ServeOptions, arguments, program, "Show a site on this machine, until Ctrl-C.")
    from ..site.server import make_server

    with make_server(options.site, options.port, options.host) as server:
        print(server.address, flush=True)
        if options.host not in HERE:
            say("whoever reaches this machine can see the page, without https: keep it to a network that you trust")
        say("Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("")
    return 0
