"""What is left when a process is killed: python tests/campaigns/kills.py [--kills 1000] [--seed 1] [--only PART ...]

Each kill is a SIGKILL at a random instant of a small command. Then the command is given again (a training with
--resume, if there is something to resume), and these must hold:

- what is on disk after the kill loads, or is not there;
- a training that is resumed ends with the very weights of one that nobody killed, last and best;
- no half-written file is left.

Parts: transformer, lstm, documents, teachers, dropout (trainings); compiled (a training by torch.compile, a tenth as
often, since each takes some seconds); export; writing; cache (a file of it is written anew).
Every command runs in a fork of this process, which has imported what takes long.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # a process that has started threads of OpenMP does not fork well
sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from small import write_little, write_text

from janelm.cli import main as janelm
from janelm.machine.files import cache_folder, write_atomically
from janelm.runs import Run, find_run
from janelm.runs.pair import load_pair

torch.set_num_threads(1)
TINY = "--layers 1 --width 24 --context_length 16 --batch_tokens 128 --evaluation_tokens 128 --steps 40 --evaluations 8"
TRAIN = ["train", "--data", "book.txt", *TINY.split(), "--device", "cpu", "--compile", "off", "--precision", "fp32"]
TEACHERS = ["--teachers", "../teacher"]
PARTS: dict[str, list[str]] = {
    "transformer": [*TRAIN, "--heads", "2"],
    "lstm": [*TRAIN, "--architecture", "lstm"],
    "documents": [*TRAIN, "--heads", "2", "--documents", "lines"],
    "dropout": [*TRAIN, "--heads", "2", "--dropout", "0.2", "--ema", "0.9"],
    "teachers": [*TRAIN, "--heads", "2", *TEACHERS],
    "compiled": [*(word if word != "off" else "on" for word in TRAIN), "--heads", "2"],
    "export": ["export", "../teacher", "--output", "site"],
    "writing": ["write", "--model_file", "model.pth", "--num_tokens", "300", "--seed", "3", "--engine", "torch"],
    "cache": ["fill"],
}
TRAININGS = ("transformer", "lstm", "documents", "dropout", "teachers", "compiled")


def command(part: str, again: bool) -> list[str]:
    """What a person types at first, and after the kill."""
    if part in TRAININGS and again and Path("models/model/resume.pt").exists():
        return ["train", "--resume"]
    return PARTS[part]


def act(arguments: list[str]) -> int:
    """Run a command here, silently."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        if arguments == ["fill"]:
            write_atomically(cache_folder() / "book.txt", "A text that was fetched. " * 200_000)
            return 0
        return janelm(arguments)


def fork(work: Callable[[], int]) -> int:
    """The process in which `work` is done; its exit code is what that returns, or 99 after a traceback."""
    child = os.fork()
    if child:
        return child
    try:
        code = work()
    except BaseException:
        traceback.print_exc()
        code = 99
    os._exit(code)


def whole(part: str, folder: Path) -> tuple[float, str]:
    """How long the part takes if nobody kills it, in seconds, and what it leaves."""
    os.chdir(folder)
    began = time.perf_counter()
    status = os.waitpid(fork(lambda: act(command(part, False))), 0)[1]
    assert status == 0, f"{part} fails by itself"
    return time.perf_counter() - began, result(part)


def result(part: str) -> str:
    """A digest of what a finished command leaves."""
    digest = hashlib.sha256()
    if part in TRAININGS:
        run = Run(Path("models/model"))
        state = run.resume_state()
        rows = [{k: v for k, v in row.items() if "second" not in k} for row in state["training"]["rows"]]
        digest.update(repr(rows).encode())
        for weights in (run.best_weights(), {name: tensor.numpy() for name, tensor in state["weights"].items()}):
            for name, array in sorted(weights.items()):
                digest.update(name.encode() + array.tobytes())
        load_pair(Path("models/model.pth"), Path("models/model-config.pkl"))
    elif part == "export":
        manifest = json.loads(Path("site/manifest.json").read_text())
        for path in sorted(Path("site").rglob("*")):
            digest.update(path.relative_to("site").as_posix().encode())
        digest.update(repr(manifest["models"][0]["name"]).encode())
    elif part == "writing":
        digest.update(Path("generated/output.txt").read_bytes())
    else:
        digest.update((Path(os.environ["JANELM_CACHE"]) / "book.txt").read_bytes())
    return digest.hexdigest()


