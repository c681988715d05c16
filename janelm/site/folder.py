"""The site's folder: what stands where, and how it is written as a whole or not at all.

    index.html  manifest.json  service_worker.js  LICENSES.txt  card-<hash>.png
    app-<hash>/      the page's own modules and style
    vendor/          the chart library and, where it runs the models, ONNX Runtime, unless a CDN has them
    models/          one ONNX file for each model
    rooms/           what the rooms show, fetched when one is opened

Names with a hash of their contents never change what they hold, so a browser may keep them for ever. Every address is
relative: the folder works under any path of any static host.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from importlib.resources import files
from pathlib import Path, PurePosixPath
from string import Template
from typing import Any, Literal

from ..config import check
from ..errors import UsageError
from ..machine.files import check_replaceable, replace_folder
from ..runs.dataset import Texts
from ..runs.folder import Run
from ..text.corpora import display_name
from ..version import __version__
from ..writing.books import LANGUAGE
from .card import HEIGHT, WIDTH, card
from .models import SiteModel, make_model
from .rooms import Rooms, Shown, make_rooms
from .vendor import CDN, CHARTS, RUNTIME, Package, fetch

FORMAT = 1
ENTRY = "main.js"  # where the page's modules start
NOT_SHIPPED = re.compile(r"(^|/)(\.|__pycache__|node_modules/|README|tsconfig)|\.d\.ts$|\.py$")
STEP, RELAXED_STEP = "engine/step.wasm", "engine/step-relaxed.wasm"  # of engines/native/, for the page
STEPS = ("transformer", "lstm")  # the kinds of models that it runs
AT_THE_ROOT = ("index.html", "service_worker.js")
STYLES = ("style.css", "views.css", "screens.css")  # a later one overrules an earlier one


@dataclass(frozen=True)
class SiteOptions:
    """How a site is made."""

    precision: str = "int6-weights"
    title: str | None = None
    prompt: str | None = None
    cdn: bool = False
    read: Shown = "auto"
    copied: bool = False
    runtime: Literal["native", "onnxruntime"] = "native"  # the page's own step, or ONNX Runtime
    served: tuple[str, ...] = ()  # names of models that a server runs, beside whose rooms the page lies
    softmax: bool = False  # the models' files also give probabilities
    language: str | None = None  # BCP 47 code of what the models write; guessed where it is None
    address: str | None = None  # where the page will be, for those who show a card of it

    def problems(self) -> list[str]:
        found = []
        if self.language is not None and not LANGUAGE.fullmatch(self.language):
            found.append(f"language is {self.language!r}, but must be a code such as en, pt-BR or zh-Hant")
        if self.address is not None and not re.match(r"https?://[^/\s\"'<>]+(/[^\s\"'<>?#]*)?$", self.address):
            found.append(f"address is {self.address!r}, but must be one such as https://me.example/page/")
        return found


def write_site(
    runs: list[Run],
    output: Path,
    options: SiteOptions | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Write the site of these runs to the folder `output`, where an earlier site is replaced.

    Raises UsageError on runs of the same name, and JaneLMError where a run or a third-party package cannot be had, or
    `output` holds something that is not a site.
    """
    options = options or SiteOptions()
    check(options)
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise UsageError(f"two of the runs have the same name ({', '.join(names)}): rename a folder")
    check_replaceable(output, "manifest.json", "a site")
    kinds = [run.config().model.kind for run in runs if run.name not in options.served]
    options = with_runtime(options, kinds, say)
    vendor = {} if options.cdn else _vendor(options, say)
    texts = Texts()
    models = [
        make_model(
            run,
            options.precision,
            options.prompt,
            say,
            options.language,
            served=run.name in options.served,
            adapters=options.runtime == "native",
            softmax=options.softmax,
            texts=texts,
        )
        for run in runs
    ]
    rooms = make_rooms(runs, options.read, say, options.copied, texts)
    replace_folder(output, site_files(models, vendor, options, rooms))


def with_runtime(options: SiteOptions, kinds: list[str], say: Callable[[str], None]) -> SiteOptions:
    """The same with ONNX Runtime, which runs all that can be exported, where the page's own step lacks something."""
    lacking = [f"a model of kind {kind}" for kind in kinds if kind not in STEPS]
    if options.precision == "int8" and kinds:
        lacking.append("products in int8")
    if options.runtime == "onnxruntime" or not lacking:
        return options
    say(f"the page comes with ONNX Runtime, since its own step has no {lacking[0].removeprefix('a ')}")
    return replace(options, runtime="onnxruntime")


