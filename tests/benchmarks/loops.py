"""Do loops pay? python tests/benchmarks/loops.py [--minutes 10] [--steps 1000] [--seeds 1 2 3] [--data austen] [FLAGS]

The looped transformer of docs/own-architectures.md, its blocks run once, twice and three times: the same parameters,
with the same steps, and then with the same minutes (0 leaves either out). Figures are bits per byte of held-out text.
FLAGS go to all of them. With `--json FILE` each training is kept as it ends, and those that FILE has are not done
again. `--smallest` is one seed and three steps of a small shape, to see that it works.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from cells import ROOT, Cells, train

SMALLEST = "--width 32 --heads 2 --layers 1 --context_length 16 --batch_tokens 64 --evaluations 1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--loops", type=int, nargs="+", default=[1, 2, 3], help="how many times blocks run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="seeds (default: 1 2 3)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training (default: 10)")
    parser.add_argument("--steps", type=int, default=1000, help="of each training, besides (default: 1000)")
    parser.add_argument("--data", default="austen", help="the text (default: austen)")
    parser.add_argument("--json", type=Path, help="keep the figures here, and go on from those that are")
    parser.add_argument("--smallest", action="store_true", help="one seed, three steps, a small shape")
    options, flags = parser.parse_known_args()
    if options.smallest:
        options.seeds, options.steps, options.minutes = options.seeds[:1], 3, 0
        flags = [*SMALLEST.split(), *flags]
    budgets = [["--steps", str(options.steps)]] if options.steps else []
    budgets += [["--minutes", str(options.minutes)]] if options.minutes else []
    data = str(Path(options.data).resolve()) if Path(options.data).exists() else options.data
    shown = (ROOT / "docs" / "own-architectures.md").read_text(encoding="utf-8")
    source = next(code for code in re.findall(r"```python\n(.*?)```", shown, re.DOTALL) if "class Looped(" in code)
    cells = Cells(options.json)
    for budget in budgets:
        for loops in options.loops:
            settings = ["--data", data, "--loops", str(loops), *budget, *flags]
            found = [cells.get(*cell(source, [*settings, "--seed", str(seed)])) for seed in options.seeds]
            print(row(loops, budget, found), flush=True)


def cell(source: str, settings: list[str]) -> tuple[dict, Callable[[], dict]]:
    """What a training is of, and the training."""

    def make() -> dict:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "looped.py"
            file.write_text(source, encoding="utf-8")
            return train(Path(folder), "--architecture", f"{file}:Looped", "--tokenization", "tiktoken", *settings)

    return {"flags": settings}, make


def row(loops: int, budget: list[str], found: list[dict]) -> str:
    figures = [one["losses"]["heldout"]["bits_per_byte"] for one in found]
    steps, spread = statistics.mean(one["steps"] for one in found), ""
    if len(figures) > 1:
        spread = f" ({min(figures):.4f} to {max(figures):.4f})"
    return (
        f"{loops} loops, {' '.join(budget)}  {statistics.mean(figures):.4f} bits per byte{spread}, {steps:,.0f} steps, "
        f"{found[-1]['parameters']:,} parameters"
    )


if __name__ == "__main__":
    main()
