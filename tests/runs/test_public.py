"""What a stranger reads of a run: no folder of the machine, no name of those who wrote, no piece of the text."""

import pytest

from janelm.config import DataConfig
from janelm.runs.public import file_name, public_command, public_data


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("a.py --data=/home/jane/posts.txt --data /srv/a.txt", "a.py --data=posts.txt --data a.txt"),
        ("a.py --data letters/ann/a.txt ../b.txt '~/c d.txt' -m 3", "a.py --data a.txt b.txt 'c d.txt' -m 3"),
        (r"a.py --data 'C:\Users\jane\a.txt'", "a.py --data a.txt"),
        ("a.py --author 'Ann Smith' Bob --lower_case --data a.txt", "a.py --author ... --lower_case --data a.txt"),
        ("a.py --author=Ann --data.before Yours --after A", "a.py --author=... --data.before ... --after ..."),
        (r"a.py --pattern '\w+|\s+' --title=a=b --split 90/5", r"a.py --pattern '\w+|\s+' --title=a=b --split 90/5"),
    ],
)  # fmt: skip
def test_a_command_names_no_folder_of_the_machine_and_nobody(typed, shown):
    assert public_command(typed) == shown


def test_the_settings_of_a_text_name_nobody_and_quote_nothing():
    config = DataConfig(data=("letters/ann.txt", "austen"), author=("Ann",), after="Dear", before="Yours")
    values = public_data(config)
    assert values["data"] == ["ann.txt", "austen"] and not {"author", "after", "before"} & values.keys()
    assert public_command(None) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [("/", "..."), ("~/", "..."), ("C:\\", "..."), ("../", "..."), ("a.zip/b/c.txt", "c.txt"), ("text", "text")],
)
def test_of_a_path_the_last_part_is_shown(name, shown):
    assert file_name(name) == shown