def site_files(
    models: list[SiteModel], vendor: dict[str, bytes], options: SiteOptions, rooms: Rooms | None = None
) -> dict[str, bytes]:
    """Every file of the site by its path, where `options` name a runtime that runs the models."""
    web = _web()
    if options.runtime == "onnxruntime":
        del web[STEP], web[RELAXED_STEP]
    app = f"app-{_digest(web)[:8]}"
    title = options.title or _title([model.entry for model in models])
    rooms = rooms or Rooms()
    kept = {f"{app}/{path}": content for path, content in web.items() if path not in AT_THE_ROOT} | vendor | rooms.files
    manifest = {
        "format": FORMAT,
        "janelm": __version__,
        "title": title,
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
        **_runtime_and_charts(options, app, web),
        "app": sorted(path for path in kept if path.startswith(app)),
        "languages": sorted(PurePosixPath(path).stem for path in web if path.startswith("languages/")),
        "files": [
            {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), **_room(path)}
            for path, content in sorted(kept.items())
        ],
        "models": [model.entry for model in models],
        **rooms.entry,
    }
    picture = card(title, _first_words(manifest))
    picture_name = f"card-{hashlib.sha256(picture).hexdigest()[:8]}.png"
    values = _placeholders(manifest, app, web, options) | {"card": _card_tags(manifest, options, picture_name)}
    index = Template(web["index.html"].decode()).substitute(values)
    listing = json.dumps(manifest, ensure_ascii=False, separators=(",", ":")).encode()
    site = {
        "index.html": index.encode(),
        "manifest.json": listing,
        "LICENSES.txt": _licences(options),
        ".nojekyll": b"",
        picture_name: picture,
    }
    site["service_worker.js"] = web["service_worker.js"]
    for model in models:
        kept |= model.files
    return site | kept


def _room(path: str) -> dict[str, str]:
    """The room that a file is of, by its path: it is fetched, and kept for visits without a network, once that is
    opened."""
    rooms: dict[str, tuple[str, ...]] = {
        "read": ("rooms/figures-", "rooms/text-", "rooms/embeddings-"),
        "learn": ("rooms/learning-",),
        "copied": ("rooms/copied-",),
    }
    for room, data in (rooms | dict.fromkeys(("tree", "files", "drafts", "languages", "lens"), ())).items():
        if path.startswith(data) or path.split("/")[1:2] == [room]:
            return {"room": room}
    return {}


def _web() -> dict[str, bytes]:
    """The page's own sources, which ship with this package, by path."""
    root = files("janelm").joinpath("web")
    with_files = Path(str(root))
    paths = (path for path in with_files.rglob("*") if path.is_file())
    found = {path.relative_to(with_files).as_posix(): path.read_bytes() for path in paths}
    return {path: content for path, content in sorted(found.items()) if not NOT_SHIPPED.search(path)}


def _packages(options: SiteOptions) -> list[Package]:
    return [CHARTS] if options.runtime == "native" else [RUNTIME, CHARTS]


