"""The language of a book by its letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janelm.writing.books import LANGUAGE
from janelm.writing.language import guess_language, written_from_right


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The miller looked at the lamp.", "en"),
        ("", "en"),
        ("1, 2, 3!", "en"),
        ("Мельник посмотрел на лампу. The lamp.", "ru"),
        ("春天来了，花园里的花都开了。", "zh"),
        ("粉屋さんはランプを見た。", "ja"),
        ("방앗간 주인이 등불을 보았다.", "ko"),
        ("הטוחן הביט במנורה", "he"),
        ("نظر الطحان إلى المصباح", "ar"),
        ("चक्की वाला दीपक देखता है", "hi"),
        ("คนโม่แป้งมองดูตะเกียง", "th"),
        ("Ο μυλωνάς κοίταξε τη λάμπα", "el"),
    ],
)
def test_the_script_tells_the_language(text, language):
    assert guess_language(text) == language


@given(st.text(max_size=60))
def test_any_text_has_a_language_that_is_a_code(text):
    assert LANGUAGE.fullmatch(guess_language(text))


def test_which_lines_begin_on_the_right():
    assert [written_from_right(code) for code in ("he", "ar-EG", "FA", "en", "arn")] == [True, True, True, False, False]
