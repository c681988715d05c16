"""How soon a model is good: python tests/benchmarks/time_to_quality.py TEXT [--seconds 20 148] [FLAGS]

TEXT is tinyshakespeare, characters: the first 90% for training, all of the last 10% for validation (111,540
characters). Each number of seconds is a run of its own, with that budget for the whole command. The validation loss is
that of the last evaluation, over all of the validation text in cold windows, in nats per character; the clock runs
from the start of the process. nanoGPT's quick start for a CPU needs 148 s to 1.8857 on two cores. All other FLAGS go
to traineval.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def train(text: Path, seconds: float, flags: list[str]) -> dict[str, float]:
    """One run of traineval.py: its validation loss, when that was on disk, and when the process ended."""
    settings = ["--split", "90/10", "--minutes", str(seconds / 60), "--evaluations", "1", "--evaluation_tokens", "2048"]
    command = [sys.executable, ROOT / "traineval.py", "--data", text.resolve(), *settings, *flags]
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "models" / "model" / "results.json"
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        known = None
        while process.poll() is None:
            if known is None and results.exists():
                known = time.perf_counter() - began
            time.sleep(0.02)
        ended = time.perf_counter() - began
        if process.returncode:
            sys.exit(process.stderr.read())
        told = json.loads(results.read_text(encoding="utf-8"))
    figures = {
        "budget, s": seconds,
        "validation loss, nats per character": told["losses"]["validation"]["loss"],
        "carried": told["losses"]["validation_carried"]["loss"],
        "known after, s": known or ended,
        "ended after, s": ended,
    }
    return figures | {name: told[name] for name in ("parameters", "steps", "tokens", "tokens_per_second")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("text", type=Path, help="the file tinyshakespeare.txt")
    parser.add_argument("--seconds", type=float, nargs="+", default=[20, 148], help="budgets (default: 20 148)")
    parser.add_argument("--goal", type=float, default=1.8857, help="the loss to reach (default: 1.8857)")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options, flags = parser.parse_known_args()
    runs = []
    for seconds in options.seconds:
        runs.append(train(options.text, seconds, flags))
        print("; ".join(f"{name} {value:,.4g}" for name, value in runs[-1].items()), flush=True)
    reached = [run["ended after, s"] for run in runs if run["validation loss, nats per character"] <= options.goal]
    print(f"{options.goal} is reached within {min(reached):.1f} s" if reached else f"{options.goal} is not reached")
    if options.json:
        options.json.write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    main()
