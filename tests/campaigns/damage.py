"""What damaged files do: python tests/campaigns/damage.py [--files 100000] [--seed 1]

Each trial damages one file of a finished run, of the pair of files beside it, or of an exported graph, and reads it as
the commands do. What must come of it is a model that writes, or one sentence (JaneLMError): no traceback, no crash, no
code that runs, nothing over 10 seconds or a gigabyte.

Damage is bits that flip, ends that are missing, stretches of zeros, huge numbers, other types, deep nesting, names
that are gone, and files of another run. Pickles that would run a command are among them.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import onnx
import torch
from small import SHAPES, TRAINING, write_little, write_text

from janelm.config import CharacterTokenizerConfig, TiktokenTokenizerConfig
from janelm.engines import NativeEngine, OnnxEngine
from janelm.errors import JaneLMError
from janelm.export.graphs import export_graph, read_description, read_tokenizer
from janelm.measuring.cards import model_card
from janelm.measuring.comparison import read_row, table
from janelm.runs import Run, load_pair
from janelm.runs.pair import write_pair
from janelm.training.pipeline import train

torch.set_num_threads(1)
RUNS = {
    "transformer": (SHAPES["transformer"], CharacterTokenizerConfig()),
    "lstm": (SHAPES["lstm"], TiktokenTokenizerConfig(vocab_size=280)),
}
SECONDS, BYTES = 10, 1 << 30
AT_ONCE = 200  # trials in one process
ODD = [None, True, -1, 0, 0.5, 257, 1 << 20, 2**31, 2**63, -(2**63), 10**30, 1e308, float("nan"), float("inf")]
ODD += ["", "x" * 10_000, "../../etc/passwd", "\0", "\ud800", [], {}, ["a"], {"a": 1}]
RUN_BY_A_PICKLE = Path("a-pickle-ran-this")


class Bomb:
    """What unpickles by running a command."""

    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.system, (f"touch {RUN_BY_A_PICKLE}",)


def make(folder: Path) -> None:
    """A finished run of each kind, with its pair and its graph."""
    for name, (shape, tokenizer) in RUNS.items():
        run = train(
            shape, TRAINING, folder / name, text=write_text(300), tokenizer=tokenizer, say=lambda line: None
        ).run
        write_pair(run, folder / f"{name}.pth", folder / f"{name}-config.pkl")
        onnx.save(export_graph(run.load()), folder / f"{name}.onnx")


# ---- reading, as the commands do ----


def write_a_little(run: Any) -> None:
    engine = NativeEngine(run)
    state = engine.initial_state(1)
    engine.step(np.zeros((1, 3), np.int64), state)


def read_run(folder: Path, name: str) -> None:
    write_a_little(Run(folder / name).load())


def read_resume(folder: Path, name: str) -> None:
    write_a_little(Run(folder / name).load("last"))


def read_pair(folder: Path, name: str) -> None:
    write_a_little(load_pair(folder / f"{name}.pth", folder / f"{name}-config.pkl"))


def read_figures(folder: Path, name: str) -> None:
    run = Run(folder / name)
    run.metrics()
    run.learned()
    table([read_row(run)])
    model_card(run)


def read_graph(folder: Path, name: str) -> None:
    path = folder / f"{name}.onnx"
    read_tokenizer(read_description(onnx_model(path)))
    engine = OnnxEngine(path, threads=1)
    engine.step(np.zeros((1, 3), np.int64), engine.initial_state(1))


def onnx_model(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except Exception as error:  # of protobuf: OnnxEngine has a sentence of its own
        OnnxEngine(path, threads=1)
        raise JaneLMError(f"{path} is no graph ({error})") from error


FILES: dict[str, tuple[str, Callable[[Path, str], None]]] = {
    "config": ("{}/config.json", read_run),
    "tokenizer": ("{}/tokenizer.json", read_run),
    "safetensors": ("{}/best.safetensors", read_run),
    "resume": ("{}/resume.pt", read_resume),
    "pth": ("{}.pth", read_pair),
    "pkl": ("{}-config.pkl", read_pair),
    "metrics": ("{}/metrics.csv", read_figures),
    "results": ("{}/results.json", read_figures),
    "onnx": ("{}.onnx", read_graph),
}


# ---- damage ----


def damage(path: Path, other: Path, rng: random.Random) -> str:
    """Damage a file; returns how."""
    raw = path.read_bytes()
    kinds: list[Callable[[], bytes]] = [
        lambda: flipped(raw, rng),
        lambda: raw[: rng.randrange(len(raw))],
        lambda: zeroed(raw, rng),
        lambda: doubled(raw, rng),
        lambda: other.read_bytes(),
    ]
    if path.suffix == ".json":
        kinds += [lambda: json_damaged(raw, rng)] * 5
    if path.suffix == ".pkl":
        kinds += [lambda: pickled(raw, rng)] * 5
    if path.suffix == ".csv":
        kinds += [
            lambda: raw.replace(b",", rng.choice([b",,", b",1e999,", b",nan,", b"\0", b',"']), rng.randrange(1, 9))
        ]
    if path.suffix == ".safetensors":
        kinds += [lambda: header_damaged(raw, rng)] * 5
    which = rng.randrange(len(kinds))
    path.write_bytes(kinds[which]())
    return f"damage {which}"


def flipped(raw: bytes, rng: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        changed[rng.randrange(min(len(raw), rng.choice([64, 4096, len(raw)])))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def zeroed(raw: bytes, rng: random.Random) -> bytes:
    begin = rng.randrange(len(raw))
    size = rng.randrange(1, 512)
    return raw[:begin] + bytes(min(size, len(raw) - begin)) + raw[begin + size :]


def doubled(raw: bytes, rng: random.Random) -> bytes:
    begin, end = sorted(rng.randrange(len(raw)) for _ in range(2))
    return raw[:end] + raw[begin:]


def odd(rng: random.Random) -> Any:
    """What a field should not hold."""
    return rng.choice(ODD)


def json_damaged(raw: bytes, rng: random.Random) -> bytes:
    values = json.loads(raw)
    if rng.random() < 0.1:
        depth = rng.choice([50, 5_000, 200_000])
        return b'{"model": ' + b"[" * depth + b"]" * depth + b"}"
    places: list[tuple[Any, Any]] = []

    def visit(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list) and node[key]:
                visit(node[key])

    visit(values)
    for _ in range(rng.choice([1, 1, 1, 3])):
        node, key = rng.choice(places)
        if rng.random() < 0.25 and isinstance(node, dict):
            node.pop(key, None)
        else:
            node[key] = odd(rng)
    return json.dumps(values).encode("utf-8", "surrogatepass")


def pickled(raw: bytes, rng: random.Random) -> bytes:
    """The config's pickle with something else inside."""
    values = pickle.loads(raw)  # our own, made a moment ago
    inside = rng.choice([Bomb(), odd(rng), {1, 2}, print, np.zeros(3), Path("x"), [Bomb()] * 3, b"\0" * 1000])
    part = rng.choice([values, values["config"], values["tokenizer"]])
    part[rng.choice([*part, "more"])] = inside
    try:
        return pickle.dumps(values, protocol=rng.choice([0, 2, 4]))
    except Exception:
        return b"cos\nsystem\n(S'touch " + str(RUN_BY_A_PICKLE).encode() + b"'\ntR."


