"""Which C++ compiler is meant."""

import os
import shutil
from pathlib import Path

import pytest

from janelm.machine import compiler as module
from janelm.machine.compiler import compiler, compiles, keep_what_torch_compiles, library


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


@pytest.fixture
def unnamed(monkeypatch):
    """No place is named for what torch compiles; one that is set meanwhile is forgotten."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "named")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    return monkeypatch


def test_what_torch_compiles_is_kept_in_the_cache_folder(unnamed, tmp_path):
    """It lay where temporary files lie: the first training after each start of the machine compiled anew."""
    unnamed.setenv("JANELM_CACHE", str(tmp_path))
    keep_what_torch_compiles()
    place = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
    assert place.is_relative_to(tmp_path) and place.is_dir()
    unnamed.setattr(module, "_instructions", lambda: "another processor's")
    unnamed.delenv("TORCHINDUCTOR_CACHE_DIR")
    keep_what_torch_compiles()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] != str(place), "a program may be of no use to another processor"


def test_a_place_that_is_named_for_what_torch_compiles_is_kept_to(monkeypatch, tmp_path):
    monkeypatch.setenv("JANELM_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "elsewhere")
    keep_what_torch_compiles()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "elsewhere"


def test_a_cache_folder_that_cannot_be_made_leaves_torch_its_own_place(unnamed, tmp_path):
    (tmp_path / "file").write_text("")
    unnamed.setenv("JANELM_CACHE", str(tmp_path / "file"))
    keep_what_torch_compiles()
    assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ
