"""Parsers under coverage-guided damage: python tests/campaigns/guided.py [--seconds 60] [--only TARGET ...]

atheris (pip install atheris) changes bytes towards code that has not run yet. Each target reads them as a file of its
kind; a JaneLMError is an answer, anything else is a find, as are 10 seconds or a gigabyte more. Each target starts from
files of a small run or from a few lines.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import atheris

with atheris.instrument_imports(include=["janelm"]):
    from janelm.errors import JaneLMError
    from janelm.export.description import parsed_description
    from janelm.runs import Run, load_pair
    from janelm.runs.loaded import RunConfig
    from janelm.text.readers import read_file
    from janelm.text.tokenizers import tokenizer_from_json

from janelm.config import DataConfig

PLACE = Path("place")  # in the temporary folder that `fuzz` works in


def a_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """A target that reads bytes as a file of this name."""

    def target(raw: bytes) -> object:
        PLACE.mkdir(exist_ok=True)
        path = PLACE / name
        path.write_bytes(raw)
        return read(path)

    return target


def text_file(name: str) -> Callable[[bytes], object]:
    return a_file(name, lambda path: read_file(path, DataConfig((name,))))


def plain(read: Callable[[dict], object]) -> Callable[[bytes], object]:
    def target(raw: bytes) -> object:
        try:
            values = json.loads(raw)
        except (ValueError, RecursionError):
            return None
        return read(values)

    return target


TARGETS: dict[str, Callable[[bytes], object]] = {
    "config": plain(RunConfig.from_json),
    "tokenizer": plain(tokenizer_from_json),
    "description": lambda raw: parsed_description(raw.decode("utf-8", "replace"), "the graph"),
    "pth": a_file("model.pth", lambda path: load_pair(path, Path("model-config.pkl"))),
    "pkl": a_file("model-config.pkl", lambda path: load_pair(Path("model.pth"), path)),
    "metrics": a_file("metrics.csv", lambda path: Run(path.parent).metrics()),
    **{name: text_file(f"text.{name}") for name in ("txt", "html", "md", "rtf", "srt", "csv", "json", "mbox", "epub")},
    **{name: text_file(f"text.{name}") for name in ("docx", "odt", "fb2", "jsonl", "zip", "gz")},
}


def fuzz(name: str, seconds: int, corpus: Path) -> None:
    """Never returns: ends with status 0, or that of a find."""
    os.chdir(corpus.parent)

    def one(raw: bytes) -> None:
        try:
            TARGETS[name](raw)
        except JaneLMError as error:
            assert "\n" not in str(error), f"several lines: {error}"

    limits = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=65536", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={corpus.parent}/{name}-", str(corpus)], one)
    atheris.Fuzz()


def seeds(base: Path) -> None:
    """Files to start from."""
    from damage import make

    make(base)
    graph = json.dumps(json.loads((base / "transformer" / "config.json").read_text()))
    for name in TARGETS:
        (base / name).mkdir()
    for run in ("transformer", "lstm"):
        (base / "config" / run).write_bytes((base / run / "config.json").read_bytes())
        (base / "tokenizer" / run).write_bytes((base / run / "tokenizer.json").read_bytes())
        (base / "metrics" / run).write_bytes((base / run / "metrics.csv").read_bytes())
        (base / "pth" / run).write_bytes((base / f"{run}.pth").read_bytes())
        (base / "pkl" / run).write_bytes((base / f"{run}-config.pkl").read_bytes())
    (base / "model.pth").write_bytes((base / "transformer.pth").read_bytes())
    (base / "model-config.pkl").write_bytes((base / "transformer-config.pkl").read_bytes())
    (base / "description" / "some").write_text(graph)
    for name, text in {
        "html": "<html><head><title>T</title></head><body><p>Some text &amp; more.</p></body></html>",
        "rtf": r"{\rtf1\ansi Some \'e9 text.\par More.}",
        "srt": "1\n00:00:01,000 --> 00:00:02,000\nHello there.\n",
        "csv": 'who,text\nAnn,"Hello, ""you"""\n',
        "json": '[{"text": "one"}, {"text": "two"}]',
        "jsonl": '{"text": "one"}\n{"text": "two"}\n',
        "fb2": "<FictionBook><body><section><p>Text.</p></section></body></FictionBook>",
        "mbox": "From a@b Thu Jan  1 00:00:00 2020\nFrom: a@b\nSubject: x\n\nHello.\n",
    }.items():
        (base / name / "some").write_text(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--fuzz", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fuzz:
        fuzz(options.only[0], options.seconds, options.fuzz)
    found = 0
    with tempfile.TemporaryDirectory() as base:
        seeds(Path(base))
        for name in options.only:
            command = [sys.executable, __file__, "--only", name, "--seconds", str(options.seconds)]
            done = subprocess.run(
                [*command, "--fuzz", f"{base}/{name}"], capture_output=True, text=True, errors="replace"
            )
            told = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            found += done.returncode != 0
            print(f"{name:12} {'nothing found' if done.returncode == 0 else 'FOUND'}", flush=True)
            if done.returncode:
                print("\n".join(told[-25:]))
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
