"""Who is named in a text, and where: by capitals in the middle of sentences, titles, and what stands around a name.

Made for English, where names alone have capitals, and of use wherever that is so. No list of first names is needed:

1. A word is a name where it stands with a capital inside sentences and hardly ever without one.
2. A mention is a title and names, or names alone: "Mr. Darcy", "Lady Catherine de Bourgh", "Elizabeth".
3. A name alone joins the titled or full one that it most often belongs to: "Darcy" is Mr. Darcy. Where titles share
   it (Mr., Mrs. and Miss Bennet) they stay apart. "Elizabeth Bennet" joins "Elizabeth".
4. It is a person if it has a title, speaks, owns or acts; and a place if prepositions of place stand before it.

Each book has people of its own. What this cannot know (that Lizzy is Elizabeth) the reader of the page joins by hand.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import regex

from .words import listed

TITLES = listed(
    "Mr Sir Lord Captain Capt Colonel Col Admiral General Major Lieutenant Reverend Rev Dr Doctor Uncle King Prince "
    "Count Father Mrs Miss Lady Madame Mme Mademoiselle Aunt Queen Princess Countess Ms Madam Sister"
)
_TITLE = "|".join(sorted(TITLES))
_NAME = rf"(?!(?:{_TITLE})\b)" + r"\p{Lu}[\p{L}\p{M}]*(?:['’]\p{Lu}\p{L}+)?(?:-\p{Lu}\p{L}+)?"
OF = ("de", "von", "van", "da", "del", "la")
MENTION = regex.compile(
    rf"\b(?:(?P<title>{_TITLE})\b\.?\s+)?(?P<names>{_NAME}(?:\s+(?:{'|'.join(OF)})\s+{_NAME}|[ \n]{_NAME})*)"
)
INSIDE = regex.compile(rf"(?<=[\p{{Ll}},;][ \n]){_NAME}")
BETWEEN_BLANKS = regex.compile(r"\S+")
SMALL = regex.compile(r"(?<![\p{L}'’])\p{Ll}+")
SPEAKS = listed("said cried replied answered exclaimed asked returned continued added whispered observed thought")
ACTS = listed("was had is has did could would felt saw knew looked came went took smiled turned began must will should")
BEFORE_PLACES = listed("at in near from to of into through towards for leave left reach the The")
NO_NAMES = listed(
    "I O God Lord Heaven Providence Christmas Easter Michaelmas January February March April May June July August "
    "September October November December Monday Tuesday Wednesday Thursday Friday Saturday Sunday English French "
    "German Italian Irish Scotch Spanish American Chapter Volume Book Part The End Finis"
)
LEAST, MOST, SHARE = 5, 60, 0.9
NEAR = 2  # words around a name that show what it is


@dataclass
class Person:
    """Somebody who is named in a book."""

    name: str
    forms: dict[str, int]
    """How they are named, and how often."""
    places: list[int] = field(default_factory=list)
    """Where in the text, in order."""
    ends: list[int] = field(default_factory=list)
    """Where each of these ends."""

    @property
    def count(self) -> int:
        return len(self.places)


@dataclass(frozen=True)
class _Mention:
    title: str
    names: tuple[str, ...]
    place: int
    end: int = 0

    @property
    def form(self) -> str:
        dot = "." if self.title in ("Mr", "Mrs", "Dr", "Col", "Capt", "Rev") else ""
        return " ".join([*([self.title + dot] if self.title else []), *self.names])


def find_people(text: str, begin: int = 0, end: int | None = None) -> list[Person]:
    """The people of the part of a text from `begin` to before `end`, the most often named first."""
    end = len(text) if end is None else end
    mentions = _mentions(text, begin, end)
    groups: dict[str, list[_Mention]] = defaultdict(list)
    key_of = _joined(mentions)
    for mention in mentions:
        groups[key_of[mention.form]].append(mention)
    mentions_of = Counter(mention.names[-1] for mention in mentions)
    people = []
    for key, group in groups.items():
        if len(group) >= LEAST and not _is_family(group[0], mentions_of) and _is_person(text, group):
            forms = Counter(mention.form for mention in group)
            places, ends = [one.place for one in group], [one.end for one in group]
            people.append(Person(_called(key, forms), dict(forms.most_common()), places, ends))
    return sorted(people, key=lambda person: -person.count)[:MOST]


def name_words(text: str, begin: int, end: int) -> set[str]:
    """The words that are names there: with a capital inside sentences, and hardly ever without."""
    inside = Counter(match.group() for match in INSIDE.finditer(text, begin, end))
    small = Counter(match.group() for match in SMALL.finditer(text, begin, end))
    found = set()
    for word, count in inside.items():
        if word in NO_NAMES or word.strip(".") in TITLES or (word == word.upper() and len(word) > 1):
            continue
        if count >= 2 and count > SHARE * (count + small[word.lower()]):
            found.add(word)
    return found


def _mentions(text: str, begin: int, end: int) -> list[_Mention]:
    known, found = name_words(text, begin, end), []
    for match in MENTION.finditer(text, begin, end):
        title = match["title"] or ""
        words = [(one.group(), *one.span()) for one in BETWEEN_BLANKS.finditer(text, *match.span("names"))]
        while words and words[0][0] not in known and not title:  # "But Emma", at the start of a sentence
            words = words[1:]
        kept = 0
        for word, _, _ in words:
            if not (word in known or (word in OF and kept) or (title and not kept)):
                break
            kept += 1
        if kept and not (title and words[0][0] in NO_NAMES):
            start = match.start() if title else words[0][1]
            found.append(_Mention(title, tuple(word for word, _, _ in words[:kept]), start, words[kept - 1][2]))
    return found


def _joined(mentions: list[_Mention]) -> dict[str, str]:
    """The form that stands for each form of a name."""
    forms = Counter(mention.form for mention in mentions)
    of = {mention.form: mention for mention in mentions}
    titled: dict[str, Counter[str]] = defaultdict(Counter)  # by the last name, the forms with a title
    full: dict[str, Counter[str]] = defaultdict(Counter)  # by the first name, the full forms
    for form, count in forms.items():
        mention = of[form]
        if mention.title:
            titled[mention.names[-1]][form] += count
        elif len(mention.names) > 1:
            full[mention.names[0]][form] += count
    firsts = {names for names in full if forms[names] >= max(LEAST, sum(full[names].values()))}
    key = {}
    for form, mention in of.items():
        first, last = mention.names[0], mention.names[-1]
        key[form] = form
        if len(mention.names) > 1 and not mention.title and first in firsts:
            key[form] = first
        elif len(mention.names) > 1 and mention.title and full[first][" ".join(mention.names)] >= LEAST:
            key[form] = first if first in firsts else " ".join(mention.names)
        elif len(mention.names) > 1 and mention.title:
            # Lady Catherine de Bourgh is Lady Catherine, Miss Elizabeth Bennet is Elizabeth.
            short = _Mention(mention.title, mention.names[:1], 0).form
            key[form] = short if forms[short] >= LEAST else first if first in firsts else form
        elif len(mention.names) == 1 and not mention.title and titled[last] and first not in firsts:
            best, count = titled[last].most_common(1)[0]
            if count > 0.6 * titled[last].total() and count >= 3:
                key[form] = best
        elif form == first and full[first] and first not in firsts:
            key[form] = _alone(first, full[first])
    return {form: key.get(other, other) for form, other in key.items()}


def _alone(first: str, full: Counter[str]) -> str:
    """The full form that a first name alone belongs to, where it is seldom alone: Frank is Frank Churchill."""
    best, count = full.most_common(1)[0]
    return best if count > 0.6 * full.total() and count >= LEAST else first


def _called(key: str, forms: Counter[str]) -> str:
    """The name that a list shows: the full one of somebody who is called by the first name, else the commonest."""
    longer = Counter({form: count for form, count in forms.items() if form.startswith(f"{key} ")})
    best, count = longer.most_common(1)[0] if longer else (key, 0)
    return best if count >= 3 and count > 0.8 * longer.total() else key  # Charles may be Hayter or Musgrove


def _is_family(mention: _Mention, mentions_of: Counter[str]) -> bool:
    """Whether it is the plural of a name: the Crofts, the Miss Dashwoods."""
    last = mention.names[-1]
    return (
        last.endswith("s") and mentions_of[last.removesuffix("s").removesuffix("e")] + mentions_of[last[:-1]] >= LEAST
    )


def _is_person(text: str, group: list[_Mention]) -> bool:
    if any(mention.title for mention in group):
        return True
    speaks = acts = placed = 0
    for mention in group:
        before = text[max(0, mention.place - 30) : mention.place].split()[-1:]
        end = mention.place + len(mention.form)
        after = regex.sub(r"^[,.;:\"”’s]+", "", text[end : end + 40]).split()[:NEAR]
        speaks += bool({*before, *after} & SPEAKS)
        acts += bool(set(after[:1]) & ACTS)
        placed += bool(set(before) & BEFORE_PLACES)
    return speaks + acts > 0.06 * len(group) and placed < 0.55 * len(group)
