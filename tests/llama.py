"""llama.cpp, as npm's node-llama-cpp has it built for each system: fetched once into the cache folder."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from janelm.machine.files import cache_folder

VERSION = "3.22.0"
BUILT = {
    ("linux", "x86_64"): "linux-x64",
    ("linux", "aarch64"): "linux-arm64",
    ("darwin", "arm64"): "mac-arm64-metal",
    ("darwin", "x86_64"): "mac-x64",
}


def run_llama(script: Path, *arguments: str, timeout: float = 600) -> str:
    """What a script of Node prints, which may import node-llama-cpp. Raises RuntimeError with its complaint."""
    folder = cache_folder() / "llama" / VERSION
    if not (folder / "node_modules" / "node-llama-cpp").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        built = f"@node-llama-cpp/{BUILT[sys.platform, platform.machine()]}"
        # Of the builds for each processor and graphics card, which come as optional packages, one is enough.
        flags = ["--silent", "--no-audit", "--no-fund", "--omit=optional", "--ignore-scripts"]
        packages = [f"node-llama-cpp@{VERSION}", f"{built}@{VERSION}"]
        subprocess.run(["npm", "install", *flags, *packages], cwd=folder, check=True, timeout=300)
    shutil.copy(script, folder / script.name)
    command = ["node", str(folder / script.name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=os.environ | {"NODE_ENV": ""})
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout
