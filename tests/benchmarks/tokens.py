"""What should a token be? python tests/benchmarks/tokens.py [--minutes 3] [--data austen] [--json FILE] [FLAGS]

Characters, byte pairs and words (1,024 byte pairs; 1,024 and 4,096 tokens of words), each trained once for as many
minutes, the bits per byte of held-out text, and the size of a page with that model, packed file by file (gzip). FLAGS
go to all trainings. With `--json FILE` each is kept as it ends, and those that FILE has are not done again.
`--smallest` is three steps of a small shape, to see that it works.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
from pathlib import Path

from cells import Cells, train

from janelm.runs import Run
from janelm.site import SiteOptions, write_site

WAYS = {
    "characters": ["--tokenization", "character"],
    "byte pairs": ["--tokenization", "tiktoken"],
    "words, 1,024": ["--tokenization", "word", "--vocab_size", "1024"],
    "words, 4,096": ["--tokenization", "word"],
}
SMALLEST = "--preset nano --width 32 --heads 2 --layers 1 --context_length 16 --batch_tokens 64 --evaluations 1"


def page_bytes(run: Run, place: Path) -> int:
    """Of the page with this model, as a host sends it."""
    write_site([run], place, SiteOptions(cdn=True, read="none"))
    return sum(len(gzip.compress(path.read_bytes())) for path in place.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=3.0, help="of each training (default: 3)")
    parser.add_argument("--data", default="austen", help="the text (default: austen)")
    parser.add_argument("--json", type=Path, help="keep the figures here, and go on from those that are")
    parser.add_argument("--smallest", action="store_true", help="three steps, a small shape")
    options, flags = parser.parse_known_args()
    budget = ["--steps", "3", *SMALLEST.split()] if options.smallest else ["--minutes", str(options.minutes)]
    data = str(Path(options.data).resolve()) if Path(options.data).exists() else options.data
    cells = Cells(options.json)
    print("| tokens | bits per byte | parameters | steps | page, kB packed |\n|---|---|---|---|---|")
    for way, settings in WAYS.items():
        told = ["--data", data, *settings, *budget, *flags]

        def make(told: list[str] = told) -> dict:
            with tempfile.TemporaryDirectory() as folder:
                results = train(Path(folder), *told)
                size = page_bytes(Run(Path(folder) / "models" / "new"), Path(folder) / "site")
                return results | {"page_bytes": size}

        one = cells.get({"flags": told}, make)
        bits, size = one["losses"]["heldout"]["bits_per_byte"], one["page_bytes"] / 1000
        print(f"| {way} | {bits:.4f} | {one['parameters']:,} | {one['steps']:,} | {size:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
