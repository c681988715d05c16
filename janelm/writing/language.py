"""The language that a text is most likely in, by its letters alone."""

from __future__ import annotations

import unicodedata
from collections import Counter

# By the first word of a letter's Unicode name: the language that most texts in this script are in.
LANGUAGES = {
    "CJK": "zh",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "HEBREW": "he",
    "ARABIC": "ar",
    "CYRILLIC": "ru",
    "GREEK": "el",
    "ARMENIAN": "hy",
    "GEORGIAN": "ka",
    "DEVANAGARI": "hi",
    "BENGALI": "bn",
    "GURMUKHI": "pa",
    "GUJARATI": "gu",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "SINHALA": "si",
    "THAI": "th",
    "LAO": "lo",
    "KHMER": "km",
    "MYANMAR": "my",
    "TIBETAN": "bo",
    "ETHIOPIC": "am",
    "MONGOLIAN": "mn-Mong",
}
KANA = 0.05  # of the letters, from which Chinese characters are Japanese
LETTERS = 10_000  # that are looked at
RIGHT_TO_LEFT = ("ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi")


def guess_language(text: str) -> str:
    """A BCP 47 code: the commonest language of the script that most letters belong to, `en` for Latin ones.

    >>> guess_language("春天来了"), guess_language("Мельник и лампа"), guess_language("The miller")
    ('zh', 'ru', 'en')
    """
    letters = [character for character in text if character.isalpha()][:LETTERS]
    found = Counter(LANGUAGES.get(unicodedata.name(letter, "").split(" ")[0], "en") for letter in letters)
    if not found:
        return "en"
    if found["ja"] > KANA * len(letters) and found["ja"] + found["zh"] > len(letters) / 2:
        return "ja"
    return found.most_common(1)[0][0]


def written_from_right(language: str) -> bool:
    """Whether a BCP 47 code is of a language whose lines begin on the right."""
    return language.lower().split("-")[0] in RIGHT_TO_LEFT
