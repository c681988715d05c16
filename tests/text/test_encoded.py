"""Long texts: the same tokens as a short one's, whether in memory or on disk."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import SHAPES, write_text

from janelm.config import CharacterTokenizerConfig, DataConfig, TiktokenTokenizerConfig, TrainingConfig
from janelm.errors import JaneLMError
from janelm.text import encoded, sources
from janelm.text.corpora import load_sources
from janelm.text.encoded import EncodedText, RunningSplits
from janelm.text.readers import folder
from janelm.text.sources import LongSource, Source, blocks
from janelm.text.tokenizers import train_tokenizer
from janelm.training.pipeline import resume, train

TOKENIZERS = [CharacterTokenizerConfig(), TiktokenTokenizerConfig(vocab_size=300)]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 100 characters, and everything from 2,000 counts as long."""
    monkeypatch.setattr(sources, "BLOCK", 100)
    monkeypatch.setattr(folder, "LONG", 2000)
    monkeypatch.setattr(encoded, "LONG", 2000)
    monkeypatch.setenv("JANELM_CACHE", "cache")


@given(text=st.text(alphabet="ab é\n\t .,!/1'_", max_size=3000), size=st.integers(1, 70))
@settings(max_examples=100)
def test_blocks_have_the_tokens_of_the_whole_text(text, size):
    tokenizer = train_tokenizer(TOKENIZERS[1], [write_text(50) + text])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK", 40)
        parts = list(blocks(text[i : i + size] for i in range(0, len(text), size)))
    assert "".join(parts) == text
    cut_anywhere = any(len(part) >= 16 * 40 for part in parts)
    joined = np.concatenate([tokenizer.encode(part) for part in parts] or [tokenizer.encode("")])
    assert cut_anywhere or np.array_equal(joined, tokenizer.encode(text))


def test_another_split_is_not_taken_from_the_cache(small_blocks):
    """The second training on a long text used to get the first one's split, whatever it asked for."""
    Path("long.txt").write_text(write_text(300), encoding="utf-8")
    sources = load_sources(("long.txt",))
    tokenizer = train_tokenizer(TOKENIZERS[0], RunningSplits(sources).blocks("train"))
    bounds = [EncodedText(RunningSplits(sources, split), tokenizer).extent.bounds for split in ("90/5/5", "90/10")]
    assert bounds[0][2] < bounds[0][3] and bounds[1][2] == bounds[1][3]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_long_file_has_the_tokens_of_a_short_one(tokenizer, small_blocks, monkeypatch):
    text = write_text(300) + "\n\n  ж" + write_text(20) + "жé\n"
    Path("long.txt").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").replace("miller", "mil\x07ler").encode())
    (source,) = load_sources(("long.txt",))
    assert isinstance(source, LongSource) and source.text == text
    on_disk = RunningSplits([source])
    tokenizer = train_tokenizer(tokenizer, on_disk.blocks("train"))
    mapped = EncodedText(on_disk, tokenizer)
    assert isinstance(mapped.tokens, np.memmap) and mapped.tokens.dtype == np.uint16
    monkeypatch.setattr(encoded, "LONG", 10**9)
    plain = EncodedText(RunningSplits([Source("text", text)]), tokenizer)
    assert mapped.extent == plain.extent and np.array_equal(mapped.tokens, plain.tokens)
    for number in range(3):
        whole = text[on_disk._bounds[number] : on_disk._bounds[number + 1]]
        first, last = plain.extent.bounds[number : number + 2]
        assert np.array_equal(plain.tokens[first:last], tokenizer.encode(whole))
        assert plain.extent.bytes[number] == len(whole.encode()) == plain.weigh(first, last)[0]
    unknown = tokenizer.encode(text).tolist().count(tokenizer.unknown_token)
    assert plain.weigh(0, len(plain.tokens))[1] == unknown == (2 if tokenizer.unknown_token else 0)


def test_a_long_text_is_encoded_once(small_blocks, monkeypatch):
    splits = RunningSplits([Source("text", write_text(300))])
    tokenizer = train_tokenizer(TOKENIZERS[1], splits.blocks("train"))
    first = EncodedText(splits, tokenizer)
    monkeypatch.setattr(EncodedText, "_encode", None)
    again = EncodedText(splits, tokenizer)
    assert np.array_equal(first.tokens, again.tokens) and first.extent == again.extent
    with pytest.raises(TypeError):
        EncodedText(RunningSplits([Source("text", write_text(300, seed=1))]), tokenizer)


def test_a_long_file_trains_and_resumes(small_blocks):
    Path("long.txt").write_text(write_text(300))
    training = TrainingConfig(
        steps=4, batch_tokens=64, evaluations=2, evaluation_tokens=64, compile="off", device="cpu"
    )
    train(SHAPES["lstm"], training, Path("run"), data=DataConfig(("long.txt",)), say=lambda line: None)
    finished = resume(Path("run"), budget={"steps": 6}, say=lambda line: None)
    assert finished.results["steps"] == 6 and len(list(Path("cache/tokens").glob("*.bin"))) == 1


def test_byte_pairs_of_a_long_text_are_learnt_from_blocks_spread_over_it(small_blocks, monkeypatch):
    from janelm.text import data

    monkeypatch.setattr(data, "TOKENIZER_TEXT", 1000)
    seen = []
    monkeypatch.setattr(
        data, "train_tokenizer", lambda config, texts, documents: seen.extend(texts) or train_tokenizer(config, seen)
    )
    text = write_text(300)
    data.load_dataset(
        [Source("text", text)], DataConfig(), TOKENIZERS[1], 16, TrainingConfig(steps=1, batch_tokens=128), "cpu"
    )
    assert 500 < sum(map(len, seen)) < 1500 and seen[-1] in text[len(text) // 2 :]


@pytest.mark.parametrize(
    ("content", "problem"), [(b"\xf8\x81\x8d\x9d" * 700, "not UTF-8"), (b"\0" * 3000, "not a text file")]
)
def test_a_long_file_that_is_no_text_is_one_clear_sentence(content, problem, small_blocks):
    Path("long.txt").write_bytes(content)
    with pytest.raises(JaneLMError, match=problem):
        load_sources(("long.txt",))


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (("Дождь идёт весь день.\n" * 200).encode() + b"caf\xe9\n" + b"\xd0", "2 broken places"),
        (("Őszi szél fújt a fűzfák közt.\n" * 200).encode("cp1250"), "read as cp1250"),
        (("Plain text on a line.\n" * 200).encode("utf-16-le"), "utf-16-le without"),
        (b"A line of text.\n" * 200 + b"\0" + b"More.\n", "1 control"),
        ("Cafe\u0301 noir.\r\n".encode() * 200, "normal form NFC"),
    ],
)
def test_a_long_file_is_decoded_and_cleaned_as_a_short_one_is(raw, says, small_blocks, monkeypatch):
    Path("long.txt").write_bytes(raw)
    (long,) = load_sources(("long.txt",))
    monkeypatch.setattr(folder, "LONG", 10**9)
    (short,) = load_sources(("long.txt",))
    assert isinstance(long, LongSource) and not isinstance(short, LongSource)
    assert long.text == short.text and long.report[1:] == short.report
    assert says in " ".join(long.report)
