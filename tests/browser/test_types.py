"""The types that the page's comments state."""

from __future__ import annotations

import json
import subprocess

import pytest

from browser.engine_site import TESTS
from janelm.machine.files import cache_folder


@pytest.mark.needs("npm")
def test_the_page_passes_the_type_checker(tmp_path):
    """tsc over every module, with the packages' own types; npm fetches them once into the cache folder."""
    folder = cache_folder() / "typescript"
    packages = ["typescript@7.0.2", "uplot@1.6.32"]
    compiler = folder / "node_modules" / ".bin" / "tsc"
    if not compiler.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *packages], cwd=folder, check=True)
    web, studio = TESTS.parent / "janelm" / "web", TESTS.parent / "janelm" / "studio" / "web"
    modules = str(folder / "node_modules")
    config = {
        "extends": str(web / "tsconfig.json"),
        "compilerOptions": {"paths": {"/house/*": [f"{web}/*"], "*": [f"{modules}/*"]}, "typeRoots": [modules]},
        "include": [f"{web}/**/*.js", f"{studio}/**/*.js"],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    checked = subprocess.run([compiler, "--project", tmp_path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
