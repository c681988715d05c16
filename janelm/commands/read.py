"""`janelm read`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from ..config import DataConfig, check
from ..errors import JaneLMError, UsageError, counted
from .shared import parse, say

if TYPE_CHECKING:
    from ..reading.parts import PartedText
    from ..reading.report import Report
    from ..runs.folder import Run

NAMES, KEYS, PHRASES = 8, 10, 12  # people and words of a book, and phrases of the text, that a terminal shows
SPARKS = "▁▂▃▄▅▆▇█"


@dataclass
class ReadOptions:
    """Which text, and what of it."""

    files: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Files, folders, archives or named corpora, the same as --data; or the name of a run, whose text is read."""
    word: tuple[str, ...] = ()
    """Words or phrases to count along the text and in each book, with lines in which they stand."""
    lines: int = 5
    """How many such lines of each."""
    near: tuple[str, ...] = ()
    """Words or names whose neighbours a model of the text names: of the run that is read, or of
    --models."""
    models: tuple[str, ...] = ()
    """Runs that are asked about the text; by default the run that is named, if one is."""
    parts_of_words: bool = False
    """Count --word inside longer words too."""
    json: bool = False
    """Print all of it as JSON."""
    data: DataConfig = field(default_factory=DataConfig)


def read_command(arguments: list[str], program: str) -> int:
    """See what a text is like: its books, words, feeling and people."""
    options = parse(ReadOptions, arguments, program, "See what a text is like: its books, words, feeling and people.")
    check(options.data)
    if options.lines < 0:
        raise UsageError(f"lines is {options.lines}, but must be 0 or more")
    from ..reading.report import read_text
    from ..reading.searching import search

    sources, runs = _sources(options)
    if options.near and not runs:
        raise UsageError("--near asks a model: name a run, or one with --models")
    report, parted = read_text(sources)
    found = [search(parted, phrase, whole=not options.parts_of_words) for phrase in options.word]
    asked = _asked(runs, report, parted, options) if runs and not (found and not options.near) else None
    if options.json:
        searched = [one.to_json(options.lines) for one in found]
        print(json.dumps({**report, "searched": searched, **(asked or {})}, ensure_ascii=False))
        return 0
    lines = [*_overview(report)] if not found and not options.near else []
    lines += [line for one in found for line in _searched(report, one, options.lines)]
    print("\n".join([*lines, *(_answers(asked) if asked else ())]))
    return 0


def _asked(runs: list[Run], report: Report, parted: PartedText, options: ReadOptions) -> dict[str, Any]:
    """What models say of the text: which words and names are near each other, and who writes like whom."""
    from ..reading.embeddings import embed, neighbours_of, to_json
    from ..reading.likeness import likeness
    from ..runs.dataset import Texts

    words = options.near or tuple(book["people"][0]["name"] for book in report["books"][:NAMES] if book["people"])
    near: dict[str, Any] = {}
    whole: dict[str, Any] = {}
    for run in runs:
        loaded = run.load()
        found = embed(loaded, parted, options.near, plane=options.json)
        near[run.name] = [(word, neighbours_of(loaded, found, word)) for word in words]
        whole[run.name] = to_json(found) if options.json else None
    alike = likeness(runs, parted, Texts()) if options.json or not options.near else None
    return {"near": near, "embeddings": whole, "likeness": alike}


def _answers(asked: dict[str, Any]) -> Iterator[str]:
    for name, words in asked["near"].items():
        for word, told in words:
            if told is None:
                yield f"near {word}, as {name} has it: nothing is known of it"
                continue
            near = ", ".join(f"{other} {cosine:.2f}" for other, cosine in told["near"])
            guess = " (a guess by its pieces)" if told["guessed"] else ""
            yield f"near {told['name']}, as {name} has it{guess}: {near}"
    if not asked["likeness"]:
        return
    books, delta, models = (asked["likeness"][part] for part in ("books", "delta", "models"))
    width = max(map(len, books))
    yield "\nbits per byte of each book, and how much of it training never saw:"
    yield f"{'':{width}}  " + "  ".join(f"{name:>20}" for name in models)
    for place, title in enumerate(books):
        yield f"{title:{width}}  " + "  ".join(f"{_cell(told[place]):>20}" for told in models.values())
    if delta:
        yield "\nBurrows' Delta between the books, small where style is alike:"
        yield f"{'':{width}}  " + " ".join(f"{number:5}" for number in range(1, len(books) + 1))
        for place, (title, row) in enumerate(zip(books, delta, strict=True)):
            yield f"{title:{width}}  " + " ".join(
                f"{value:5.2f}" if i != place else "    -" for i, value in enumerate(row)
            )


