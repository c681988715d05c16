"""Words and sentences of a text, cut as the page cuts them too (web/read/words.js), and what is counted of them."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import regex

# A run of letters, apostrophes inside it included; of scripts without blanks, a character.
_UNSPACED = r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}"
WORD = regex.compile(rf"[{_UNSPACED}]|[\p{{L}}\p{{M}}]+(?:['’][\p{{L}}\p{{M}}]+)*")
POSSESSIVE = regex.compile(r"'s$")
# After a stop and what closes a quotation, where white space and what begins a sentence follow; or at a blank line.
_END = regex.compile(
    r"(?<=[.!?…]['\"”’»)\]_]*)\s+(?=['\"“‘«(\[_—-]*[\p{Lu}\p{Lo}\d])|\n[ \t]*\n\s*|(?<=[。！？]」?)\s*"
)
_LAST = regex.compile(r"([\p{L}\p{M}]+)\.$")


def listed(words: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(words.split())


ABBREVIATIONS = listed("mr mrs ms dr st messrs esq capt col gen lieut rev hon prof jr sr vol no etc viz mme mlle hr fr")


# English words of four letters and more that mean little by themselves.
FUNCTION_WORDS = listed(
    "that this these those there then than them they their theirs themselves with within without have having been "
    "being were from into onto upon over under about above below after before again against while when whenever "
    "where wherever what whatever which whom whose will would shall should could might must cannot ought very "
    "much more most many some such same other another each every both either neither only even ever never your "
    "yours yourself mine ours himself herself itself myself also just because though although through during "
    "until till since here does doing done make made quite rather indeed perhaps soon still always almost away "
    "down back well know knew once like "
)


def normal(word: str) -> str:
    """A word as it is counted: small letters, a plain apostrophe, and no 's at its end.

    >>> normal("Emma’s"), normal("Don't")
    ('emma', "don't")
    """
    return POSSESSIVE.sub("", word.replace("’", "'").lower())


@dataclass(frozen=True)
class Words:
    """The words of a text."""

    places: np.ndarray
    """Where each begins in the text, (N,) int64."""
    ids: np.ndarray
    """Which each is, (N,) int32, places in `vocabulary`."""
    vocabulary: list[str]
    """The different words, as `normal` has them, in the order in which they are met."""

    @cached_property
    def id_of(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.vocabulary)}

    def within(self, begin: int, end: int) -> np.ndarray:
        """The ids of the words from place `begin` of the text to before `end`."""
        first, last = np.searchsorted(self.places, (begin, end))
        return self.ids[first:last]

    def counts(self, begin: int = 0, end: int | None = None) -> np.ndarray:
        """How often each word of the vocabulary stands in a part of the text, (V,) int64."""
        found = self.ids if end is None else self.within(begin, end)
        return np.bincount(found, minlength=len(self.vocabulary))


def cut_words(text: str) -> Words:
    """All words of a text."""
    numbers: dict[str, int] = {}
    of_form: dict[str, int] = {}
    places, ids = array("q"), array("i")  # a list would take ten times the memory
    for match in WORD.finditer(text):
        form = match.group()
        number = of_form.get(form)
        if number is None:
            number = of_form[form] = numbers.setdefault(normal(form), len(numbers))
        places.append(match.start())
        ids.append(number)
    return Words(np.array(places, np.int64), np.array(ids, np.int32), list(numbers))


def sentence_bounds(text: str) -> list[int]:
    """Where the sentences of a text begin, and its end: each place is after white space.

    A stop after an abbreviation (Mr., Dr., Col.) or an initial ends none.

    >>> text = "Mr. Bennet rose. 'Who is it?' he said."
    >>> [text[a:b] for a, b in itertools.pairwise(sentence_bounds(text))]
    ['Mr. Bennet rose. ', "'Who is it?' he said."]
    """
    bounds = [0]
    for match in _END.finditer(text):
        before = _LAST.search(text, max(bounds[-1], match.start() - 12), match.start())
        if before and ((len(before[1]) == 1 and before[1] != "I") or before[1].lower() in ABBREVIATIONS):
            continue
        if text[bounds[-1] : match.start()].strip():
            bounds.append(match.end())
    if text[bounds[-1] :].strip() or len(bounds) == 1:
        bounds.append(len(text))
    else:
        bounds[-1] = len(text)
    return bounds


def is_english(text: str) -> bool:
    """Whether it is English by the share of its commonest words."""
    some = Counter(normal(match.group()) for match in WORD.finditer(text[:200_000]))
    share = sum(some[word] for word in ("the", "and", "of", "to", "is", "was", "in", "that"))
    return share > 0.1 * some.total()
