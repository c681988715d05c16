"""What a finished model is worth for a new text: python tests/benchmarks/going_on.py [TEXT ...] [FLAGS]

Of each TEXT (a file, or a corpus by name; the Bible without its titles by default) the first 10 KB, 100 KB and 1 MB
are trained on twice, for as many minutes of the whole command: from scratch by byte pairs, in the size that suits the
minutes, and from a run on (the shipped transformer by default). Figures are bits per byte of held-out text, cold
windows; of the trainings that go on, also those of both texts before and after. FLAGS go to these. With `--json FILE`
each training is kept as it ends, and those that FILE has are not done again. `--smallest` is one size and steps instead
of minutes, to see that it works.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from cells import Cells, text_of, train

SIZES = (10_000, 100_000, 1_000_000)
HEAD = """
| text | bytes | way | steps | bits per byte | against scratch | this text before, after | old text before, after |
|---|---|---|---|---|---|---|---|"""


def row(name: str, size: int, results: dict) -> str:
    both, held_out = results.get("ancestor"), results["losses"]["heldout"]["bits_per_byte"]
    told = f"{name:28}{size:>10,} bytes {results['steps']:>7,} steps  {held_out:.4f} bits per byte"
    if both:
        old = [both[when].get("old", float("nan")) for when in ("before", "after")]
        told += f", {both['before']['new']:.4f} before; the old text {old[0]:.4f} before, {old[1]:.4f} after"
    return told


def table(found: list[dict]) -> str:
    """All trainings in Markdown."""
    lines, scratch = [HEAD], {}
    for one in found:
        name, size, way = (one["cell"][key] for key in ("text", "size", "way"))
        bits, both = one["losses"]["heldout"]["bits_per_byte"], one.get("ancestor")
        scratch.setdefault((name, size), bits)
        pairs = [
            ", ".join(f"{both[when][text]:.4f}" for when in ("before", "after"))
            if both and text in both["after"]
            else ""
            for text in ("new", "old")
        ]
        difference = f"{bits - scratch[name, size]:+.4f}" if both else ""
        lines.append(
            f"| {name} | {size:,} | {way} | {one['steps']:,} | {bits:.4f} | {difference} | {pairs[0]} | {pairs[1]} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("texts", nargs="*", default=["bible"], help="files, or corpora by name (default: bible)")
    parser.add_argument("--run", default="transformer", help="the run to go on from (default: the shipped transformer)")
    parser.add_argument("--minutes", type=float, default=3.0, help="of each training (default: 3)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="bytes of each text")
    parser.add_argument("--keep", type=float, nargs="+", default=[0.0], help="shares of the old text (default: 0)")
    parser.add_argument("--json", type=Path, help="keep the figures here, and go on from those that are")
    parser.add_argument("--smallest", action="store_true", help="one size, three steps")
    options, flags = parser.parse_known_args()
    sizes = options.sizes[:1] if options.smallest else options.sizes
    budget = ["--steps", "3", "--evaluations", "1"] if options.smallest else ["--minutes", str(options.minutes)]
    run = Path(options.run).resolve() if Path(options.run).exists() else options.run
    cells, done = Cells(options.json), []
    for name in options.texts:
        whole = text_of(name)
        for size in sizes:
            scratch = ["--preset", "nano", "--context_length", "32"] if options.smallest else []
            ways = {"from scratch": ["--tokenization", "tiktoken", *scratch]}
            for keep in options.keep:
                ways[f"from {options.run}, keep {keep:g}"] = ["--from", str(run), "--keep", str(keep), *flags]
            for way, settings in ways.items():
                told = [*budget, *settings]
                with tempfile.TemporaryDirectory() as folder:
                    text = Path(folder) / "text.txt"
                    text.write_bytes(whole.encode()[:size])
                    cell = {"text": name, "size": size, "way": way, "flags": told}
                    results = cells.get(cell, lambda: train(Path(folder), "--data", str(text), *told))  # noqa: B023
                done.append(results)
                print(row(f"{name}, {way}", size, results), flush=True)
    print(table(done))


if __name__ == "__main__":
    main()
