"""What some tests need besides Python. Where it is not there they are skipped, and in CI they fail."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from functools import cache, partial
from pathlib import Path

import pytest

from janelm.errors import JaneLMError
from janelm.machine.compiler import compiler
from janelm.text.corpora import load_sources

# What tests name in the marker `needs`: what it is, and how to have it.
THINGS = {
    "chromium": ("Chromium", "apt-get install chromium, or python -m playwright install chromium"),
    "npm": ("npm", "apt-get install npm"),
    "compiler": ("a C++ compiler", "apt-get install g++"),
    "clang": ("clang-16 and lld-16", "apt-get install clang-16 lld-16"),
    "novels": ("the novels", "once a network that reaches their repository, or apt-get and dpkg"),
}


@cache
def chromium() -> str | None:
    """The path of the system's Chromium, or of the one that playwright fetches.

    The headless shell is the same engine without the browser around it, which would take more of the processor than
    the page does.
    """
    for name in ("chromium-headless-shell", "chromium", "chromium-browser"):
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _clang() -> bool:
    return bool(shutil.which("clang-16") and shutil.which("wasm-ld-16"))


def _novels() -> bool:
    try:
        return bool(load_sources(("austen",)))
    except JaneLMError:
        return False


@cache
def is_there(thing: str) -> bool:
    """Whether this machine has one of the THINGS."""
    find = {
        "chromium": chromium,
        "npm": partial(shutil.which, "npm"),
        "compiler": compiler,
        "clang": _clang,
        "novels": _novels,
    }
    return bool(find[thing]())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test for which something is missing; in CI, where nothing may be, fail it."""
    needed = {thing for marker in item.iter_markers("needs") for thing in marker.args}
    if missing := sorted(thing for thing in needed if not is_there(thing)):
        item.user_properties += [("missing", thing) for thing in missing]
        stop = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        stop(f"needs {' and '.join(f'{name} ({how})' for name, how in map(THINGS.get, missing))}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line on what was missing and how to have it."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    setups = [report for report in reports if getattr(report, "when", "") == "setup"]
    count = Counter(value for report in setups for name, value in report.user_properties if name == "missing")
    if count:
        parts = (f"{number} that need {THINGS[thing][0]} ({THINGS[thing][1]})" for thing, number in count.items())
        terminalreporter.write_line(f"tests that did not run here: {', '.join(parts)}")
