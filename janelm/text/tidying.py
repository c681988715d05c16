"""Cleaning that a person asks for: each step is off unless it is named, and tells how much it did."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypedDict, TypeVar

from ..config import DataConfig
from .cleaning import NORMAL_FORM, clean
from .sources import BETWEEN_PARAGRAPHS, BETWEEN_WORDS, LongSource, Source, blocks

STRAIGHT = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("«»", '"'),
        **dict.fromkeys("‹›", "'"),
    }
)
HEADING = re.compile(
    r"^[ \t]*(?:(?:chapter|book|part|volume|letter|act|scene|canto|kapitel|teil|buch|chapitre|livre|partie"
    r"|capítulo|capitolo|parte|libro|rozdział|kapitola|fejezet|глава|часть|книга)[ \t]+(?:the[ \t]+)?"
    r"[\w-]{1,14}\b[.:]?[^\n]{0,60}"
    r"|[IVXLC]{1,7}\.?|\d{1,3}\.?)[ \t]*$\n?",
    re.MULTILINE | re.IGNORECASE,
)
# Each begins where nothing like it stands before: else a text without a break takes the square of its length.
PERSONAL = {
    "email": re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"),
    "link": re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+"),
    "handle": re.compile(r"(?<![\w.@/])@\w[\w.]*\w"),
    "phone": re.compile(r"(?<![\w.,-])(?:\+|\(?0)[\d(](?:[ ().\-/]{0,2}\d){6,13}(?!\w)"),
}
TIDYING = (
    "after", "before", "first", "last", "drop_front_matter", "drop_headings", "unwrap", "straighten_quotes",
    "lower_case", "blank_out",
)  # fmt: skip
Part = TypeVar("Part", str, list[str])
FRONT = 1 << 20  # characters of a long text in which its front matter is looked for


@dataclass(frozen=True)
class Step:
    """One kind of cleaning: a text without or with something, and how often that was done."""

    sentence: str
    do: Callable[[str], tuple[str, int]]
    by: Literal["whole", "lines", "paragraphs"] = "lines"
    """What a long text must not be parted within, so that it comes to the same."""


def untidied(options: DataConfig) -> DataConfig:
    """The same without any cleaning that a person asks for."""
    return replace(options, **{name: getattr(DataConfig(), name) for name in TIDYING})


def tidied(source: Source, options: DataConfig) -> Source:
    """The source after all steps that are asked for; one that is read piece by piece stays so."""
    if isinstance(source, LongSource):
        return tidied_long(source, options)
    steps = _steps(options, source.names)
    if not steps and not (options.first or options.last):
        return source
    report, texts = list(source.report), source.documents if source.documents is not None else [source.text]
    report += _missing(
        {mark for mark in (options.after, options.before) if mark and any(mark in t for t in texts)}, options
    )
    for step in steps:
        done = [step.do(text) for text in texts]
        texts, count = [text for text, _ in done], sum(count for _, count in done)
        if count:
            report.append(step.sentence.format(count))
    if source.documents is None:
        text = _part(texts[0], options, "characters", report)
        return replace(source, text=text, report=report)
    documents = _part([text for text in texts if text.strip()], options, "documents", report)
    return replace(source, text=joined_documents(documents), documents=documents, report=report)


def joined_documents(documents: list[str]) -> str:
    """Documents as one text: one to a line or, where some have several, a blank line between them."""
    return ("\n\n" if any("\n" in document for document in documents) else "\n").join(documents)


class Prompts(TypedDict):
    """What is done to a prompt, so that it is as the training text was made."""

    clean: bool
    straighten_quotes: bool
    lower_case: bool


def of_prompts(options: DataConfig) -> Prompts:
    return {
        "clean": options.rules > 1,
        "straighten_quotes": options.straighten_quotes,
        "lower_case": options.lower_case,
    }


def as_trained(prompt: str, options: DataConfig) -> str:
    """A prompt as the training text was made: clean, in its normal form, its quotes and its case.

    web/engine/prompts.js says the same for the page.
    """
    steps = of_prompts(options)
    if steps["clean"]:
        prompt = clean(prompt.encode("utf-8", "replace").decode())[0]
    if steps["straighten_quotes"]:
        prompt = _straighten(prompt)[0]
    return _lower(prompt)[0] if steps["lower_case"] else prompt


def _steps(options: DataConfig, names: list[str]) -> list[Step]:
    steps: list[Step] = []
    if options.after or options.before:
        outside = "left out {:,} characters outside the two texts"
        steps.append(Step(outside, lambda text: _between(text, options), "whole"))
    if options.drop_front_matter:
        steps.append(Step("left out {:,} characters before the first chapter", _without_front, "whole"))
    if options.drop_headings:
        steps.append(Step("left out {:,} headings of chapters", lambda text: HEADING.subn("", text)))
    if options.unwrap:
        steps.append(Step("joined {:,} lines of fixed width into paragraphs", _unwrap, "paragraphs"))
    for kind in options.blank_out:
        steps.append(Step(f"blanked out {{:,}} times: {kind}", partial(_blank, kind=kind, names=names)))
    if options.straighten_quotes:
        steps.append(Step("straightened {:,} quotes", _straighten))
    if options.lower_case:
        steps.append(Step("put {:,} capitals into lower case", _lower))
    return steps


def _between(text: str, options: DataConfig) -> tuple[str, int]:
    begin = text.find(options.after) if options.after else 0
    end = text.rfind(options.before) if options.before else len(text)
    kept = text[max(0, begin) : end if end >= 0 else len(text)]
    return kept, len(text) - len(kept)


def _missing(there: set[str | None], options: DataConfig) -> list[str]:
    """What to say where the text has not what it was to begin or to end with."""
    marks = {"--after": options.after, "--before": options.before}
    return [
        f"does not have the text of {flag} ({mark!r}), so that nothing is left out there"
        for flag, mark in marks.items()
        if mark and mark not in there
    ]


def _without_front(text: str) -> tuple[str, int]:
    """From the first heading on that prose follows: what stands in a list of contents has another one behind it."""
    for found in HEADING.finditer(text):
        following = HEADING.search(text, found.end())
        if (following.start() if following else len(text)) - found.end() > 300 and found.start() < len(text) / 2:
            return text[found.start() :], found.start()
    return text, 0


def _unwrap(text: str, width: int | None = None) -> tuple[str, int]:
    """Lines joined where all of a paragraph but its last are about as long as lines can be: verse stays."""
    width = _width([text]) if width is None else width
    if not 0 < width <= 120:
        return text, 0
    joined, count = [], 0
    for paragraph in re.split(r"(\n[ \t]*\n\s*)", text):
        lines = paragraph.split("\n")
        wrapped = len(lines) > 1 and all(
            len(line) > 0.7 * width and not line.startswith((" ", "\t")) for line in lines[:-1]
        )
        if wrapped and paragraph.strip():
            count += len(lines) - 1
            paragraph = " ".join(line.strip() for line in lines)
        joined.append(paragraph)
    return "".join(joined), count


def _width(pieces: Iterable[str]) -> int:
    """What nine of ten lines are no longer than."""
    lengths = Counter(len(line) for piece in pieces for line in piece.split("\n") if line.strip())
    seen = 0
    for length, count in sorted(lengths.items()):
        seen += count
        if seen >= 0.9 * lengths.total():
            return length
    return 0


def _blank(text: str, kind: str, names: list[str]) -> tuple[str, int]:
    if kind != "name":
        return PERSONAL[kind].subn(f"[{kind}]", text)
    parts = {part for name in names for part in (name, *name.split()) if len(part) > 2 and not part.isdigit()}
    if not parts:
        return text, 0
    longest_first = "|".join(map(re.escape, sorted(parts, key=len, reverse=True)))
    return re.subn(rf"(?<!\w)(?:{longest_first})(?!\w)", "[name]", text)


def _straighten(text: str) -> tuple[str, int]:
    straight = text.translate(STRAIGHT)
    return straight, sum(a != b for a, b in zip(text, straight, strict=True))


def _lower(text: str) -> tuple[str, int]:
    lower = unicodedata.normalize(NORMAL_FORM, text.lower())
    return lower, sum(character.isupper() for character in text)


def _range(length: int, options: DataConfig) -> tuple[int, int]:
    """From where to where the first or the last of a whole of this length is."""
    end = min(length, options.first) if options.first else length
    return max(0, end - options.last) if options.last else 0, end


def _part(whole: Part, options: DataConfig, what: str, report: list[str]) -> Part:
    """The first or the last of a text's characters, or of its documents."""
    begin, end = _range(len(whole), options)
    part = whole[begin:end]
    if len(part) < len(whole):
        report.append(f"kept {len(part):,} of {len(whole):,} {what}")
    return part