def header_damaged(raw: bytes, rng: random.Random) -> bytes:
    """safetensors: eight bytes of length, a header in JSON, the tensors."""
    size = int.from_bytes(raw[:8], "little")
    if rng.random() < 0.2:
        return rng.choice([0, 1, 2**31, 2**63 - 1, 2**64 - 1, len(raw)]).to_bytes(8, "little") + raw[8:]
    header = json_damaged(raw[8 : 8 + size], rng)
    return len(header).to_bytes(8, "little") + header + raw[8 + size :]


# ---- trials ----


def trial(folder: Path, seed: int) -> tuple[str, str]:
    """Damage one file of a copy and read it; returns which, and what came of it."""
    rng = random.Random(seed)
    name, kind = rng.choice(list(RUNS)), rng.choice(list(FILES))
    other_name = rng.choice([each for each in RUNS if each != name])
    pattern, read = FILES[kind]
    path, other = folder / pattern.format(name), folder / pattern.format(other_name)
    before = path.read_bytes()
    how = damage(path, other, rng)
    signal.alarm(SECONDS)
    try:
        read(folder, name)
        outcome = "read"
    except JaneLMError as error:
        outcome = "one sentence" if "\n" not in str(error) else f"several lines: {error}"
    except TimeoutError:
        outcome = "longer than 10 s"
    except BaseException as error:
        outcome = f"{how}: {type(error).__name__}: {traceback.format_exc().splitlines()[-3].strip()} {error}"[:300]
    finally:
        signal.alarm(0)
        path.write_bytes(before)
    if RUN_BY_A_PICKLE.exists():
        outcome = "code ran"
        RUN_BY_A_PICKLE.unlink()
    return kind, outcome


