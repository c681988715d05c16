"""Where the words and names of a text stand, and in which passages of it a model is asked about them.

A model reads slowly, and rare words are few. So passages are chosen in which many words stand that were met seldom yet:
each round takes those with most to tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..runs.loaded import LoadedRun
from ..text.tokenizers import Tokenizer
from .names import NO_NAMES, TITLES
from .parts import PartedText
from .words import WORD, normal

PEOPLE, PEOPLE_OF_A_BOOK, WORDS, LEAST = 300, 40, 1000, 10  # at most; and how often a word must stand in the text
PASSAGE, LEAD = 128, 32  # tokens of a passage, and those at its start that are read and not asked about
ROUNDS = 12
CAPITAL = 0.9  # share of its places in which a word that is a name has a capital

Kind = Literal["person", "name", "word"]


@dataclass(frozen=True)
class Entry:
    """A word, or somebody who is named in a book."""

    name: str
    kind: Kind
    count: int
    book: int
    """Where the person is named, or where the word is most at home: its number."""
    form: str
    """How it mostly stands in the text."""


@dataclass(frozen=True)
class Occurrences:
    """The places of all entries, in order of the text. Shapes: M places."""

    entries: list[Entry]
    begins: np.ndarray
    """(M,) int64."""
    ends: np.ndarray
    """(M,) int64; 0 for words, whose ends are looked up where they are wanted."""
    of: np.ndarray
    """Whose each is, (M,) int64."""


def find_occurrences(parted: PartedText, wanted: Iterable[str] = ()) -> Occurrences:
    """The people of the books and the commonest words, with those that are wanted. What is part of somebody's name is
    no word: "Darcy" is Mr. Darcy."""
    people, places, ends = _people(parted)
    of = np.repeat(np.arange(len(people)), [len(one) for one in places])
    begins = np.concatenate([np.zeros(0, np.int64), *map(np.array, places)]).astype(np.int64)
    closes = np.concatenate([np.zeros(0, np.int64), *map(np.array, ends)]).astype(np.int64)
    order = np.argsort(begins, kind="stable")
    begins, closes, of = begins[order], closes[order], of[order]
    words = parted.words
    mention = np.searchsorted(begins, words.places, side="right") - 1
    free = (mention < 0) | (np.append(closes, 0)[mention] <= words.places)
    counts = np.bincount(words.ids[free], minlength=len(words.vocabulary))
    asked = {words.id_of[word] for word in map(normal, wanted) if word in words.id_of and counts[words.id_of[word]]}
    common = [int(i) for i in np.argsort(-counts, kind="stable")[:WORDS] if counts[i] >= LEAST]
    chosen = [*common, *sorted(asked - set(common))]
    number = np.full(len(words.vocabulary), -1)
    number[chosen] = len(people) + np.arange(len(chosen))
    kept = free & (number[words.ids] >= 0)
    entries = [*people, *_words(parted, chosen, counts, words.places[kept], number[words.ids[kept]] - len(people))]
    begins = np.concatenate((begins, words.places[kept]))
    order = np.argsort(begins, kind="stable")
    closes = np.concatenate((closes, np.zeros(int(kept.sum()), np.int64)))
    return Occurrences(entries, begins[order], closes[order], np.concatenate((of, number[words.ids[kept]]))[order])


def _people(parted: PartedText) -> tuple[list[Entry], list[list[int]], list[list[int]]]:
    """Those who are named most, with where they are; who has a namesake in another book is called by the book too."""
    every = [(person, book) for book, some in enumerate(parted.people) for person in some[:PEOPLE_OF_A_BOOK]]
    every = sorted(every, key=lambda one: -one[0].count)[:PEOPLE]
    often = Counter(person.name for person, _ in every)
    titles = [book.title for book in parted.books]
    named = [f"{one.name} ({titles[book]})" if often[one.name] > 1 else one.name for one, book in every]
    entries = [
        Entry(name, "person", one.count, book, next(iter(one.forms)))
        for name, (one, book) in zip(named, every, strict=True)
    ]
    return entries, [one.places for one, _ in every], [one.ends for one, _ in every]


def _words(
    parted: PartedText, chosen: list[int], counts: np.ndarray, places: np.ndarray, of: np.ndarray
) -> list[Entry]:
    """The entries of these words, which stand at these places; those that always have a capital are names."""
    text, words = parted.text, parted.words
    capital = np.fromiter((text[place].isupper() for place in places.tolist()), bool, len(places))
    often = np.maximum(1, np.bincount(of, minlength=len(chosen)))
    share = np.bincount(of, weights=capital, minlength=len(chosen)) / often
    books = np.stack([words.counts(book.begin, book.end)[chosen] for book in parted.books])
    home = (books / np.maximum(1, books.sum(1, keepdims=True))).argmax(0)
    entries = []
    for place, number in enumerate(chosen):
        word = words.vocabulary[number]
        title = word.capitalize()
        is_name = share[place] > CAPITAL and title not in NO_NAMES and title not in TITLES
        name, kind = (title, "name") if is_name else (word, "word")
        entries.append(Entry(name, kind, int(counts[number]), int(home[place]), name))  # type: ignore[arg-type]
    return entries


@dataclass(frozen=True)
class Passage:
    """A passage as a model reads it, and which of its tokens belong to whom. Shapes: T tokens, M places in it."""

    tokens: np.ndarray
    """(T,) int64."""
    lead: int
    """How many at its start are read and not asked about."""
    first: np.ndarray
    """The first token of each place, (M,) int64, and the last one."""
    last: np.ndarray
    of: np.ndarray
    """Whose place it is, (M,) int64."""


def read_passages(run: LoadedRun, text: str, found: Occurrences, budget: int) -> list[Passage]:
    """Passages of about `budget` tokens in all, chosen so that each entry is met, the rare ones too."""
    T = min(PASSAGE, run.config.model.context_length)
    lead = T * LEAD // PASSAGE
    some = text[: 1 << 16]
    width = max(8, int(len(some) / max(1, len(run.tokenizer.encode(some))) * T))  # characters of a passage
    step = width - width * lead // T
    number = max(1, min(budget // T, len(text) // step))
    starts = step * _chosen((found.begins - (width - step)) // step, found.of, len(found.entries), number)
    return [_passage(run.tokenizer, text[start : start + width], found, start, T, lead) for start in starts.tolist()]


def _chosen(passage_of: np.ndarray, of: np.ndarray, entries: int, number: int) -> np.ndarray:
    """The numbers of so many passages, in their order, from which passage each place is in and whose it is."""
    inside = passage_of >= 0
    passage_of, of = passage_of[inside], of[inside]
    seen = np.zeros(entries)
    chosen = np.zeros(0, np.int64)
    total = int(passage_of.max(initial=0)) + 1
    for part in np.array_split(np.arange(number), ROUNDS):
        gain = np.bincount(passage_of, weights=1 / (1 + seen[of]), minlength=total)
        gain[chosen] = -1
        new = np.argsort(-gain, kind="stable")[: len(part)]
        seen += np.bincount(of[np.isin(passage_of, new)], minlength=entries)
        chosen = np.concatenate((chosen, new))
    return np.unique(chosen)


def _passage(tokenizer: Tokenizer, piece: str, found: Occurrences, start: int, T: int, lead: int) -> Passage:
    """The passage that a piece of the text is, which begins at `start`."""
    tokens = tokenizer.encode(piece)
    ends = token_ends(tokenizer, piece, tokens)[:T]
    tokens = tokens[:T]
    low, high = np.searchsorted(found.begins, (start, start + len(piece)))
    begins, closes = found.begins[low:high] - start, found.ends[low:high] - start
    missing = np.flatnonzero(found.ends[low:high] == 0)
    closes[missing] = [_end(piece, place) for place in begins[missing].tolist()]
    inside = closes < len(piece)  # what ends with the passage may be cut
    begins, closes, of = begins[inside], closes[inside], found.of[low:high][inside]
    if not piece.isascii():
        places = np.cumsum([0, *(len(character.encode("utf-8", "replace")) for character in piece)])
        begins, closes = places[begins], places[closes]
    first, last = np.searchsorted(ends, begins, side="right"), np.searchsorted(ends, closes - 1, side="right")
    kept = (first >= max(1, lead)) & (last < len(tokens))
    return Passage(tokens, max(1, lead), first[kept], last[kept], of[kept])


def token_ends(tokenizer: Tokenizer, text: str, tokens: np.ndarray) -> np.ndarray:
    """Where each token of a text ends, in bytes from its start: (T,) int64."""
    if tokenizer.unknown_token is not None:  # a token for each character
        return np.cumsum([len(character.encode("utf-8", "replace")) for character in text], dtype=np.int64)
    return np.cumsum([len(tokenizer.vocabulary[token]) for token in tokens.tolist()], dtype=np.int64)


def _end(piece: str, place: int) -> int:
    match = WORD.match(piece, place)
    return match.end() if match else place + 1
