"""The studio: what the page in the browser asks for."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import Field
from starlette.background import BackgroundTask
from starlette.responses import Response

from ..machine.cores import cores
from ..machine.files import cache_folder
from ..runs.folder import sample_run
from .api import UNSTORED, Missing, unless_gone
from .library import Library, new_name
from .pages import Page
from .shelf import Shelf
from .states import States
from .store import Store
from .texts import Texts, look, write_parts
from .trainings import Trainings
from .wishes import (
    Cleaning,
    Minutes,
    MoreWish,
    RoomsWish,
    RunChange,
    SiteWish,
    StepWish,
    StopWish,
    TrainingWish,
    data_flags,
)

OWN, HOUSE = Path(__file__).parent / "web", Path(__file__).parents[1] / "web"  # the studio's page, the site's
UPLOADS = ("/studio/texts/", "/studio/import/")  # paths that take files
KINDS = ("transformer", "lstm")
TICK = 1.0  # seconds between two looks at what is to be told
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json"}


class Studio:
    """All that a working folder has: runs in models/, and in studio/ texts, the bin, the site and the list of
    trainings."""

    def __init__(self, root: Path) -> None:
        """Raises JaneLMError where studio/ cannot be written."""
        self.root, own = root.resolve(), root.resolve() / "studio"
        self.store = Store(own)
        self.library, self.texts = Library(self.root / "models", own / "bin"), Texts(own / "texts")
        self.trainings = Trainings(self.store, self.library, own / "logs")
        self.site, self.rooms = Page(own / "site", self.library), Page(own / "rooms", self.library)
        self.states, self.ending = States(), False
        self._yardsticks: dict[tuple[str, ...], list[tuple[str, float]]] = {}

    def state(self) -> dict[str, Any]:
        """All that the page shows at first sight."""
        cleaning = self.store.cleaning()
        return {
            "texts": [text | {"cleaning": cleaning.get(text["name"], {})} for text in self.texts.listed()],
            "trainings": self.trainings.listed(),
            "runs": self.library.table(self.store.notes()),
            "bin": self.library.binned(),
            "cores": cores(),
            "samples": [kind for kind in KINDS if sample_run(kind)],
            "site": self.site.size,
            "rooms": self.rooms.names,
            "served": self.rooms.served,
        }

    def look(self, name: str, cleaning: Cleaning | None, minutes: float | None) -> dict[str, Any]:
        """What a text is made of: cleaned as it is kept, or as asked, and then with places before and after. `minutes`
        are a budget, for which the speed of this machine is measured."""
        budget = ["--no_speed"] if minutes is None else ["--minutes", f"{minutes:g}"]
        kept = self._cleaning(name) if cleaning is None else [*cleaning.flags(), "--preview"]
        return self.texts.look(name, [*budget, *kept])

    def _cleaning(self, text: str) -> list[str]:
        return Cleaning(**self.store.cleaning().get(text, {})).flags()

    def keep(self, text: str, cleaning: Cleaning) -> None:
        """Clean a text so from now on."""
        self.texts.folder(text)
        self.store.clean(text, cleaning.model_dump(exclude_defaults=True))

    def remove(self, text: str) -> None:
        self.texts.remove(text)
        self.store.clean(text, {})

    def train(self, wish: TrainingWish) -> None:
        words = ["--data", str(self.texts.folder(wish.text)), *self._cleaning(wish.text)]
        if wish.ancestor is not None:
            words.append(f"--from={self._ancestor(wish.ancestor)}")
        kinds = dict.fromkeys(wish.architectures[: 1 if wish.ancestor else None])
        names = {kind: new_name(f"{wish.name}-{kind}" if len(kinds) > 1 else wish.name) for kind in kinds}
        self.trainings.add({name: [*words, *wish.flags(kind)] for kind, name in names.items()}, wish.processes)

    def _ancestor(self, name: str) -> Path:
        """The folder of a run, or of a model that comes with the package."""
        come_along = {f"janelm/{kind}": sample for kind in KINDS if (sample := sample_run(kind))}
        return (come_along.get(name) or self.library.find(name)).folder

    def yardsticks(self, name: str) -> list[tuple[str, float]]:
        """What a loss on the text of a run means; nothing where its text is not here any more."""
        config = self.library.find(name).config().data
        if not all((self.root / each).exists() or (cache_folder() / f"{each}.txt").exists() for each in config.data):
            return []
        key = tuple(data_flags(config))
        if key not in self._yardsticks:
            self._yardsticks[key] = look([*key, "--no_speed", "--yardsticks"], self.root).get("yardsticks", [])
        return self._yardsticks[key]

    def end(self) -> None:
        self.ending = True


def add_studio(app: FastAPI, studio: Studio) -> None:
    """Answer the page in the browser."""
    _add_texts(app, studio)
    _add_trainings(app, studio)
    _add_runs(app, studio)
    _add_pages(app, studio)

    @app.get("/studio/state", tags=["studio"])
    async def state() -> dict[str, Any]:
        """Texts, trainings, runs and the site."""
        return await asyncio.to_thread(studio.state)

    @app.get("/studio/events", include_in_schema=False)
    async def events(request: Request) -> StreamingResponse:
        return StreamingResponse(_events(studio, request), media_type="text/event-stream", headers=UNSTORED)

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(OWN / "index.html")

    @app.get("/own/{path:path}", include_in_schema=False)
    async def own(path: str) -> Response:
        return _file(OWN, path)

    @app.get("/house/{path:path}", include_in_schema=False)
    async def house(path: str) -> Response:
        return _file(HOUSE, path)

    @app.get("/preview/{path:path}", include_in_schema=False)
    async def preview(path: str) -> Response:
        return _file(studio.site.folder, path or "index.html")

    @app.get("/rooms/{path:path}", include_in_schema=False)
    async def rooms(path: str) -> Response:
        return _file(studio.rooms.folder, path or "index.html")


def _file(folder: Path, path: str) -> Response:
    """A file of a folder, and of no other."""
    try:
        place = (folder / path).resolve()
        there = place.is_relative_to(folder.resolve()) and place.is_file()
    except (OSError, ValueError):  # a name that no file can have
        there = False
    if not there:
        raise Missing("there is no such file here")
    kind = TYPES.get(place.suffix) or mimetypes.guess_type(place.name)[0] or "application/octet-stream"
    return FileResponse(place, media_type=kind, headers={"cache-control": "no-cache"})


async def _made(make: Callable[[Path], None], name: str) -> Response:
    """A file that is made for this answer, and gone after it."""
    folder = Path(tempfile.mkdtemp())
    try:
        await asyncio.to_thread(make, folder / "made")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return FileResponse(folder / "made", filename=name, background=BackgroundTask(shutil.rmtree, folder, True))


async def _events(studio: Studio, request: Request) -> AsyncIterator[str]:
    """The state at first, and whenever it has changed."""
    last = ""
    while not (studio.ending or await request.is_disconnected()):
        now = json.dumps(await asyncio.to_thread(studio.state), ensure_ascii=False)
        yield f"data: {now}\n\n" if now != last else ": nothing new\n\n"
        last = now
        await asyncio.sleep(TICK)


def _add_texts(app: FastAPI, studio: Studio) -> None:
    @app.put("/studio/texts/{name}/{file}", include_in_schema=False)
    async def upload(name: str, file: str, request: Request) -> dict[str, int]:
        return {"bytes": await studio.texts.receive(name, file, request.stream())}

    @app.get("/studio/look/{name}", tags=["studio"])
    async def look_at(name: str, minutes: Minutes | None = None) -> dict[str, Any]:
        """What a text is made of, and what so many minutes would come to."""
        return await asyncio.to_thread(studio.look, name, None, minutes)

    @app.post("/studio/look/{name}", tags=["studio"])
    async def preview(name: str, cleaning: Cleaning) -> dict[str, Any]:
        """What a text would be made of if it were cleaned so, with places before and after."""
        return await asyncio.to_thread(studio.look, name, cleaning, None)

    @app.post("/studio/text/{name}", tags=["studio"])
    async def keep(name: str, cleaning: Cleaning) -> dict[str, bool]:
        """Clean a text so from now on; the files stay as they are."""
        await asyncio.to_thread(studio.keep, name, cleaning)
        return {"done": True}

    @app.delete("/studio/text/{name}", tags=["studio"])
    async def remove(name: str) -> dict[str, bool]:
        """Remove a text."""
        await asyncio.to_thread(studio.remove, name)
        return {"done": True}


def _add_trainings(app: FastAPI, studio: Studio) -> None:
    @app.post("/studio/trainings", tags=["studio"])
    async def train(question: TrainingWish) -> dict[str, bool]:
        """Put trainings on the list."""
        await asyncio.to_thread(studio.train, question)
        return {"done": True}

    @app.post("/studio/trainings/{id}/stop", tags=["studio"])
    async def stop(id: Annotated[int, Field(ge=0, le=1 << 40)], question: StopWish) -> dict[str, bool]:
        """End a training: its run is saved, or goes to the bin."""
        await asyncio.to_thread(studio.trainings.stop, id, question.discard)
        return {"done": True}

    @app.post("/studio/runs/{name}/more", tags=["studio"])
    async def more(name: str, question: MoreWish) -> dict[str, bool]:
        """Give a run more minutes."""
        await asyncio.to_thread(studio.trainings.more, name, question.minutes)
        return {"done": True}


def _add_runs(app: FastAPI, studio: Studio) -> None:
    library = studio.library

    @app.get("/studio/runs/{name}", tags=["studio"])
    async def curves(name: str) -> dict[str, Any]:
        """What was measured and written while a run learned."""
        return await asyncio.to_thread(library.curves, name)

    @app.get("/studio/runs/{name}/yardsticks", tags=["studio"])
    async def yardsticks(name: str) -> list[tuple[str, float]]:
        """What a loss on the text of a run means, in bits per byte: gzip and others."""
        return await asyncio.to_thread(studio.yardsticks, name)

    @app.get("/studio/compare", tags=["studio"])
    async def compare(runs: str) -> dict[str, Any]:
        """Settings that differ, and what is not fair; names with commas between."""
        return await asyncio.to_thread(library.compare, runs.split(",")[:8])

    @app.post("/studio/runs/{name}", tags=["studio"])
    async def change(name: str, question: RunChange) -> dict[str, bool]:
        """Rename a run, or write a note on it."""
        if question.note is not None:
            studio.store.note(library.find(name).name, question.note)
        if question.name is not None:
            await asyncio.to_thread(library.rename, name, question.name)
            studio.store.rename(name, question.name)
        return {"done": True}

    @app.delete("/studio/runs/{name}", tags=["studio"])
    async def discard(name: str) -> dict[str, str]:
        """Put a run into the bin."""
        return {"place": await asyncio.to_thread(library.discard, name)}

    @app.post("/studio/bin/{place}", tags=["studio"])
    async def put_back(place: str) -> dict[str, bool]:
        """Take a run out of the bin."""
        await asyncio.to_thread(library.put_back, place)
        return {"done": True}

    @app.get("/studio/zip/{name}", include_in_schema=False)
    async def zipped(name: str) -> Response:
        return await _made(partial(library.zipped, name), f"{name}.zip")

    @app.put("/studio/import/{name}", include_in_schema=False)
    async def unzipped(name: str, request: Request) -> dict[str, bool]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.zip"
            await write_parts(path, request.stream())
            await asyncio.to_thread(library.unzipped, path, name)
        return {"done": True}


def _add_pages(app: FastAPI, studio: Studio) -> None:
    shelf: Shelf = app.state.shelf

    @app.post("/studio/site", tags=["studio"])
    async def publish(wish: SiteWish) -> dict[str, int | None]:
        """Write the static site of some runs; nothing is sent anywhere."""
        await asyncio.to_thread(studio.site.publish, wish)
        return {"bytes": studio.site.size}

    @app.get("/studio/site.zip", include_in_schema=False)
    async def site() -> Response:
        return await _made(studio.site.zipped, "site.zip")

    @app.post("/studio/rooms", tags=["studio"])
    async def open_rooms(wish: RoomsWish) -> dict[str, list[str]]:
        """Open the page's rooms for some runs; small ones run in the browser, the others here."""
        return {"served": await asyncio.to_thread(studio.rooms.open, wish.runs)}

    @app.post("/studio/steps", tags=["studio"])
    async def step(wish: StepWish, request: Request) -> Response:
        """Read tokens with a model: float32 logits, and in the head `x-session` what to go on with."""
        desk = partial(shelf.get, wish.model)
        work = studio.states.step(desk, wish.tokens, wish.session, wish.memory, wish.rows)
        logits, name = await unless_gone(request, work)
        headers = {"x-session": name} | UNSTORED
        return Response(logits.astype("<f4").tobytes(), media_type="application/octet-stream", headers=headers)