def _vendor(options: SiteOptions, say: Callable[[str], None]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for package in _packages(options):
        found |= {_place(package, path): content for path, content in fetch(package, say).items()}
        found[f"vendor/{package.folder}/LICENSE"] = package.licence.encode()
    return found


def _place(package: Package, path: str, cdn: bool = False) -> str:
    """Where one of a package's files is: its address, or its path from the site's root."""
    return package.address(path) if cdn else f"vendor/{package.folder}/{PurePosixPath(path).name}"


def _runtime_and_charts(options: SiteOptions, app: str, web: dict[str, bytes]) -> dict[str, Any]:
    """The manifest's entries `runtime` and `charts`."""
    charts = _third_party(CHARTS, {"module": ".js", "style": ".css"}, options.cdn)
    if options.runtime == "onnxruntime":
        runtime = _third_party(RUNTIME, {"glue": ".mjs", "wasm": ".wasm"}, options.cdn)
        return {"runtime": runtime | {"wasm_bytes": RUNTIME.files[RUNTIME.path(".wasm")][0]}, "charts": charts}
    built, relaxed = ({"wasm": f"{app}/{path}", "wasm_bytes": len(web[path])} for path in (STEP, RELAXED_STEP))
    own = {"name": "JaneLM's step", "version": __version__, **built, "relaxed": relaxed, "integrity": None}
    return {"runtime": own, "charts": charts}


def _third_party(package: Package, roles: dict[str, str], cdn: bool) -> dict[str, Any]:
    """A package's entry, with the address of its file for each role, known by its ending."""
    hashes = {_place(package, path, cdn): f"sha384-{digest}" for path, (_, digest) in package.files.items()}
    addresses = {role: _place(package, package.path(ending), cdn) for role, ending in roles.items()}
    return {"name": package.name, "version": package.version, **addresses, "integrity": hashes if cdn else None}


def _placeholders(manifest: dict[str, Any], app: str, web: dict[str, bytes], options: SiteOptions) -> dict[str, str]:
    """What stands for each placeholder of index.html, escaped.

    `app` is the folder of the modules, `links` are the style sheets and what to load early, `example` is a text that
    the model named wrote before, so that there is something to read at once.
    """
    first = manifest["models"][0]
    values = {
        "title": manifest["title"],
        "policy": content_security_policy(options),
        "app": app,
        "model": first["name"],
        "prompt": first["example"]["prompt"],
        "example": first["example"]["text"],
        "language": first.get("language", ""),
    }
    return {name: escape(value) for name, value in values.items()} | {"links": _links(manifest, app, web)}


def _first_words(manifest: dict[str, Any]) -> str:
    example = manifest["models"][0]["example"]
    return example["prompt"] + example["text"]


def _card_tags(manifest: dict[str, Any], options: SiteOptions, picture: str) -> str:
    """What a page says of itself to whoever shows a card of it (The Open Graph protocol). Most want whole addresses."""
    size = sum(model["parameters"] for model in manifest["models"]) / 1e6
    models = "A small language model" if len(manifest["models"]) == 1 else f"{len(manifest['models'])} language models"
    base = folder_address(options.address) if options.address else ""
    tags = {
        "og:type": "website",
        "og:title": manifest["title"],
        "og:description": f"{models} of {size:.1f} million parameters, trained from scratch; you write together here.",
        "og:image": base + picture,
        "og:image:width": WIDTH,
        "og:image:height": HEIGHT,
        "og:image:alt": manifest["title"],
    } | ({"og:url": base} if base else {})
    lines = [f'<meta property="{name}" content="{escape(str(value))}">' for name, value in tags.items()]
    return "\n    ".join([*lines, '<meta name="twitter:card" content="summary_large_image">'])


def site_title(folder: Path) -> str:
    """The title of a site that was written."""
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["title"]


def folder_address(address: str) -> str:
    return address if address.endswith("/") else f"{address}/"


def embedding(title: str, address: str) -> str:
    """A few lines of HTML that show the page inside another."""
    source, style = escape(folder_address(address)), "width: 100%; height: 44rem; border: 0"
    return f'<iframe src="{source}" title="{escape(title)}" loading="lazy" style="{style}"></iframe>'


def content_security_policy(options: SiteOptions) -> str:
    """What the page may load: itself alone, or with `cdn` that one host and the modules that came from it."""
    host = f" {CDN}" if options.cdn else ""
    blob = " blob:" if options.cdn and options.runtime == "onnxruntime" else ""
    return (
        f"default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{blob}; worker-src 'self'; connect-src 'self'{host}; "
        f"style-src 'self'{host}; img-src 'self' data:; manifest-src 'self'; base-uri 'none'; form-action 'none'"
    )


def _links(manifest: dict[str, Any], app: str, web: dict[str, bytes]) -> str:
    """The styles, and the modules that the page will ask for one after the other, asked for at once."""
    charts = manifest["charts"]
    integrity = ""
    if charts["integrity"]:
        integrity = f' integrity="{charts["integrity"][charts["style"]]}" crossorigin="anonymous"'
    links = [
        f'<link rel="stylesheet" href="{escape(charts["style"])}"{integrity}>',
        *(f'<link rel="stylesheet" href="{app}/{path}">' for path in STYLES),
    ]
    links += [f'<link rel="modulepreload" href="{app}/{path}">' for path in modules(ENTRY, web)]
    return "\n    ".join(links)


IMPORT = re.compile(r"""^(?:import|export)\b[^;'"(]*?["'](\.{1,2}/[^"']+)["']""", re.MULTILINE)


def modules(entry: str, web: dict[str, bytes]) -> list[str]:
    """The paths of `entry` and of all modules that it imports, directly or not, in the order they are met."""
    found, waiting = [], [entry]
    while waiting:
        path = waiting.pop(0)
        if path in found or path not in web:
            continue
        found.append(path)
        folder = PurePosixPath(path).parent
        waiting += [os.path.normpath(folder / target) for target in IMPORT.findall(web[path].decode())]
    return found


def _title(models: list[dict[str, Any]]) -> str:
    """Names of the texts that the models were trained on, for a page whose maker names none."""
    of = display_name(dict.fromkeys(source for model in models for source in model["card"]["data"]))
    return f"Written by a small model of {of}" if of else "Written by a small model"


def _licences(options: SiteOptions) -> bytes:
    own = "JaneLM, this page's own code, is under the MIT License."
    return "\n\n".join([own, *(package.licence.strip() for package in _packages(options))]).encode() + b"\n"


def _digest(contents: dict[str, bytes]) -> str:
    """SHA-256 over paths and contents."""
    total = hashlib.sha256()
    for path, content in sorted(contents.items()):
        total.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()