def _cell(told: tuple[float, float | None] | None) -> str:
    if told is None:
        return "too short"
    bits, unseen = told
    return f"{bits:.3f}" + ("" if unseen is None else " seen" if not unseen else f" {unseen:4.0%} unseen")


def _sources(options: ReadOptions) -> tuple[list[Any], list[Run]]:
    """The text named, or that of the run which is; and the runs that are asked about it."""
    from pathlib import Path

    from ..runs.dataset import sources_of
    from ..runs.folder import find_run
    from ..text.corpora import CORPORA, load_sources
    from ..text.looking import say_what_was_done

    name = options.files[0] if len(options.files) == 1 else ""
    if name and name not in CORPORA and (not Path(name).exists() or (Path(name) / "config.json").exists()):
        try:
            run = find_run(name)
            others = [find_run(other) for other in options.models if other != name]
            return sources_of(run.config()), [run, *others]
        except JaneLMError as error:
            if Path(name).exists():
                raise
            raise JaneLMError(f"{name} is neither a text nor a run: name a file, a folder or a run ({error})") from None
    config = replace(options.data, data=options.files) if options.files else options.data
    sources = load_sources(config.data, config)
    say_what_was_done(sources, say)
    return sources, [find_run(name) for name in options.models]


def _overview(report: Report) -> Iterator[str]:
    from ..reading.report import turning_points

    books = report["books"]
    width = max(len(book["title"]) for book in books)
    yield f"{counted(report['words'], 'word')} in {counted(len(books), 'book')}:"
    yield (f"{'':{width}}  chapters    words  different  density  words per sentence    LIX   ARI  in quotation marks")
    for book in books:
        size = f"{len(book['chapters']):8,} {book['words']:8,} {book['vocabulary']:10,}"
        density = f"{book['density']:8.3f}" if book["density"] is not None else f"{'-':>8}"
        yield (
            f"{book['title']:{width}}  {size} {density} "
            f"{book['sentence_words']:19.1f} {book['lix']:6.1f} {book['ari']:5.1f} {book['dialogue']:19.0%}"
        )
    for book in books:
        yield ""
        yield f"{book['title']}"
        if len(books) > 1:
            yield "  its words: " + ", ".join(word["word"] for word in book["distinctive"][:KEYS])
        if book["people"]:
            yield "  named: " + ", ".join(f"{who['name']} {who['count']:,}" for who in book["people"][:NAMES])
        if points := turning_points(report, book):
            mean, bright, dark = points
            yield f"  feeling {mean:+.3f}; brightest {bright:.0%} of the way, darkest {dark:.0%}"
    yield ""
    yield "phrases that come again: " + "; ".join(
        f"{phrase} ({count:,})" for phrase, count in report["phrases"][:PHRASES]
    )
    if lexicon := report["lexicon"]:
        yield f"feeling by {lexicon['name']} ({lexicon['licence']}), made for {lexicon['made_for']}"


def _searched(report: Report, found: Any, lines: int) -> Iterator[str]:
    yield f"{found.phrase}: {len(found.places):,}, {sparkline(found.along())}, dispersion {found.dispersion:.2f}"
    per = {book["title"]: book["words"] for book in report["books"]}
    if len(per) > 1:
        for title, count in found.by_book():
            yield f"  {title}: {count:,} ({10_000 * count / max(1, per[title]):.1f} in 10,000 words)"
    if found.places:
        near = ", ".join(f"{word} {count:,}" for word, count in found.collocates()[:KEYS])
        yield f"  beside it: {near}"
    yield from (f"  {line}" for line in found.lines(lines))


def sparkline(counts: list[int]) -> str:
    """A row of bars.

    >>> sparkline([0, 1, 2])
    '▁▄█'
    """
    most = max(counts, default=0) or 1
    return "".join(SPARKS[round(count / most * (len(SPARKS) - 1))] for count in counts)
