"""All that there is to say of a text, as plain data: what `janelm read` prints and the page draws."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypedDict

import numpy as np

from ..errors import JaneLMError
from ..text.encoded import text_digest
from ..text.sources import LongSource, Source
from ..writing.language import guess_language
from .keyness import dispersion, key_words, log_odds, repeated_phrases, slice_counts, tf_idf
from .measures import measure_part
from .parts import Part, PartedText, part_text
from .people import people_of
from .sentiment import LEXICON, moving_mean, sentence_feelings
from .words import FUNCTION_WORDS, Words, is_english, sentence_bounds

COMMON, LEAST_LETTERS = 60, 4  # words that are listed for the whole text, and what the short ones lack
SPANS = 200  # sentences whose mean is called the book's brightest and darkest
FORMAT = 1


class Report(TypedDict):
    """A text by its parts. Places are in characters of the text."""

    format: int
    text_sha256: str
    language: str
    english: bool
    characters: int
    words: int
    books: list[dict[str, Any]]
    common: list[dict[str, Any]]
    """The commonest words of four letters and more that mean something by themselves, with Gries' DP over a
    hundred slices."""
    phrases: list[tuple[str, int]]
    lexicon: dict[str, str] | None
    """The one that the feelings are by; None for a text that is not English, which has none."""
    sentences: list[int]
    """Where each begins, and the end of the text."""
    feelings: list[int]
    """Of each sentence, in hundredths."""


def read_text(sources: list[Source], people: bool = True) -> tuple[Report, PartedText]:
    """Read the sources for all that can be said of them. Raises JaneLMError where there is no word in them."""
    if any(isinstance(source, LongSource) for source in sources):
        raise JaneLMError("the text is too long to be read as a whole: give a file of less than 128 MB")
    parted = part_text(sources)
    text, words = parted.text, parted.words
    if not len(words.ids):
        raise JaneLMError("there is no word in the text: give a file with text in it")
    bounds = sentence_bounds(text)
    english = is_english(text)
    feelings = sentence_feelings(text, bounds) if english else np.zeros(0, np.int8)
    counts = np.stack([words.counts(book.begin, book.end) for book in parted.books])
    whole, by_idf = counts.sum(0), tf_idf(counts)
    books = [
        _book(parted, np.array(bounds), i, people)
        | {
            "distinctive": [asdict(word) for word in key_words(words, counts[i], log_odds(counts[i], whole))],
            "tf_idf": [asdict(word) for word in key_words(words, counts[i], by_idf[i])],
        }
        for i in range(len(parted.books))
    ]
    report = Report(
        format=FORMAT,
        text_sha256=text_digest(sources),
        language=guess_language(text),
        english=english,
        characters=len(text),
        words=len(words.ids),
        books=books,
        common=_common(words),
        phrases=repeated_phrases(words),
        lexicon=LEXICON if english else None,
        sentences=bounds,
        feelings=feelings.tolist(),
    )
    return report, parted


def _book(parted: PartedText, bounds: np.ndarray, number: int, people: bool) -> dict[str, Any]:
    book = parted.books[number]
    found = _part(parted, bounds, book)
    found["chapters"] = [_part(parted, bounds, chapter) for chapter in book.chapters]
    found["people"] = people_of(parted, number) if people else []
    return found


def _part(parted: PartedText, bounds: np.ndarray, part: Part) -> dict[str, Any]:
    measures = asdict(measure_part(parted.text, parted.words, bounds, part.begin, part.end))
    return {"title": part.title, "begin": part.begin, "end": part.end} | {
        name: round(value, 4) if isinstance(value, float) else value for name, value in measures.items()
    }


def _common(words: Words) -> list[dict[str, Any]]:
    counts = words.counts()
    order = np.argsort(-counts, kind="stable")
    names = ((int(i), words.vocabulary[i]) for i in order)
    long = (i for i, word in names if (len(word) >= LEAST_LETTERS or not word.isascii()) and word not in FUNCTION_WORDS)
    found = []
    for number, _ in zip(long, range(COMMON), strict=False):
        word = words.vocabulary[number]
        slices = slice_counts(words, word)
        spread = dispersion(slices, np.ones(len(slices)))
        found.append({"word": word, "count": int(counts[number]), "dispersion": round(spread, 3)})
    return found


def turning_points(report: Report, book: dict[str, Any]) -> tuple[float, float, float] | None:
    """The mean feeling of a book's sentences, and how far into it (0 to 1) its brightest and darkest stretches are."""
    bounds = np.array(report["sentences"])
    first, last = np.searchsorted(bounds, (book["begin"], book["end"]))
    feelings = np.array(report["feelings"][first:last]) / 100
    if len(feelings) < SPANS:
        return None
    mean = moving_mean(feelings, SPANS)[SPANS // 2 : -SPANS // 2]
    bright, dark = (float((place + SPANS // 2) / len(feelings)) for place in (mean.argmax(), mean.argmin()))
    return float(feelings.mean()), bright, dark
