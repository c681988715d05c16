"""A small share of each campaign, so that none can rot; docs/measurements.md has what the whole of each found."""

import os
from pathlib import Path

import forked
import pytest

FOLDER = Path(__file__).parent
SHARES = {
    "kills": ["--kills", "4", "--only", "lstm", "teachers", "writing", "cache"],
    "damage": ["--files", "200"],
    "disk": ["--share", "32"],
    "soak": ["--tokens", "500", "--trainings", "3"],
    "questions": ["--questions", "300", "--megabytes", "32"],
}


def run(name: str, share: list[str]) -> None:
    done = forked.run(FOLDER / f"{name}.py", *share, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.skipif(os.name == "nt", reason="they fork")
@pytest.mark.needs("compiler")
@pytest.mark.parametrize("name", SHARES)
def test_a_share_of_each_campaign_finds_nothing(name):
    run(name, SHARES[name])


@pytest.mark.browser
@pytest.mark.needs("chromium", "npm")
def test_a_share_of_the_damage_to_the_page_finds_nothing():
    run("page", ["--trials", "5", "--seed", "3"])  # of each kind


@pytest.mark.browser
@pytest.mark.needs("chromium", "npm")
def test_the_page_writes_a_few_thousand_tokens_in_the_same_memory():
    run("page_soak", ["--tokens", "3000", "--tiny"])
