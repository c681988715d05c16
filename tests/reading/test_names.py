"""Who is named: by hand-made texts, and by the main characters of the six novels."""

from __future__ import annotations

import pytest

from janelm.reading.names import find_people
from janelm.reading.parts import part_text
from janelm.reading.people import people_of
from janelm.text.corpora import load_sources
from janelm.text.sources import Source


def named(text: str) -> dict[str, int]:
    return {person.name: person.count for person in find_people(text)}


def test_a_surname_alone_joins_the_titled_name_that_it_mostly_belongs_to():
    text = "Then Mr. Hill came, and Hill sat. " * 6 + "So Miss Hill came. "
    assert named(text) == {"Mr. Hill": 12}


def test_a_surname_that_titles_share_joins_none_of_them():
    text = "There Mr. Hill and Mrs. Hill and Miss Hill saw Hill, and Hill said so. " * 6
    assert named(text) == {"Hill": 12, "Mr. Hill": 6, "Mrs. Hill": 6, "Miss Hill": 6}


def test_a_full_name_joins_the_first_name_and_is_what_the_list_shows():
    text = "And Ann smiled, as Ann was glad. " * 6 + "It was Ann Hill who came. " * 3
    assert named(text) == {"Ann Hill": 15}


def test_places_and_words_with_a_capital_are_nobody():
    text = "We went to Bath on Monday, for in Bath it was May. The Crown at Bath was full. But Ann said so. " * 8
    assert named(text) == {"Ann": 8}


def test_who_stands_with_whom_and_in_which_chapter():
    text = (
        "CHAPTER 1\n\n" + "So Ann said to Ben. " * 3 + "\n\nAnd Ann was out. " + "Then Ann sat. " * 4 + "\n\n"
        "CHAPTER 2\n\n" + "Now Ben was in, and Ben said no. " * 3
    )
    parted = part_text([Source("a.txt", text)])
    ann, ben = people_of(parted, 0)
    if ann["name"] != "Ann":
        ann, ben = ben, ann
    assert (ann["chapters"], ben["chapters"]) == ([8, 0], [3, 6])
    assert sum(ann["with"]) == sum(ben["with"]) == 1
    assert sum(ann["slices"]) == ann["count"] == 8


MAIN = {
    "Sense and Sensibility": "Elinor, Marianne, Edward, Willoughby, Brandon, Lucy, Jennings, John Middleton",
    "Pride and Prejudice": "Elizabeth, Darcy, Jane, Bingley, Wickham, Collins, Lydia, Charlotte, Catherine de Bourgh",
    "Mansfield Park": "Fanny, Edmund, Thomas Bertram, Norris, Henry Crawford, Mary Crawford, Rushworth, Julia, Maria",
    "Emma": "Emma, Knightley, Harriet, Weston, Elton, Frank Churchill, Jane Fairfax, Miss Bates, Woodhouse",
    "Northanger Abbey": "Catherine, Henry Tilney, Eleanor, Isabella, John Thorpe, James, Mrs. Allen, General Tilney",
    "Persuasion": "Anne, Wentworth, Walter Elliot, Lady Russell, Louisa, Mary, Mr. Elliot, Benwick, Harville, Musgrove",
}
# All others among the twenty most often named who are people; whatever else is listed counts as wrong.
OTHERS = {
    "Sense and Sensibility": "Dashwood, Ferrars, Lady Middleton, Palmer, Fanny, Margaret, Robert, Miss Steele",
    "Pride and Prejudice": "Bennet, Lizzy, Kitty, Gardiner, William Lucas, Mary, Fitzwilliam",
    "Mansfield Park": "Crawford, Bertram, William Price, Grant, Susan, Rushworth, Yates",
    "Emma": "Woodhouse, Fairfax, Isabella, Perry, Goddard, Smith, Taylor, Martin, Mrs. Churchill",
    "Northanger Abbey": "Tilney, Morland, Allen, Thorpe",
    "Persuasion": "Charles, Elizabeth, Henrietta, Clay, Smith, Elliot, Croft, Shepherd, Dalrymple",
}


@pytest.mark.needs("novels")
def test_the_main_characters_of_the_six_novels_are_found_and_hardly_anything_else():
    """Of 53 main characters all are among the 26 most often named of their book (recall 1.0), and of the 120 names that
    are the twenty first of each book all are people (precision 1.0)."""
    parted = part_text(load_sources(("austen",)))
    missing, wrong, listed = [], [], 0
    for book in parted.books:
        names = [person.name for person in find_people(parted.text, book.begin, book.end)]
        missing += [one for one in MAIN[book.title].split(", ") if not any(one in name for name in names[:26])]
        people = [*MAIN[book.title].split(", "), *OTHERS[book.title].split(", ")]
        wrong += [(book.title, name) for name in names[:20] if not any(one in name for one in people)]
        listed += len(names[:20])
    assert (listed, missing, wrong) == (120, [], [])
