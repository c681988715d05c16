"""Where does the LSTM win? python tests/benchmarks/race.py [TEXT ...] [--minutes 10] [--seeds 1 2 3] [FLAGS]

Of each TEXT (a file, a corpus by name, or `python`, the modules of Python's own library; by default Austen's novels,
the Bible and those) the first 100 KB, 1 MB and 4 MB train a transformer and an LSTM each, by byte pairs, for as many
minutes of the whole command, in the size that suits the minutes. Figures are bits per byte of held-out text, sliding
or carried: means over the seeds. FLAGS go to all trainings. With `--json FILE` each training is kept as it ends, and
those that FILE has are not done again, so that the race may be run in parts. `--picture FILE` draws by how much the
LSTM is behind (needs matplotlib). `--smallest` is one size, one seed and three steps, to see that it works.
"""

from __future__ import annotations

import argparse
import statistics
import sysconfig
import tempfile
from pathlib import Path

from cells import Cells, text_of, train

SIZES = (100_000, 1_000_000, 4_000_000)
PYTHON = "python"
ARCHITECTURES = ("transformer", "lstm")
SMALLEST = "--steps 3 --width 32 --layers 1 --context_length 16 --batch_tokens 64 --evaluations 1"
Race = dict[str, dict[int, dict[str, list[float]]]]  # by text, size and architecture: a figure for each seed


def whole(name: str) -> str:
    """All of a text, as it is cut from."""
    if name != PYTHON:
        return text_of(name)
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    return "\n\n".join(module.read_text(encoding="utf-8") for module in modules)


def bits_per_byte(cells: Cells, cut: bytes, cell: dict) -> float:
    """What one training comes to on what is held out of this text."""

    def make() -> dict:
        with tempfile.TemporaryDirectory() as folder:
            text = Path(folder) / "text.txt"
            text.write_text(cut.decode(errors="ignore"), encoding="utf-8")  # no half of a character at its end
            return train(Path(folder), "--data", str(text), "--tokenization", "tiktoken", *cell["flags"])

    return cells.get(cell, make)["losses"]["heldout_carried"]["bits_per_byte"]


def row(text: str, size: int, figures: dict[str, list[float]]) -> str:
    apart = differences(figures)
    means = " | ".join(f"{statistics.mean(figures[kind]):.4f}" for kind in ARCHITECTURES)
    return f"| {text} | {size:,} | {means} | {statistics.mean(apart):+.4f} | {min(apart):+.4f} to {max(apart):+.4f} |"


def differences(figures: dict[str, list[float]]) -> list[float]:
    """By how much the LSTM is worse, for each seed."""
    return [lstm - transformer for transformer, lstm in zip(*map(figures.get, ARCHITECTURES), strict=True)]


def draw(race: Race, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    panel = figure.subplots()
    for text, sizes in race.items():
        behind = {size: differences(figures) for size, figures in sizes.items()}
        (line,) = panel.plot(list(behind), list(map(statistics.mean, behind.values())), "o-", label=text)
        for size, each in behind.items():
            panel.plot([size] * 2, [min(each), max(each)], color=line.get_color(), lw=1)
    panel.axhline(0, color="#5b5b5b", lw=0.8)
    panel.set(xscale="log", xlabel="bytes of text", ylabel="LSTM less transformer, bits per byte")
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("texts", nargs="*", default=["austen", "bible", PYTHON], help="files, corpora, or python")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="bytes of each text")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="seeds (default: 1 2 3)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training (default: 10)")
    parser.add_argument("--json", type=Path, help="keep the figures here, and go on from those that are")
    parser.add_argument("--picture", type=Path, help="draw by how much the LSTM is behind")
    parser.add_argument("--smallest", action="store_true", help="one size, one seed, three steps")
    options, flags = parser.parse_known_args()
    budget = ["--minutes", str(options.minutes)]
    if options.smallest:
        options.sizes, options.seeds, budget = options.sizes[:1], options.seeds[:1], SMALLEST.split()
    cells = Cells(options.json)
    race: Race = {}
    print("| text | bytes | transformer | LSTM | LSTM less transformer | by seed |\n|---|---|---|---|---|---|")
    for name in options.texts:
        text = whole(name).encode()  # sizes are bytes
        for size in options.sizes:
            figures = race.setdefault(name, {})[size] = {kind: [] for kind in ARCHITECTURES}
            for seed in options.seeds:
                for kind in ARCHITECTURES:
                    told = ["--architecture", kind, "--seed", str(seed), *budget, *flags]
                    cell = {"text": name, "size": size, "flags": told}
                    figures[kind].append(bits_per_byte(cells, text[:size], cell))
            print(row(name, size, figures), flush=True)
    if options.picture:
        draw(race, options.picture)


if __name__ == "__main__":
    main()
