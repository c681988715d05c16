"""Words, sentences and parts of a text, and what is measured of them; texts are made by hand so that one can count."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from janelm.reading.keyness import dispersion, key_words, log_odds, repeated_phrases, tf_idf
from janelm.reading.measures import dialogue_share, measure_part, moving_ratio
from janelm.reading.parts import part_text
from janelm.reading.sentiment import moving_mean, sentence_feelings
from janelm.reading.words import cut_words, is_english, sentence_bounds
from janelm.text.corpora import load_sources
from janelm.text.sources import Source


def sentences(text: str) -> list[str]:
    return [text[begin:end].strip() for begin, end in pairwise(sentence_bounds(text))]


def words(text: str) -> list[str]:
    found = cut_words(text)
    return [found.vocabulary[number] for number in found.ids]


def test_words_have_small_letters_and_plain_apostrophes_and_no_possessive():
    assert words("Emma’s don't; ROCK-hard, d’Arcy 42 _so_") == ["emma", "don't", "rock", "hard", "d'arcy", "so"]
    assert words("你好 Мир") == ["你", "好", "мир"]


def test_the_places_of_words_are_where_they_begin():
    text = "One  two\nthree"
    assert [text[place] for place in cut_words(text).places] == ["O", "t", "t"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Hill came. He sat.", ["Mr. Hill came.", "He sat."]),
        ("'Who?' he asked. “No!” She ran.", ["'Who?' he asked.", "“No!”", "She ran."]),
        ("By J. Hill. So I did. Then", ["By J. Hill.", "So I did.", "Then"]),
        ("A heading\n\nA sentence", ["A heading", "A sentence"]),
        ("It cost 3.50 then... or so", ["It cost 3.50 then... or so"]),
        ("他来了。她走了。", ["他来了。", "她走了。"]),
    ],
)
def test_a_sentence_ends_where_a_reader_says_so(text, expected):
    assert sentences(text) == expected


@given(st.text('aB.?! \n"”Mr'))
def test_sentences_are_all_of_a_text(text):
    bounds = sentence_bounds(text)
    assert bounds[0] == 0 and bounds[-1] == len(text) and all(a <= b for a, b in pairwise(bounds))


def naive_ratio(ids: list[int], window: int) -> float:
    windows = [ids[start : start + window] for start in range(len(ids) - window + 1)]
    return sum(len(set(one)) / window for one in windows) / len(windows)


@given(st.lists(st.integers(0, 5), min_size=4, max_size=60), st.integers(2, 4))
def test_moving_ratio_is_the_mean_over_all_windows(ids, window):
    assert moving_ratio(np.array(ids), window) == pytest.approx(naive_ratio(ids, window))


def test_density_does_not_fall_with_length_and_a_short_text_has_none():
    once = np.random.default_rng(0).integers(0, 300, 2000)
    assert moving_ratio(np.tile(once, 5)) == pytest.approx(moving_ratio(once), abs=0.01)
    assert moving_ratio(once[:499]) is None


def test_measures_of_a_text_that_one_can_count():
    """LIX is what textstat 0.7.13 says of this text: 37.91228070175438."""
    text = (
        "The cat sat on the mat. It was a sunny day, and everyone was happily outside! "
        "Extraordinary circumstances prevailed."
    )
    found = measure_part(text, cut_words(text), np.array(sentence_bounds(text)), 0, len(text))
    assert (found.words, found.vocabulary, found.sentences) == (19, 17, 3)
    assert found.lix == pytest.approx(37.91228070175438)
    assert found.sentence_words == pytest.approx(19 / 3) and found.sentence_quartiles[1] == 6
    letters = sum(character.isalpha() for character in text)
    assert found.ari == pytest.approx(4.71 * letters / 19 + 0.5 * 19 / 3 - 21.43)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ('"ab" cdef', 4 / 9),
        ("no quotation", 0),
        ("", 0),
        ("“abc", 0),  # no kind that also closes
        ('"ab\n\n"cd" efgh', 7 / 14),  # the first is open at the end of its paragraph
        ("‘don’t’ abc", 7 / 11),
    ],
)
def test_dialogue_is_what_stands_in_the_quotation_marks_that_the_text_uses(text, share):
    assert dialogue_share(text) == pytest.approx(share)


def test_log_odds_finds_the_words_of_a_part_and_not_the_common_ones():
    text = "the cat the cat the cat the cat the cat " * 9 + "the dog the dog the dog the dog the dog " * 9
    found, half = cut_words(text), len("the cat " * 5) * 9
    part, whole = found.counts(0, half), found.counts()
    assert [word.word for word in key_words(found, part, log_odds(part, whole))] == ["cat"]
    scores = tf_idf(np.stack([part, whole - part]))
    assert scores[0, found.id_of["the"]] == 0 and scores[0, found.id_of["cat"]] == pytest.approx(500 * np.log(2))


@given(st.lists(st.text("abc DÉé.,\n", max_size=60), min_size=2, max_size=5))
def test_words_are_counted_and_weighed_as_scikit_learn_does(parts):
    """Its TF-IDF adds one to the log, and ours counts per thousand words."""
    found, begins = cut_words("\n\n".join(parts)), np.cumsum([0] + [len(part) + 2 for part in parts])
    assume(found.vocabulary)
    ours = np.stack([found.counts(*place) for place in pairwise(begins.tolist())])
    how = {"token_pattern": r"\w+", "vocabulary": found.vocabulary}
    assert (CountVectorizer(**how).fit_transform(parts).toarray() == ours).all()
    theirs = TfidfVectorizer(**how, norm=None, smooth_idf=False).fit_transform(parts).toarray() - ours
    np.testing.assert_allclose(tf_idf(ours), 1000 * theirs / np.maximum(1, ours.sum(1, keepdims=True)), atol=1e-9)


def test_dispersion_is_0_for_an_even_word_and_1_for_one_in_a_single_place():
    even = np.ones(4)
    assert dispersion(even * 5, even) == 0
    assert dispersion(np.array([8, 0, 0, 0]), even) == pytest.approx(1)


def test_a_phrase_is_listed_once_and_not_for_its_shorter_parts():
    text = " ".join(f"so it is with every one of us {chr(97 + i)}{chr(98 + i)}{chr(99 + i)}." for i in range(6))
    assert repeated_phrases(cut_words(text)) == [("so it is with every one of us", 6)]


def test_feelings_have_the_sign_that_a_reader_gives_them():
    text = "I love this happy house. I hate this horrible, cruel place. The table is square."
    good, bad, none = sentence_feelings(text, sentence_bounds(text)).tolist()
    assert good > 50 and bad < -50 and none == 0


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=30), st.integers(1, 9))
def test_a_moving_mean_takes_what_there_is_at_the_ends(values, span):
    found = moving_mean(np.array(values), span)
    for place in range(len(values)):
        around = values[max(0, place - span // 2) : place + (span + 1) // 2]
        assert found[place] == pytest.approx(sum(around) / len(around))


def test_english_is_known_by_its_commonest_words():
    assert is_english("The cat is in the house, and it was of no use to the dog that was there.")
    assert not is_english("Die Katze ist in dem Haus, und der Hund sitzt vor der Tür und wartet auf sie.")


def titles(text: str, name: str = "my_book.txt") -> list[tuple[str, list[str]]]:
    found = part_text([Source(name, text)])
    return [(book.title, [chapter.title for chapter in book.chapters]) for book in found.books]


BODY = "It was a long and quiet evening in the old house by the river, as ever.\n"


def test_a_text_without_headings_is_one_book_named_after_its_file():
    assert titles(BODY * 3) == [("my book", [])]


def test_chapters_are_found_and_volumes_name_them():
    text = "".join(f"{heading}\n\n{BODY}\n\n" for heading in ("VOLUME I", "CHAPTER I", "CHAPTER II", "VOLUME II", "I"))
    assert titles(text) == [("my book", ["Volume I, chapter I", "Volume I, chapter II", "Volume II, chapter I"])]


def test_a_table_of_contents_begins_no_chapters():
    text = f"Chapter 1\nChapter 2\n\nChapter 1\n\n{BODY}\n\nChapter 2\n\n{BODY}"
    assert titles(text) == [("my book", ["Chapter 1", "Chapter 2"])]


def test_several_books_in_one_text_are_found_by_who_wrote_them():
    text = f"THE OLD MILL\n\nby Ann Hill\n\n(1811)\n\n{BODY * 2}\n\nTHE END\n\n\nTHE RIVER\n\n\nBy Ann Hill\n\n{BODY}"
    assert titles(text) == [("The Old Mill", []), ("The River", [])]


def test_a_line_that_goes_on_with_by_is_no_title():
    text = f'{BODY}\n"You surprise me; it must have escaped her memory\nby this time."\n\n{BODY}'
    assert titles(text) == [("my book", [])]


def test_files_are_books_and_titled_documents_too():
    found = part_text([Source("a.txt", BODY), Source("b.txt", BODY)])
    assert [(book.title, book.begin) for book in found.books] == [("a", 0), ("b", len(BODY) + 2)]
    assert found.text[found.books[1].begin :] == BODY
    assert titles("<Genesis>\tIn it.\n<Genesis>\tSo.\n<Exodus>\tOut.\n") == [("Genesis", []), ("Exodus", [])]


def test_markdown_headings_are_books_and_chapters():
    text = f"# Alpha\n\n## One\n\n{BODY}\n## Two\n\n{BODY}\n# Beta\n\n{BODY}"
    assert titles(text) == [("Alpha", ["One", "Two"]), ("Beta", [])]


@pytest.mark.needs("novels")
def test_the_six_novels_come_out_by_themselves():
    found = part_text(load_sources(("austen",))).books
    assert [(book.title, len(book.chapters)) for book in found] == [
        ("Sense and Sensibility", 50),
        ("Pride and Prejudice", 61),
        ("Mansfield Park", 48),
        ("Emma", 55),
        ("Northanger Abbey", 31),
        ("Persuasion", 24),
    ]
