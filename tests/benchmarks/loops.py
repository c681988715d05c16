"""Do loops pay? python tests/benchmarks/loops.py [--minutes 10] [--seeds 1 2 3] [--data austen] [FLAGS]

The looped transformer of docs/own-architectures.md, its blocks run once, twice and three times: the same parameters,
with the same steps (--steps) or the same minutes. Figures are bits per byte of held-out text. FLAGS go to all of them.
`--smallest` is one seed and three steps of a small shape, to see that it works.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALLEST = "--width 32 --heads 2 --layers 1 --context_length 16 --batch_tokens 64 --evaluations 1"


def train(folder: Path, file: Path, loops: int, flags: list[str]) -> dict:
    """The results of one run of traineval.py."""
    own = ["--architecture", f"{file}:Looped", "--loops", str(loops), "--tokenization", "tiktoken"]
    done = subprocess.run(
        [sys.executable, ROOT / "traineval.py", *own, *flags], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads((folder / "models" / "model" / "results.json").read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--loops", type=int, nargs="+", default=[1, 2, 3], help="how many times blocks run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="seeds (default: 1 2 3)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training (default: 10)")
    parser.add_argument("--steps", type=int, help="steps instead of minutes")
    parser.add_argument("--data", default="austen", help="the text (default: austen)")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--smallest", action="store_true", help="one seed, three steps, a small shape")
    options, flags = parser.parse_known_args()
    if options.smallest:
        options.seeds, options.steps, flags = options.seeds[:1], 3, [*SMALLEST.split(), *flags]
    budget = ["--steps", str(options.steps)] if options.steps else ["--minutes", str(options.minutes)]
    data = str(Path(options.data).resolve()) if Path(options.data).exists() else options.data
    shown = (ROOT / "docs" / "own-architectures.md").read_text(encoding="utf-8")
    source = next(code for code in re.findall(r"```python\n(.*?)```", shown, re.DOTALL) if "class Looped(" in code)
    found = []
    for loops in options.loops:
        figures = []
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "looped.py"
                file.write_text(source, encoding="utf-8")
                settings = ["--data", data, "--seed", str(seed), *budget, *flags]
                results = train(Path(folder), file, loops, settings)
            found.append({"loops": loops, "seed": seed} | results)
            figures.append(results["losses"]["heldout"]["bits_per_byte"])
        steps = statistics.mean(one["steps"] for one in found if one["loops"] == loops)
        spread = f" ({min(figures):.4f} to {max(figures):.4f})" if len(figures) > 1 else ""
        print(
            f"{loops} loops  {statistics.mean(figures):.4f} bits per byte{spread}, {steps:,.0f} steps, "
            f"{found[-1]['parameters']:,} parameters",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