def too_long(*_: object) -> None:
    raise TimeoutError


def several(folder: Path, seeds: range, report: Path) -> None:
    """Trials in this process, which may use a gigabyte more than it does."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))
    signal.signal(signal.SIGALRM, too_long)
    for name in RUNS:
        for _, read in FILES.values():
            read(folder, name)  # undamaged, all can be read
    with report.open("a") as out:
        for seed in seeds:
            out.write(json.dumps([seed, None, None]) + "\n")
            out.flush()
            out.write(json.dumps([seed, *trial(folder, seed)]) + "\n")
            out.flush()


def campaign(count: int, first_seed: int) -> Counter:
    """Counts of (kind of file, what came of it)."""
    figures: Counter = Counter()
    with tempfile.TemporaryDirectory() as base:
        os.chdir(base)
        folder, pristine = Path(base) / "runs", Path(base) / "pristine"
        child = os.fork()
        if not child:  # so that this process has started no threads before it forks again
            make(pristine)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        seed, last = first_seed, first_seed + count
        while seed < last:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(pristine, folder)
            report = Path(base) / "report"
            report.unlink(missing_ok=True)
            child = os.fork()
            if not child:
                with open(os.devnull, "w") as nothing:
                    os.dup2(nothing.fileno(), 2)
                several(folder, range(seed, min(last, seed + AT_ONCE)), report)
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            rows = [json.loads(line) for line in report.read_text().splitlines()]
            done = {row[0]: row[1:] for row in rows}  # the later row of a trial has its outcome
            for number, (kind, outcome) in done.items():
                if kind is None:
                    outcome = f"the process ended: {os.waitstatus_to_exitcode(status)}"
                if outcome not in ("read", "one sentence"):
                    print(f"seed {number}, {kind}: {outcome}", flush=True)
                figures[kind or "unknown", outcome if outcome in ("read", "one sentence") else "wrong"] += 1
            seed = max(done) + 1
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write_little()
    began = time.perf_counter()
    figures = campaign(options.files, options.seed)
    print(f"{'file':12} {'read':>7} {'one sentence':>13} {'wrong':>6}")
    for kind in [*FILES, "unknown"]:
        row = [figures[kind, outcome] for outcome in ("read", "one sentence", "wrong")]
        print(f"{kind:12} {row[0]:7} {row[1]:13} {row[2]:6}")
    print(f"{sum(figures.values())} files, {time.perf_counter() - began:.0f} s")
    return int(any(outcome == "wrong" for _, outcome in figures))


if __name__ == "__main__":
    sys.exit(main())
