"""PDF: columns, paragraphs, running heads, and letters from right to left."""

import io

import pytest
from text.readers import files
from text.readers.files import source

from janelm.errors import JaneLMError
from janelm.text.cleaning import clean


def test_a_pdf_has_its_paragraphs_again_without_heads_numbers_and_hyphens():
    read = source("a.pdf", files.pdf())
    assert "MILL" not in read.text and "- 2 -" not in read.text
    paragraphs = read.text.strip().split("\n\n")
    assert len(paragraphs) == 8 and all(p[-5:] == "ends." for p in paragraphs)
    assert "a word that is parted at the end of it. Then the owl ends." in paragraphs[0]
    assert "8 running heads" in " ".join(read.report) and "joined 4 words" in " ".join(read.report)


def drawn(*pages: list[tuple[float, float, str]], size: float = 10) -> bytes:
    """A PDF with text at places of each page, in millimetres."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.pdfgen.canvas import Canvas

    made = io.BytesIO()
    canvas = Canvas(made, A4)
    for page in pages:
        canvas.setFont("Times-Roman", size)
        for x, y, text in page:
            canvas.drawString(x * mm, A4[1] - y * mm, text)
        canvas.showPage()
    canvas.save()
    return made.getvalue()


COLUMN = [
    "Der Garten lag still, während sie den lan-",
    "gen Brief las. Dann ging sie hinein und er-",
    "zählte ihrer Schwester alles davon.",
    "    Nobody had wished for a well-known",
    "letter, said the old owl of the whole wide place.",
    "And that was all of it.",
]


def test_two_columns_are_read_one_after_the_other_though_they_were_set_row_by_row():
    """Under a title and above a line that both go across, with a running head that changes sides."""
    pages = []
    words = ["early", "late", "dry"]
    for number, word in enumerate(words, 1):
        rows = [
            (15 + 80 * (number % 2), 10, f"GARDENS  {number}"),
            (15, 25, f"A title of {word} gardens that goes across both of the columns"),
        ]
        for row, line in enumerate(COLUMN):
            indent = 4 * line.startswith(" ")
            rows += [
                (15 + indent, 35 + 5 * row, line.strip()),
                (110 + indent, 35 + 5 * row, line.strip().replace("owl", "fox")),
            ]
        pages.append(
            [
                *rows,
                (
                    15,
                    75,
                    f"A line below, about {word} gardens, which is as long as both columns are together, no less.",
                ),
            ]
        )
    read = source("two.pdf", drawn(*pages))
    first, second = (
        [
            "Der Garten lag still, während sie den langen Brief las. Dann ging sie hinein und erzählte "
            "ihrer Schwester alles davon.",
            f"Nobody had wished for a well-known letter, said the old {animal} of the whole wide place. "
            "And that was all of it.",
        ]
        for animal in ("owl", "fox")
    )
    expected = []
    for word in words:
        expected += [f"A title of {word} gardens that goes across both of the columns", *first, *second]
        expected.append(f"A line below, about {word} gardens, which is as long as both columns are together, no less.")
    assert read.text.strip().split("\n\n") == expected
    assert "left out 3 running heads" in " ".join(read.report)


def test_a_number_that_counts_no_pages_and_a_line_that_returns_once_stay():
    pages = [
        [(15, 20, head), *((15, 30 + 5 * row, f"{line} {head}") for row, line in enumerate(COLUMN))]
        for head in ("7", "1984", "mix")
    ]
    text = source("years.pdf", drawn(*pages)).text
    assert text.startswith("7") and "1984" in text.split() and "mix" in text.split()


def test_a_hyphen_stays_in_a_word_that_has_one_elsewhere():
    rows = [
        "It was a well-known letter of the old garden there.",
        "Nobody had wished for it, for it was well-",
        "known to all of them who had read it there.",
    ]
    text = source("a.pdf", drawn([(15, 20 + 5 * row, line) for row, line in enumerate(rows)])).text
    assert text.count("well-known") == 2


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        (["םיצעה 12 לעו garden-ה לע ,םיה לא הכלה הדליהו", ".(דואמ ךורא) התוחא לא"],
         "והילדה הלכה אל הים, על ה-garden ועל 12 העצים אל אחותה (ארוך מאוד).\n"),
        (["".join(reversed("וְהַשֶּׁמֶשׁ שָׁקְעָה."))], "וְהַשֶּׁמֶשׁ שָׁקְעָה.\n"),
        (["ﺔﻨﺴﻟا ﻲﻓ 12.5% ،ﺎﻬﻧﻷ ﺐﺘﻛ"], "كتب لأنها، 12.5% في السنة\n"),
        (["An old word, םולש, for all of those who came."], "An old word, שלום, for all of those who came.\n"),
    ],
)  # fmt: skip
def test_letters_of_a_pdf_from_right_to_left_stand_as_they_are_read(shown, read):
    """They used to stand as they are drawn, from left to right: whole books backwards."""
    assert source("a.pdf", files.pdf_as_shown(shown)).text == clean(read)[0]


def test_the_lines_of_a_poem_stay():
    verse = ["Rain on the wall,", "a letter for all,", "nobody there", "to climb up the stair."]
    rows = [(30, 20 + 30 * stanza + 5 * row, line) for stanza in range(3) for row, line in enumerate(verse)]
    assert source("poem.pdf", drawn(rows)).text == "\n\n".join(["\n".join(verse)] * 3) + "\n"


def test_a_part_of_a_pdf_that_unpacks_to_too_much_is_refused(monkeypatch):
    from janelm.text.readers import pdf

    raw = drawn([(15, 20 + row / 10, "One line of many that are all the same.") for row in range(2000)])
    assert source("long.pdf", raw).text
    monkeypatch.setattr(pdf, "STREAM", 10_000)
    with pytest.raises(JaneLMError, match="unpacks to more than"):
        source("long.pdf", raw)


def test_a_locked_or_scanned_pdf_is_one_clear_sentence():
    from reportlab.pdfgen.canvas import Canvas

    for password, said in ((None, "scan"), ("y", "locked with a password")):
        made = io.BytesIO()
        canvas = Canvas(made, encrypt=password)
        canvas.showPage()
        canvas.save()
        with pytest.raises(JaneLMError, match=said):
            source("a.pdf", made.getvalue())
