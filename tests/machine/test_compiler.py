"""Which C++ compiler is meant."""

import shutil

import pytest

from janelm.machine import compiler as module
from janelm.machine.compiler import compiler, compiles, library


@pytest.fixture
def ccache(tmp_path, monkeypatch):
    """A command that runs the one it is given, as ccache does."""
    path = tmp_path / "wrapper"
    path.write_text('#!/bin/sh\nexec "$@"\n')
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CXX", "wrapper g++")
    monkeypatch.setenv("JANELM_CACHE", str(tmp_path / "cache"))
    return path


def test_a_compiler_of_two_words_compiles(ccache, tmp_path):
    """The whole of "ccache g++" was looked for and not found."""
    assert compiler() == (str(ccache), "g++") and compiles(compiler())
    source = tmp_path / "one.cpp"
    source.write_text('extern "C" int one() { return 1; }')
    assert library(source, compiler(), lambda path: "", print).exists()


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_cxx_means_gpp(monkeypatch, value):
    monkeypatch.setenv("CXX", value)
    assert compiler() == (shutil.which("g++"),)


@pytest.mark.parametrize("value", ["no-such-compiler", "'open", "no-such ccache"])
def test_a_cxx_that_is_nothing_is_no_compiler(monkeypatch, value):
    monkeypatch.setenv("CXX", value)
    assert compiler() is None


def test_what_macos_has_without_developer_tools_is_no_compiler(monkeypatch):
    asked = []

    class Answer:
        returncode = 2

    monkeypatch.setattr(module.sys, "platform", "darwin")
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(module.subprocess, "run", lambda command, **more: asked.append(command) or Answer())
    module._is_stub.cache_clear()
    assert compiler() is None and compiler() is None and asked == [["xcode-select", "-p"]]
    module._is_stub.cache_clear()
