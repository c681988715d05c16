"""The index of a training text's runs of words."""

from __future__ import annotations

import random

from janelm.reading.copied import RUN, copied_index, split_words

WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrst"]


def made(count: int, seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def test_every_run_of_the_text_is_in_it_and_hardly_any_other():
    text = made(3000, 0)
    index = copied_index(text)
    assert index.stride == 1 and index.holds(split_words(text)).all()
    strange = index.holds(split_words(made(20_000, 1)))
    assert strange.mean() < 5e-4  # by chance 1 in 15,000


def test_of_a_long_text_every_so_many_th_run_is_kept_and_a_longer_passage_is_found():
    words = split_words(made(3500, 0))
    index = copied_index(" ".join(words), most=2500)
    assert index.stride == 4 and len(index.filter) <= 2500
    for start in range(500, 540):
        assert index.holds(words[start : start + RUN + index.stride - 1]).any()


def test_case_and_the_kind_of_apostrophe_do_not_matter_and_letters_beyond_the_plane_do():
    index = copied_index("It isn’t the miller’s lamp, says 𝔉𝔯𝔞𝔲 Hill now.")
    assert index.holds(split_words("IT ISN'T THE MILLER'S LAMP, SAYS 𝔉𝔯𝔞𝔲 HILL NOW")).all()
    assert not index.holds(split_words("It isn't the miller's lamp, says 𝔉𝔯𝔞𝔫 Hill now")).any()


def test_a_text_of_a_few_words_has_an_index_without_any():
    index = copied_index("too short")
    assert not index.holds(split_words(made(50, 0))).any()
    assert not len(index.holds(["one"]))
