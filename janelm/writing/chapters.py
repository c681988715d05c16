"""A book: a title, an author, a language and chapters, which are found in a text or cut from it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from ..errors import UsageError

UNNAMED = "Opening"  # what stands before the first heading of the text

# CHAPTER 7, Chapter XII., VOLUME the Second: alone on its line. Small letters are left to sentences.
_NUMBERS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth last"
HEADING = re.compile(
    r"(?:CHAPTER|Chapter|VOLUME|Volume|BOOK|Book|PART|Part)\s+"
    rf"(?:[0-9]+|[IVXLCDM]+|(?i:(?:the\s+)?(?:{'|'.join(f'{_NUMBERS} {_ORDINALS}'.split())})))[.:]?"
)

# Thai, Lao, Burmese, Khmer, kana and Chinese characters, with the signs that go with them: no blank parts their words.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u31f0-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff"
)
UNSPACED = re.compile(f"[{_UNSPACED}]")
BETWEEN_UNSPACED = re.compile(f"(?<=[{_UNSPACED}])\n(?=[{_UNSPACED}])")
SENTENCE_END = re.compile("[。！？…」』”）]$")  # of Chinese and Japanese, where lines are often paragraphs


@dataclass(frozen=True)
class Chapter:
    title: str
    paragraphs: list[str]
    """Each on one line, without line breaks."""


@dataclass(frozen=True)
class Book:
    title: str
    author: str
    language: str
    """BCP 47 code, which e-book readers hyphenate and read aloud by."""
    chapters: list[Chapter]

    def map(self, change: Callable[[str], str]) -> Book:
        """The book with each of its texts changed."""
        chapters = [Chapter(change(c.title), [change(text) for text in c.paragraphs]) for c in self.chapters]
        return Book(change(self.title), change(self.author), self.language, chapters)

    def text(self) -> str:
        """One paragraph to a line, which every reader wraps to its own width; a blank line after each."""
        parts = [self.title, *([f"by {self.author}"] if self.author else [])]
        for chapter in self.chapters:
            parts += ["\n" + chapter.title, *chapter.paragraphs]
        return "\n\n".join(parts) + "\n"


def split_chapters(text: str, chapter_words: int = 3000) -> list[Chapter]:
    """Chapters of a text; every word is in one of them, in order, headings being titles.

    A line such as `CHAPTER 3`, `Chapter IV` or `VOLUME II`, with nothing else on it, starts a chapter; what stands
    before the first such line is called Opening. A text without any is cut at the ends of paragraphs into chapters of
    about `chapter_words` words, called Chapter 1, 2 and so on. Blank lines separate paragraphs, and so do, in Chinese
    and Japanese, lines that end with a sentence; the single line ends inside one are where the text was wrapped, and
    become spaces, or nothing where the script has none. Raises UsageError for a chapter length under 1.
    """
    if chapter_words < 1:
        raise UsageError(f"a chapter of {chapter_words} words cannot be: ask for at least 1")
    chapters = [Chapter(UNNAMED, [])]
    headed = False
    for kind, lines in itertools.groupby(text.splitlines(), key=_kind_of_line):
        if kind == "heading":
            headed = True
            chapters += [Chapter(" ".join(line.split()), []) for line in lines]
        elif kind == "prose":
            chapters[-1].paragraphs.extend(_paragraphs(lines))
    if not chapters[0].paragraphs:
        del chapters[0]
    return chapters if headed or not chapters else _cut(chapters[0].paragraphs, chapter_words)


def _kind_of_line(line: str) -> Literal["blank", "heading", "prose"]:
    line = line.strip()
    return "blank" if not line else "heading" if HEADING.fullmatch(line) else "prose"


def _paragraphs(lines: Iterable[str]) -> list[str]:
    """The paragraphs of lines with no blank one among them."""
    wrapped: list[list[str]] = [[]]
    for line in map(str.strip, lines):
        wrapped[-1].append(line)
        if SENTENCE_END.search(line) and UNSPACED.search(line):
            wrapped.append([])
    joined = (BETWEEN_UNSPACED.sub("", "\n".join(part)).replace("\n", " ") for part in wrapped if part)
    # Runs of blanks too become one space; other white space, such as no-break spaces, stays.
    return [re.sub("[ \t]+", " ", paragraph) for paragraph in joined]


def _words(paragraph: str) -> int:
    """How long a paragraph is in words; where no blank parts them, two characters count as one."""
    return len(paragraph.split()) + len(UNSPACED.findall(paragraph)) // 2


def _cut(paragraphs: list[str], chapter_words: int) -> list[Chapter]:
    """Chapters as even as whole paragraphs allow: no scrap is left for the last one."""
    counts = [_words(paragraph) for paragraph in paragraphs]
    total = sum(counts)
    parts = max(1, round(total / chapter_words))
    before = itertools.accumulate(counts, initial=0)  # words before each paragraph, which say what part it is in
    part_of = [words * parts // total for words, _ in zip(before, paragraphs, strict=False)]
    grouped = itertools.groupby(zip(part_of, paragraphs, strict=True), key=lambda pair: pair[0])
    return [
        Chapter(f"Chapter {number}", [paragraph for _, paragraph in pairs])
        for number, (_, pairs) in enumerate(grouped, start=1)
    ]
