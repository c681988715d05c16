"""The measures of a part of a text: how long, how rich, how easy, how much of it is spoken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import regex

from .words import WORD, Words

WINDOW = 500  # words, over which lexical density is a mean
LONG_WORD = 6  # letters, above which LIX calls a word long
# What opens speech and what closes it, the kinds that a text may use.
QUOTES = (("“", "”"), ('"', '"'), ("«", "»"), ("„", "“"), ("「", "」"), ("‘", "’"))
PARAGRAPH = regex.compile(r"\n[ \t]*\n\s*")


@dataclass(frozen=True)
class Measures:
    """Of one part of a text."""

    characters: int
    words: int
    vocabulary: int
    """Different words."""
    once: float
    """The share of these that occur once in the part."""
    density: float | None
    """Moving-average type-token ratio (Covington and McFall 2010): different words in any 500 in a row, as a share of
    500; None where there are fewer. It does not fall with length, as the plain ratio does."""
    sentences: int
    sentence_words: float
    """Mean length of a sentence."""
    sentence_quartiles: tuple[float, float, float]
    word_letters: float
    """Mean length of a word."""
    lix: float
    """Readability (Björnsson 1968): words per sentence, and the percentage of words of more than six letters. Under 30
    is a children's book, over 50 a technical text; made for many languages."""
    ari: float
    """Automated Readability Index (Senter and Smith 1967): 4.71 letters per word + 0.5 words per sentence - 21.43,
    about the years of school that English of this kind asks for."""
    dialogue: float
    """The share of characters in quotation marks."""


def measure_part(text: str, words: Words, sentences: np.ndarray, begin: int, end: int) -> Measures:
    """The measures of the part from place `begin` to before `end`; `sentences` are the bounds of all sentences."""
    ids = words.within(begin, end)
    counts = np.bincount(ids) if len(ids) else np.zeros(0, np.int64)
    lengths = _sentence_lengths(words, sentences, begin, end)
    letters = np.array([len(match.group()) for match in WORD.finditer(text, begin, end)], np.int64)
    N, S = max(1, len(ids)), max(1, len(lengths))
    vocabulary = int((counts > 0).sum())
    quartiles = np.quantile(lengths, (0.25, 0.5, 0.75)) if len(lengths) else np.zeros(3)
    return Measures(
        characters=end - begin,
        words=len(ids),
        vocabulary=vocabulary,
        once=float((counts == 1).sum() / max(1, vocabulary)),
        density=moving_ratio(ids),
        sentences=len(lengths),
        sentence_words=len(ids) / S,
        sentence_quartiles=(float(quartiles[0]), float(quartiles[1]), float(quartiles[2])),
        word_letters=float(letters.sum() / N),
        lix=len(ids) / S + 100 * float((letters > LONG_WORD).sum()) / N,
        ari=4.71 * float(letters.sum()) / N + 0.5 * len(ids) / S - 21.43,
        dialogue=dialogue_share(text[begin:end]),
    )


def _sentence_lengths(words: Words, sentences: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Words of each sentence that begins in the part; those without any, such as a row of stars, do not count."""
    inside = sentences[np.searchsorted(sentences, begin) : np.searchsorted(sentences, end)]
    lengths = np.diff(np.searchsorted(words.places, [*inside, end]))
    return lengths[lengths > 0]


def moving_ratio(ids: np.ndarray, window: int = WINDOW) -> float | None:
    """The mean share of different words over all windows of ids (N,); None where there is not one window.

    A word is new in a window unless it stood in it before, so each place counts once for every window that holds it and
    not the word's place before: no window is looked at twice.
    """
    N = len(ids)
    if window > N:
        return None
    order = np.argsort(ids, kind="stable")
    before = np.full(N, -window, np.int64)  # the place where the same word stood last
    same = ids[order[1:]] == ids[order[:-1]]
    before[order[1:][same]] = order[:-1][same]
    place = np.arange(N)
    first, last = np.maximum(place - window + 1, 0), np.minimum(place, N - window)  # the windows' first places
    new = np.clip(last - np.maximum(first, before + 1) + 1, 0, None)
    return float(new.sum() / (N - window + 1) / window)


def dialogue_share(text: str) -> float:
    """The share of characters that stand in quotation marks of the kind that this text uses most.

    A quotation that is open at the end of a paragraph ends there, as the next one opens it anew.
    """
    opening, closing = max(QUOTES, key=lambda pair: min(text.count(pair[0]), text.count(pair[1])))
    if not (text.count(opening) and text.count(closing)):
        return 0.0
    shut = regex.escape(closing) + (r"(?!\p{L})" if closing == "’" else "")
    spoken = regex.compile(rf"{regex.escape(opening)}.*?(?:{shut}|\Z)", regex.DOTALL)
    inside = sum(len(match.group()) for one in PARAGRAPH.split(text) for match in spoken.finditer(one))
    return inside / len(text)
