"""Whether memory stays flat: python tests/campaigns/soak.py [--tokens 1000000] [--trainings 24] [--kinds K ...]
[--engines E ...]

Each engine writes a million tokens with a small model, and a process trains two dozen models one after the other. The
resident memory is read after a tenth of the work, when all that is made once has been made, and at the end.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # a process that has started threads of OpenMP does not fork well
sys.path.insert(0, str(Path(__file__).parents[1]))

from small import SHAPES, TRAINING, random_run, write_little, write_text

from janelm.config import SamplingConfig
from janelm.engines import choose_engine
from janelm.engines.native_engine import KINDS
from janelm.training.pipeline import train
from janelm.writing.generation import Limits, generate_samples

GROWTH = 8.0  # megabytes: less than a token's share of a page, a thousand times over
ENGINES = [("native", "fp32"), ("native", "int8-weights"), ("onnx", "fp32"), ("onnx", "int8"), ("torch", "fp32")]


def megabytes() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def write(kind: str, engine: str, precision: str, tokens: int) -> tuple[float, float]:
    """Memory after a tenth of the tokens, and after all."""
    run, early = random_run(SHAPES[kind]), 0.0
    pieces = generate_samples(
        run, "The", Limits(tokens), SamplingConfig(seed=1), engine=choose_engine(run, engine, precision)
    )
    for count, _ in enumerate(pieces, 1):
        if count == tokens // 10:
            early = megabytes()
    return early, megabytes()


def train_often(kind: str, _: str, __: str, trainings: int) -> tuple[float, float]:
    early = 0.0
    for number in range(1, trainings + 1):
        settings = replace(TRAINING, steps=6, evaluations=2)
        train(SHAPES[kind], settings, "run", text=write_text(200), say=lambda line: None)
        if number == max(2, trainings // 4):
            early = megabytes()
    return early, megabytes()


def apart(work: str, *arguments: object) -> tuple[float, float, float]:
    """The work in a fork of this process, in which nothing has been made yet: memory early and late, in megabytes, and
    seconds."""
    began = time.perf_counter()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        early, late = pool.apply(globals()[work], arguments)
    return early, late, time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--trainings", type=int, default=24)
    parser.add_argument("--kinds", nargs="+", choices=SHAPES, default=list(SHAPES))
    names = list(dict.fromkeys(engine for engine, _ in ENGINES))
    parser.add_argument("--engines", nargs="+", choices=names, default=names)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    write_little()
    rows, wrong = [], 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        can = [(kind, how) for kind in options.kinds for how in ENGINES if how[0] in options.engines]
        can = [(kind, how) for kind, how in can if how[0] != "native" or kind in KINDS]
        plans = [("write", kind, *how, options.tokens) for kind, how in can]
        plans += [("train_often", kind, "", "", options.trainings) for kind in options.kinds if options.trainings]
        for work, kind, engine, precision, count in plans:
            early, late, seconds = apart(work, kind, engine, precision, count)
            flat = late - early < GROWTH
            wrong += not flat
            what = f"{engine} {precision}".strip() or "trainings"
            rows.append({"what": what, "kind": kind, "count": count, "early": early, "late": late})
            print(
                f"{kind:12} {what:20} {count:9,}  {early:7.1f} MB, then {late:7.1f} MB  {seconds:5.0f} s"
                f"{'' if flat else '  GROWS'}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(rows))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
