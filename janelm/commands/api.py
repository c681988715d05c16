"""`janelm api`."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..errors import JaneLMError, UsageError
from .shared import parse, say


@dataclass
class ApiOptions:
    """Which models, and where they are to be asked."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Folders of runs, or their names under ./models."""
    port: int = 8000
    """Port on this machine; 0 takes any free one."""
    host: str = "127.0.0.1"
    """Address to listen at: by default for this machine alone; with 0.0.0.0 others need the token that is printed, or
    that JANELM_TOKEN has."""
    engine: Literal["auto", "torch", "onnx", "native"] = "auto"
    """What steps the models; auto takes the fastest that works here."""
    precision: Literal["fp32", "int8-weights", "int8"] = "fp32"
    """Weights: int8-weights is faster and a quarter of the size, int8 also multiplies in int8."""
    texts: int | None = None
    """Texts that a model writes at once; by default as many as fit, at most 64."""
    waiting: int = 256
    """Questions that may wait for a model; more are told that the server is busy."""
    workers: int = 1
    """Processes that answer, each with every model in memory."""


def api_command(arguments: list[str], program: str) -> int:
    """Answer programs: models behind an API in the form of OpenAI's."""
    options = parse(ApiOptions, arguments, program, "Answer programs, in the form of OpenAI's API, until Ctrl-C.")
    if not options.runs:
        raise UsageError("name at least one run, for instance: janelm api model")
    for name, least in (("workers", 1), ("waiting", 1), ("texts", 1)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise UsageError(f"{name} is {value}, but must be at least {least}")
    serving = needed()
    place = serving.Place(options.host, options.port).with_token()
    opened = serving.listening(place)
    print(serving.address(place, opened), flush=True)
    if place.open:
        say("others can ask too, without https: keep it to a network that you trust, and the token to yourself")
    if options.workers > 1 and hasattr(os, "fork"):
        return _many(options, place, opened)
    _answer(options, place, opened)
    return 0


def needed():  # type: ignore[no-untyped-def]
    """The server, or a sentence where what it is made of is missing."""
    try:
        from ..studio import server
    except ImportError as error:
        raise JaneLMError(f'{error.name} is missing: install it with pip install "janelm[studio]"') from error
    return server


def _answer(options: ApiOptions, place, opened, process=None) -> None:  # type: ignore[no-untyped-def]
    serving = needed()
    more = {"engine": options.engine, "precision": options.precision, "say": say}
    shelf, names = serving.shelf_of(options.runs, **more, most=options.texts, most_waiting=options.waiting)
    say(f"ready: {', '.join(names)}; what programs may ask is at /docs; Ctrl-C ends it")
    app = serving.guarded(serving.api_app(shelf, lambda: names, process=process), place)
    serving.serve(app, opened, shelf.end, say)


def _many(options: ApiOptions, place, opened) -> int:  # type: ignore[no-untyped-def]
    """Several processes that answer at one port; one that ends by itself is replaced."""
    children: dict[int, int] = {}  # numbers of the system, and ours
    ending = False

    def end(number: int, _: object) -> None:
        nonlocal ending
        ending = True
        for child in children:
            os.kill(child, signal.SIGTERM)

    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, end)
    began: list[float] = []
    with tempfile.TemporaryDirectory() as figures:
        while children or not ending:
            while len(children) < options.workers and not ending:
                began = [moment for moment in began if moment > time.monotonic() - 60] + [time.monotonic()]
                if len(began) > 5 * options.workers:
                    end(0, None)
                    raise JaneLMError("the processes that answer end again and again: see what they said above")
                number = min(set(range(options.workers)) - set(children.values()))
                children[_child(options, place, opened, number, Path(figures))] = number
            children.pop(os.wait()[0], None)
    return 0


def _child(options: ApiOptions, place, opened, number: int, figures: Path) -> int:  # type: ignore[no-untyped-def]
    """The system's number of it, in the parent, which has no models and no threads: it may be copied at any time."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.default_int_handler)
        from ..studio.figures import Process

        _answer(options, place, opened, Process(number, figures))
        code = 0
    except JaneLMError as error:
        say(f"janelm api: {error}")
    except KeyboardInterrupt:
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)
