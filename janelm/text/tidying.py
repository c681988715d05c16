"""Cleaning that a person asks for: each step is off unless it is named, and tells how much it did."""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypedDict, TypeVar

from ..config import DataConfig
from ..errors import UsageError
from .cleaning import NORMAL_FORM, clean
from .sources import LongSource, Source

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
PERSONAL = {
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "link": re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+"),
    "handle": re.compile(r"(?<![\w.@/])@\w[\w.]*\w"),
    "phone": re.compile(r"(?<![\w.,-])(?:\+|\(?0)[\d(](?:[ ().\-/]{0,2}\d){6,13}(?!\w)"),
}
Step = Callable[[str], tuple[str, int]]
Part = TypeVar("Part", str, list[str])


def tidied(source: Source, options: DataConfig) -> Source:
    """The source after all steps that are asked for. Raises UsageError where it is too long for them."""
    steps = _steps(options, source.names)
    if not steps and not (options.first or options.last):
        return source
    if isinstance(source, LongSource):
        raise UsageError(f"{source.name} is too long for the cleaning that is asked for: part it, or clean it before")
    report, texts = list(source.report), source.documents if source.documents is not None else [source.text]
    for sentence, step in steps:
        done = [step(text) for text in texts]
        texts, count = [text for text, _ in done], sum(count for _, count in done)
        if count:
            report.append(sentence.format(count))
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


def _steps(options: DataConfig, names: list[str]) -> list[tuple[str, Step]]:
    steps: list[tuple[str, Step]] = []
    if options.after or options.before:
        steps.append(("left out {:,} characters outside the two texts", lambda text: _between(text, options)))
    if options.drop_front_matter:
        steps.append(("left out {:,} characters before the first chapter", _without_front))
    if options.drop_headings:
        steps.append(("left out {:,} headings of chapters", lambda text: HEADING.subn("", text)))
    if options.unwrap:
        steps.append(("joined {:,} lines of fixed width into paragraphs", _unwrap))
    for kind in options.blank_out:
        steps.append((f"blanked out {{:,}} times: {kind}", partial(_blank, kind=kind, names=names)))
    if options.straighten_quotes:
        steps.append(("straightened {:,} quotes", _straighten))
    if options.lower_case:
        steps.append(("put {:,} capitals into lower case", _lower))
    return steps


def _between(text: str, options: DataConfig) -> tuple[str, int]:
    begin = text.find(options.after) if options.after else 0
    end = text.rfind(options.before) if options.before else len(text)
    kept = text[max(0, begin) : end if end >= 0 else len(text)]
    return kept, len(text) - len(kept)


def _without_front(text: str) -> tuple[str, int]:
    """From the first heading on that prose follows: what stands in a list of contents has another one behind it."""
    for found in HEADING.finditer(text):
        following = HEADING.search(text, found.end())
        if (following.start() if following else len(text)) - found.end() > 300 and found.start() < len(text) / 2:
            return text[found.start() :], found.start()
    return text, 0


def _unwrap(text: str) -> tuple[str, int]:
    """Lines joined where all of a paragraph but its last are about as long as lines can be: verse stays."""
    lengths = [len(line) for line in text.split("\n") if line.strip()]
    if len(lengths) < 2:
        return text, 0
    width = statistics.quantiles(lengths, n=10)[-1]
    if width > 120:
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


def _part(whole: Part, options: DataConfig, what: str, report: list[str]) -> Part:
    """The first or the last of a text's characters, or of its documents."""
    part = whole[: options.first] if options.first else whole
    part = part[-options.last :] if options.last else part
    if len(part) < len(whole):
        report.append(f"kept {len(part):,} of {len(whole):,} {what}")
    return part
