"""Bits per byte of any file."""

import math
from pathlib import Path

import pytest
import torch
from conftest import write_text
from test_generation import random_run

from janelm.config import TiktokenTokenizerConfig
from janelm.errors import JaneLMError
from janelm.evaluation import Losses
from janelm.scoring import BLOCK, read_blocks, score


@pytest.mark.parametrize("tokenizer", [None, TiktokenTokenizerConfig(vocab_size=300)])
def test_a_score_is_what_the_whole_text_at_once_costs(shape, tokenizer):
    run = random_run(shape, tokenizer)
    text, losses = write_text(8), Losses()
    tokens = list(score(run, iter([text]), losses))
    whole = torch.from_numpy(run.tokenizer.encode("\n" + text))
    expected = torch.nn.functional.cross_entropy(run.model(whole[None, :-1])[0][0], whole[1:], reduction="sum").item()
    if whole[1:].tolist() == run.tokenizer.encode(text).tolist():
        assert losses.nats == pytest.approx(expected, rel=1e-4)
    assert losses.bytes == len(text.encode()) and losses.tokens == len(tokens)
    assert sum(token.nats for token in tokens) == pytest.approx(losses.nats, rel=1e-5)
    assert run.tokenizer.decode([token.token for token in tokens]) == text
    assert losses.bits_per_byte == pytest.approx(losses.nats / math.log(2) / len(text.encode()))


def test_a_file_is_read_in_blocks_that_lose_nothing_and_cut_no_line():
    text = write_text(6000) + "x" * (5 * BLOCK) + "\nthe end, without a line break"
    Path("long.txt").write_text(text, encoding="utf-8")
    blocks = list(read_blocks(Path("long.txt")))
    assert "".join(blocks) == text and len(blocks) > 3
    assert blocks[0].endswith("\n") and max(map(len, blocks)) < 6 * BLOCK


def test_unknown_characters_are_charged_for(shape):
    losses = Losses()
    list(score(random_run(shape), iter(["The ж"]), losses))
    assert losses.unknown == 1


def test_a_file_that_cannot_be_scored_is_one_clear_sentence():
    Path("bad.txt").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(JaneLMError, match="not UTF-8"):
        list(read_blocks(Path("bad.txt")))
    with pytest.raises(JaneLMError, match=r"no text at none\.txt"):
        list(read_blocks(Path("none.txt")))
