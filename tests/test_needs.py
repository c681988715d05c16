"""Where something besides Python is missing, tests are skipped and say so; in CI they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TEST = """
import pytest

@pytest.mark.needs("{thing}")
def test_something():
    pass
"""


def run(thing: str, **environment: str) -> subprocess.CompletedProcess:
    """A test that needs this thing, where no program is on the path and playwright has fetched nothing."""
    Path("test_something.py").write_text(TEST.format(thing=thing))
    Path("pytest.ini").write_text("[pytest]\nmarkers = needs\n")
    bare = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PATH": "",
        "CI": "",
        "PLAYWRIGHT_BROWSERS_PATH": str(Path("browsers").resolve()),
    }
    variables = os.environ | bare | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"} | environment
    command = [sys.executable, "-m", "pytest", "-p", "needs", "test_something.py"]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("thing", "how"),
    [
        ("chromium", "Chromium (apt-get install chromium, or python -m playwright install chromium)"),
        ("npm", "npm (apt-get install npm)"),
        ("compiler", "a C++ compiler (apt-get install g++)"),
    ],
)
def test_what_is_missing_is_named_once_with_how_to_have_it_and_in_ci_it_is_a_failure(thing, how):
    done = run(thing)
    assert done.returncode == 0 and f"tests that did not run here: 1 that need {how}\n" in done.stdout
    assert run(thing, CI="true").returncode == 1


def test_where_nothing_is_missing_nothing_is_said():
    Path("npm").touch(0o755)
    done = run("npm", PATH=str(Path.cwd()), CI="true")
    assert done.returncode == 0 and "did not run" not in done.stdout


def test_the_chromium_that_playwright_fetches_will_do():
    code = "from playwright.sync_api import sync_playwright as start; print(start().start().chromium.executable_path)"
    place = {"PLAYWRIGHT_BROWSERS_PATH": str(Path("browsers").resolve())}
    found = subprocess.run([sys.executable, "-c", code], env=os.environ | place, capture_output=True, text=True)
    fetched = Path(found.stdout.strip())
    fetched.parent.mkdir(parents=True)
    fetched.touch(0o755)
    assert run("chromium", CI="true").returncode == 0