# --- texts that are never in memory as a whole -----------------------------------------------------------------------


class TidiedSource(LongSource):
    """A long source of which each piece goes through some steps whenever it is read."""

    def __init__(self, source: LongSource, read: Callable[[], Iterator[str]], report: list[str]) -> None:
        self.name, self.documents, self.reader, self.authors = source.name, None, source.reader, source.authors
        self.report, self._read = report, read
        self._length = sum(map(len, read()))

    def pieces(self) -> Iterator[str]:
        return self._read()


def tidied_long(source: LongSource, options: DataConfig) -> LongSource:
    """The same steps, in the same order, on a text that is read block by block."""
    steps, read, report = _steps(options, source.names), source.pieces, list(source.report)
    for step in steps:
        read, count, missing = _read_by(step, read, options)
        report += missing
        if count:
            report.append(step.sentence.format(count))
    if options.first or options.last:
        length = sum(map(len, read()))
        begin, end = _range(length, options)
        if end - begin < length:
            report.append(f"kept {end - begin:,} of {length:,} characters")
            read = partial(_cut, read, begin, end)
    return source if read == source.pieces else TidiedSource(source, read, report)


Read = Callable[[], Iterator[str]]


def _read_by(step: Step, read: Read, options: DataConfig) -> tuple[Read, int, list[str]]:
    """How the text is read after a step, how much that does, and what it missed."""
    if step.do is _without_front:
        begin = _without_front(_head(read()))[1]
        return partial(_cut, read, begin, None), begin, []
    if step.by == "whole":
        length, first, last = _bounds(read(), options)
        there = {mark for mark, place in ((options.after, first), (options.before, last)) if place >= 0}
        begin, end = max(0, first), last if last >= 0 else length
        return partial(_cut, read, begin, end), length - max(0, end - begin), _missing(there, options)
    do = partial(_unwrap, width=_width(blocks(read()))) if step.do is _unwrap else step.do
    after = partial(_step_by_step, read, do, BETWEEN_PARAGRAPHS if step.by == "paragraphs" else BETWEEN_WORDS)
    return after, sum(do(block)[1] for block in blocks(read(), after.args[2])), []


def _step_by_step(read: Read, do: Callable[[str], tuple[str, int]], between: re.Pattern[str]) -> Iterator[str]:
    for block in blocks(read(), between):
        yield do(block)[0]


def _cut(read: Read, begin: int, end: int | None) -> Iterator[str]:
    place = 0
    for piece in read():
        part = piece[max(0, begin - place) : None if end is None else max(0, end - place)]
        place += len(piece)
        if part:
            yield part
        if end is not None and place >= end:
            return


def _head(pieces: Iterator[str]) -> str:
    head = ""
    while len(head) < FRONT and (piece := next(pieces, "")):
        head += piece
    return head


def _bounds(pieces: Iterator[str], options: DataConfig) -> tuple[int, int, int]:
    """The length of a text, where `after` stands first, and where `before` stands last; -1 where they do not."""
    first, last, length, tail = -1, -1, 0, ""
    keep = max(len(options.after or ""), len(options.before or ""), 1)
    for piece in pieces:
        window, start = tail + piece, length - len(tail)
        if options.after and first < 0 and (found := window.find(options.after)) >= 0:
            first = start + found
        if options.before and (found := window.rfind(options.before)) >= 0:
            last = start + found
        length, tail = length + len(piece), window[-keep:]
    return length, first, last
