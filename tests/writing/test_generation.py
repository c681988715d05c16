"""Text as it is written."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import SHAPES, TRAINING, generate_tokens, random_run, write_text

from janelm.config import DataConfig, SamplingConfig, TiktokenTokenizerConfig
from janelm.engines import OnnxEngine, TorchEngine
from janelm.errors import UsageError
from janelm.export.graphs import export_graph
from janelm.training.pipeline import train
from janelm.writing.generation import Limits, StopScanner, generate, generate_samples, side_by_side

GREEDY = SamplingConfig(temperature=0)


def test_generation_equals_running_the_whole_text_again_for_each_token(shape):
    run = random_run(shape)
    tokens = generate_tokens(run, "The miller", 60, GREEDY)
    text = run.tokenizer.encode("The miller").tolist()
    for token in tokens:
        logits = run.model(torch.tensor([text]))[0][0, -1].detach()
        logits[run.tokenizer.never_written] = -torch.inf
        assert logits[token] >= logits.max() - 1e-4
        text.append(token)


def test_it_writes_exactly_as_many_tokens_as_asked_for_beyond_the_context(shape):
    run = random_run(shape)
    assert len("".join(generate(run, "A", 100))) == 100


@pytest.mark.parametrize("size", [1, 15, 16, 17, 50])
def test_a_prompt_of_any_length_is_read(shape, size):
    run = random_run(shape)
    prompt = write_text(20)[:size]
    first = generate_tokens(run, prompt, 1, GREEDY)[0]
    logits = run.model(torch.from_numpy(run.tokenizer.encode(prompt))[None])[0][0, -1].detach()
    logits[run.tokenizer.never_written] = -torch.inf
    assert logits[first] >= logits.max() - 1e-4


@pytest.mark.parametrize("seed", range(5))
def test_a_blank_at_the_end_of_a_prompt_becomes_the_next_words(seed):
    """Byte pairs have words with a blank before them: after a blank of its own came the middle of a word."""
    run = random_run(SHAPES["transformer"], TiktokenTokenizerConfig(vocab_size=300))
    first, *rest = generate_samples(run, "The miller ", Limits(20), SamplingConfig(seed=seed))
    assert run.tokenizer.decode([first.token]) == " " + first.text
    without = run.tokenizer.encode("The miller").tolist()
    text = "".join(piece.text for piece in (first, *rest))
    assert run.tokenizer.decode([*without, first.token, *(piece.token for piece in rest)]) == "The miller " + text


def test_the_same_seed_writes_the_same_text_and_another_does_not(shape):
    run = random_run(shape)
    texts = ["".join(generate(run, "A", 50, SamplingConfig(seed=seed))) for seed in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]


def test_pieces_are_whole_characters(shape):
    run = random_run(shape, TiktokenTokenizerConfig(vocab_size=270))
    sampling = SamplingConfig(temperature=3)
    pieces = list(generate(run, "A", 300, sampling))
    tokens = generate_tokens(run, "A", 300, sampling)
    assert "".join(pieces) == run.tokenizer.decode(tokens)


def test_an_empty_prompt_starts_a_line(shape):
    run = random_run(shape)
    assert generate_tokens(run, "", 5, GREEDY) == generate_tokens(run, "\n", 5, GREEDY)


def test_a_prompt_of_unknown_characters_only_is_one_clear_sentence(shape):
    with pytest.raises(UsageError, match="knows none of the characters"):
        list(generate(random_run(shape), "漢字"))


def test_emoji_and_mixed_scripts_in_a_prompt_are_read_as_unknown_or_as_bytes(shape):
    assert len("".join(generate(random_run(shape), "The 🌧 дождь", 20))) == 20
    assert "".join(generate(random_run(shape, TiktokenTokenizerConfig(vocab_size=270)), "🌧 дождь", 20))


@pytest.mark.parametrize("count", [0, -1])
def test_a_number_of_tokens_under_one_is_refused(count):
    with pytest.raises(UsageError, match="num_tokens"):
        list(generate(random_run(SHAPES["lstm"]), "A", count))


def test_a_model_of_documents_stops_at_the_end_of_one_and_takes_any_prefix(shape):
    text = "".join(f"<{book}>\tverse {n % 10}\n" for n in range(300) for book in ("Ruth", "Job"))
    steps = 150 if shape.kind == "lstm" else 60
    training = replace(TRAINING, steps=steps, batch_tokens=512, evaluations=2, evaluation_tokens=512)
    finished = train(
        replace(shape, width=64),
        training,
        Path("verses"),
        text=text,
        data=DataConfig(documents="lines"),
        say=lambda line: None,
    )
    run = finished.run.load()
    for prompt in ("", "<", "<Ruth", "<Job>\t", "\t"):
        written = prompt + "".join(generate(run, prompt, 200, SamplingConfig(temperature=0.5)))
        assert len(written) < 60 and "\n" not in written
        if prompt != "\t":
            assert written.split("\t")[0] in ("<Ruth>", "<Job>") and len(written) > 8


@given(st.text("abE ND", max_size=60), st.lists(st.text("abEND", min_size=1, max_size=4), max_size=3), st.data())
def test_text_ends_before_the_first_stop_however_it_is_cut_up(text, stops, data):
    scanner, out, rest = StopScanner(tuple(stops)), "", text
    while rest and not scanner.stopped:
        size = data.draw(st.integers(1, len(rest)))
        out, rest = out + scanner.feed(rest[:size]), rest[size:]
    out += "" if scanner.stopped else scanner.finish()
    places = [text.index(stop) for stop in stops if stop in text]
    found_first = [text.index(s) + len(s) for s in stops if s in text]
    if not places:
        assert out == text
    else:
        assert text.startswith(out) and len(out) <= min(found_first) and not any(stop in out for stop in stops)


def test_writing_stops_at_a_stop_text_and_does_not_write_it(shape):
    run = random_run(shape)
    whole = "".join(generate(run, "A", 200))
    stop = whole[100:103]
    assert "".join(generate(run, "A", 200, stop=(stop, "never there"))) == whole[: whole.index(stop)]


def test_several_samples_are_the_single_ones_of_the_following_seeds(shape):
    run = random_run(shape)
    texts = [""] * 3
    for piece in generate_samples(run, "A", Limits(40), SamplingConfig(seed=5), num_samples=3):
        texts[piece.sample] += piece.text
    assert texts == ["".join(generate(run, "A", 40, SamplingConfig(seed=seed))) for seed in (5, 6, 7)]


def test_many_samples_are_written_some_at_a_time_and_are_the_same(shape, monkeypatch):
    """Five thousand at once would have taken 15 GB."""
    run, sizes, original = random_run(shape), [], TorchEngine.initial_state
    wanted = list(generate_samples(run, "A", Limits(9), SamplingConfig(seed=5), num_samples=11))
    monkeypatch.setattr("janelm.writing.generation.MOST_AT_ONCE", 4)
    monkeypatch.setattr(TorchEngine, "initial_state", lambda *a: sizes.append(a[1]) or original(*a))
    found = list(generate_samples(run, "A", Limits(9), SamplingConfig(seed=5), num_samples=11))
    assert sorted(found, key=lambda piece: piece.sample) == sorted(wanted, key=lambda piece: piece.sample)
    assert sizes == [4, 4, 3] and [piece.sample // 4 for piece in found] == sorted(p.sample // 4 for p in found)


def test_as_many_samples_at_a_time_as_fit_into_memory():
    small, large = SHAPES["transformer"], replace(SHAPES["transformer"], context_length=4096, layers=8, width=512)
    assert side_by_side(small) == side_by_side(SHAPES["lstm"]) == 64
    assert side_by_side(large) == 2 and side_by_side(replace(large, context_length=1 << 20)) == 1


def test_less_memory_gives_other_text_for_the_transformer_and_the_same_for_the_lstm():
    for kind in ("transformer", "lstm"):  # a random GPT-2 repeats one token, whatever it sees
        run = random_run(SHAPES[kind])
        texts = [generate_tokens(run, "The old", 60, GREEDY, memory=memory) for memory in (None, 15, 2)]
        assert texts[0] == texts[1]
        assert (texts[0] == texts[2]) == (kind == "lstm")


def test_both_engines_write_the_same_2000_tokens_for_the_same_seed(shape):
    run = random_run(shape)
    sampling = SamplingConfig(temperature=1.0, top_p=0.95, repetition_penalty=1.1, seed=9)
    first = generate_tokens(run, "The", 2000, sampling)
    assert first == generate_tokens(run, "The", 2000, sampling, engine=OnnxEngine(export_graph(run)))


@pytest.mark.parametrize("options", [{"stop": ("",)}, {"memory": 0}])
def test_contradictions_are_named(shape, options):
    with pytest.raises(UsageError, match=next(iter(options))):
        list(generate(random_run(shape), "A", 5, **options))


def test_the_end_of_a_document_is_not_made_less_likely_before_it_was_written():
    """The token that a document starts from is its end token: counted as written, documents ran on."""
    run = random_run(SHAPES["lstm"], documents=True)
    end = run.tokenizer.end_token

    def first_tokens(**rule) -> list[int]:
        return [generate_tokens(run, "", 1, SamplingConfig(seed=seed, **rule))[0] for seed in range(300)]

    plain = first_tokens()
    assert end in plain and first_tokens(repetition_penalty=5.0) == plain
    assert end in first_tokens(no_repeat_ngram_size=1)