def left_by_the_kill(part: str) -> list[str]:
    """What is wrong with what is on disk now."""
    found = []
    if part in TRAININGS and Path("models/model/resume.pt").exists():
        try:
            find_run("model").load()
            find_run("model").load("last")
        except Exception as error:
            found.append(f"the run does not load ({error})")
    if part == "export" and Path("site").exists() and not Path("site/manifest.json").exists():
        found.append("half a site")
    return found


def strays() -> list[str]:
    places = [Path(), Path(os.environ["JANELM_CACHE"])]
    return [str(path) for place in places for path in place.rglob(".*") if ".part" in path.name or ".site" in path.name]


def trial(part: str, seconds: float, wanted: str, folder: Path, rng: random.Random) -> list[str]:
    """Kill the part once, give the command again; what is wrong then."""
    os.chdir(folder)
    child = fork(lambda: act(command(part, False)))
    time.sleep(rng.uniform(0, 1.05 * seconds))
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = left_by_the_kill(part)
    status = os.waitpid(fork(lambda: act(command(part, True))), 0)[1]
    if status:
        return [*found, f"the command given again ends with {os.waitstatus_to_exitcode(status)}"]
    if result(part) != wanted:
        found.append("the result is not that of one that nobody killed")
    return found + [f"{stray} is left" for stray in strays()]


def prepare(folder: Path, part: str) -> None:
    (folder / "book.txt").write_text(write_text(300))
    if part == "writing":
        (folder / "models").mkdir()
        for name in ("model.pth", "model-config.pkl"):
            (folder / "models" / name).write_bytes((folder.parent / f"teacher-{name}").read_bytes())


def teacher(base: Path) -> None:
    """A finished run that teaches, is exported, and writes."""
    home = base / "made"
    home.mkdir()
    (home / "book.txt").write_text(write_text(300))
    os.chdir(home)
    assert os.waitpid(fork(lambda: act([*TRAIN, "--heads", "2"])), 0)[1] == 0
    os.rename("models/model", base / "teacher")
    for name in ("model.pth", "model-config.pkl"):
        os.rename(f"models/{name}", base / f"teacher-{name}")
    values = json.loads((base / "teacher" / "config.json").read_text())
    values["data"]["data"] = [str(home / "book.txt")]
    (base / "teacher" / "config.json").write_text(json.dumps(values))


def campaign(kills: int, seed: int, only: list[str]) -> dict[str, dict[str, int]]:
    rng, figures = random.Random(seed), {}
    with tempfile.TemporaryDirectory() as base:
        os.environ["JANELM_CACHE"] = f"{base}/cache"
        teacher(Path(base))
        reference = {}
        for part in only:
            folder = Path(base) / f"{part}-whole"
            folder.mkdir()
            prepare(folder, part)
            reference[part] = whole(part, folder)
            figures[part] = {"kills": 0, "wrong": 0}
        plan = [part for part in only for _ in range(10 if part != "compiled" else 1)]
        for number in range(kills):
            part = only[number % len(only)] if kills < len(plan) else rng.choice(plan)
            folder = Path(base) / f"trial-{number}"
            folder.mkdir()
            prepare(folder, part)
            found = trial(part, *reference[part], folder, rng)
            figures[part]["kills"] += 1
            figures[part]["wrong"] += bool(found)
            for problem in found:
                print(f"kill {number}, {part}: {problem}", flush=True)
            os.chdir(base)
            shutil.rmtree(folder)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    write_little()
    began = time.perf_counter()
    figures = campaign(options.kills, options.seed, options.only)
    for part, row in figures.items():
        print(f"{part:12} {row['kills']:5} kills {row['wrong']:4} wrong")
    print(f"{options.kills} kills, {time.perf_counter() - began:.0f} s")
    return int(any(row["wrong"] for row in figures.values()))


if __name__ == "__main__":
    sys.exit(main())
