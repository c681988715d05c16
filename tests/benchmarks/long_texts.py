"""What the room Read costs of a long text: python tests/benchmarks/long_texts.py [--copies 10]

The text is Austen's novels so many times, two fifths of the small words of each copy exchanged for others of hers, so
that no passage comes again. Prints seconds of the processor, the peak of memory so far, and the size of each file.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from janelm.reading.copied import copied_index
from janelm.reading.report import read_text
from janelm.site.rooms import Rooms, add_reading
from janelm.text.corpora import load_sources
from janelm.text.sources import Source

EXCHANGED = 0.4


def made(copies: int, characters: int | None) -> str:
    (novels,) = load_sources(("austen",))
    words, drawn = novels.text[:characters].split(" "), random.Random(0)
    small = [word for word in drawn.choices(words, k=50_000) if word.islower()]
    change = [word.islower() for word in words]
    copy = lambda: " ".join(  # noqa: E731
        drawn.choice(small) if may and drawn.random() < EXCHANGED else word
        for word, may in zip(words, change, strict=True)
    )
    return "\n\n".join(copy() for _ in range(copies))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--characters", type=int, help="of the novels (default: all)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    source = Source("long.txt", made(options.copies, options.characters))
    figures: dict[str, Any] = {"MB": len(source.text.encode()) / 1e6}

    def timed(label: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        found = work()
        figures[label] = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"{label}: {figures[label]:.1f} s, peak {peak:,.0f} MB", flush=True)
        return found

    report, parted = timed("read", lambda: read_text([source]))
    rooms = Rooms()
    timed("pack", lambda: add_reading(rooms, report, parted, False))
    index = timed("index of copied passages", lambda: copied_index(parted.text))
    size = sum(map(len, rooms.files.values()))
    print(f"text of {figures['MB']:.1f} MB: figures {size / 1e6:.2f} MB, index {len(index.filter) / 1e6:.2f} MB")
    if options.json:
        options.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
