"""`janelm studio`."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from .api import needed
from .shared import parse, say


@dataclass
class StudioOptions:
    """Where its runs are, and where it is to be seen."""

    folder: Annotated[Path, tyro.conf.Positional] = Path(".")
    """The working folder: its runs are in models, and all else in studio."""
    port: int = 8000
    """Port on this machine; 0 takes any free one."""
    host: str = "127.0.0.1"
    """Address to listen at: by default for this machine alone; with 0.0.0.0 others need the address that is printed,
    which has a token, or the one in JANELM_TOKEN."""
    browser: bool = True
    """Open the page in the browser."""


def studio_command(arguments: list[str], program: str) -> int:
    """Train, watch, write and publish in the browser."""
    options = parse(StudioOptions, arguments, program, "An app in the browser: train, watch, write, publish.")
    serving = needed()
    from ..studio.app import UPLOADS, Studio, add_studio
    from ..studio.shelf import Shelf

    place = serving.Place(options.host, options.port).with_token()
    opened = serving.listening(place)
    studio = Studio(options.folder)
    shelf = Shelf(studio.library.find, say=say)
    app = serving.api_app(shelf, studio.library.names)
    add_studio(app, studio)
    studio.trainings.start()
    print(serving.address(place, opened), flush=True)
    say("Ctrl-C ends it; what is being trained goes on, and is found again")
    if options.browser and not place.open:
        webbrowser.open(serving.address(place, opened))

    def ending() -> None:
        studio.end()
        shelf.end()

    try:
        serving.serve(serving.guarded(app, place, UPLOADS), opened, ending, say)
    finally:
        studio.trainings.close()
        studio.store.close()
    return 0
