"""Each option of the sampler has the effect it says, and only that."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from janelm.config import SamplingConfig, check
from janelm.errors import JaneLMError, UsageError
from janelm.text.spelling import Spelling
from janelm.writing.repetition import Loops, Written
from janelm.writing.sampling import Random, Sampler, adjusted, healed, weights
from janelm.writing.wording import Wording

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/sampling.json").read_text())
LOGITS = st.lists(st.floats(-30, 30, width=16), min_size=1, max_size=40).map(np.array)


def probabilities(logits, **options):
    p = weights(np.array(logits, float), SamplingConfig(**({"temperature": 1.0} | options)))
    return p / p.sum()


def test_random_numbers_are_the_published_ones():
    """xoshiro128** from the words 1, 2, 3, 4, worked by hand from its definition: 11520, 0, 5927040, ..."""
    random = Random(0)
    random._words = [1, 2, 3, 4]
    assert [random.word() for _ in range(4)] == [11520, 0, 5927040, 70819200]


@pytest.mark.parametrize("case", GOLDEN["uniform"])
def test_random_numbers_agree_with_the_golden_vectors(case):
    random = Random(case["seed"])
    assert [random.word() for _ in case["outputs"]] == case["outputs"]


@pytest.mark.parametrize("case", GOLDEN["draws"], ids=lambda case: case["name"])
def test_draws_agree_with_the_golden_vectors(case):
    config = {name: tuple(value) if isinstance(value, list) else value for name, value in case["config"].items()}
    vocabulary = [word.encode("latin-1") for word in case.get("vocabulary", [])]
    sampler = Sampler(SamplingConfig(**config), case["never"], Spelling(vocabulary) if vocabulary else None)
    sampler.note(case["written"], prompt=True)
    if case.get("blank"):
        sampler.begin_with_blank()
    assert [sampler.draw(np.array(case["logits"])) for _ in case["tokens"]] == case["tokens"]


def test_uniform_numbers_are_uniform():
    random = Random(7)
    values = np.array([random.word() / 2**32 for _ in range(20_000)])
    assert values.min() >= 0 and values.max() < 1
    counts = np.histogram(values, 10, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 27.9  # chi-squared, 9 degrees of freedom, 0.1%


@given(LOGITS, st.integers(0, 2**32 - 1))
def test_a_draw_is_the_race_that_the_specification_describes(logits, seed):
    """Worked with Python's own integers."""

    def mixed(z):
        z = (z ^ z >> 16) * 0x85EBCA6B % 2**32
        z = (z ^ z >> 13) * 0xC2B2AE35 % 2**32
        return z ^ z >> 16

    word, p = Random(seed).word(), weights(logits, SamplingConfig())
    numbers = [mixed((word + (token + 1) * 0x9E3779B9) % 2**32) for token in range(len(p))]
    times = [-np.log((z + 0.5) / 2**32) / share if share else np.inf for z, share in zip(numbers, p, strict=True)]
    assert times[Sampler(SamplingConfig(seed=seed)).draw(logits)] == min(times)


def test_two_engines_part_no_more_often_than_twice_what_any_rule_must():
    """One number compared with running sums parted many times as often."""
    rng, parted, apart = np.random.default_rng(0), 0, 0.0
    for seed in range(4000):
        logits = rng.normal(scale=2.0, size=1000)
        others = logits + rng.normal(scale=2e-3, size=1000)
        config = SamplingConfig(temperature=1.0, seed=seed)
        parted += Sampler(config).draw(logits) != Sampler(config).draw(others)
        p, q = weights(logits, config), weights(others, config)
        apart += np.abs(p / p.sum() - q / q.sum()).sum() / 2
    assert parted < 2 * apart + 4 * np.sqrt(2 * apart)


@pytest.mark.parametrize("temperature", [5e-324, 1e-310, 1e-9])
def test_a_temperature_of_nearly_nothing_takes_the_likeliest(temperature):
    """Dividing logits by it gave infinity, whose difference is no number."""
    sampler = Sampler(SamplingConfig(temperature=temperature))
    assert [sampler.draw(np.array([-1.0, 3.0, 2.0])) for _ in range(5)] == [1] * 5


@pytest.mark.parametrize("size", [4, 60])
def test_draws_follow_the_probabilities(size):
    """Chi-squared, 0.1%; and no two draws in a row have to do with each other."""
    sampler, p = Sampler(SamplingConfig(temperature=1)), np.arange(1, size + 1) ** 2.0
    p /= p.sum()
    tokens = [sampler.draw(np.log(p)) for _ in range(20_000)]
    counts = np.bincount(tokens, minlength=size)
    rare = p * 20_000 < 10
    found = [*counts[~rare], counts[rare].sum()] if rare.any() else counts
    wanted = 20_000 * np.array([*p[~rare], p[rare].sum()] if rare.any() else p)
    assert ((np.array(found) - wanted) ** 2 / wanted).sum() < {4: 16.3, 60: 98.3}[size]
    assert abs(np.corrcoef(tokens[:-1], tokens[1:])[0, 1]) < 0.025


def test_temperature_sharpens_and_flattens():
    assert probabilities([0, 1], temperature=0.5)[1] == pytest.approx(1 / (1 + np.exp(-2)))
    assert probabilities([0, 1], temperature=2)[1] == pytest.approx(1 / (1 + np.exp(-0.5)))


def test_temperature_zero_is_greedy_and_takes_the_lowest_of_equals():
    sampler = Sampler(SamplingConfig(temperature=0))
    assert [sampler.draw(np.array([1.0, 3.0, 3.0])) for _ in range(5)] == [1] * 5


@pytest.mark.parametrize("temperature", [5e-324, 1e-310, 1e-101])
def test_a_temperature_that_nothing_can_be_divided_by_acts_as_zero(temperature):
    """Infinity less infinity is no number: the draw was a token beyond the vocabulary."""
    sampler = Sampler(SamplingConfig(temperature=temperature))
    assert [sampler.draw(np.array([1.0, 3.0, 3.0, -4.0])) for _ in range(5)] == [1] * 5


@pytest.mark.parametrize("options", [{"temperature": 1e-99}, {"temperature": 1e308}, {"repetition_penalty": 100}])
def test_any_other_extreme_leaves_probabilities(options):
    largest = float(np.finfo(np.float32).max)
    logits = adjusted(np.array([largest, -largest, 1.0]), {0, 1, 2}, options.get("repetition_penalty", 1), [])
    p = weights(logits, SamplingConfig(**options))
    assert np.isfinite(p).all() and p.max() == 1


def test_top_k_keeps_k_and_the_lower_of_equals():
    assert probabilities([1, 2, 2, 0], top_k=2).tolist() == [0, 0.5, 0.5, 0]
    assert np.flatnonzero(probabilities([2, 2, 2], top_k=2)).tolist() == [0, 1]
    assert (probabilities([1, 2], top_k=5) > 0).all()


def test_top_p_keeps_the_smallest_set_that_reaches_p():
    logits = np.log([0.5, 0.3, 0.15, 0.05])
    for top_p, kept in ((0.4, 1), (0.6, 2), (0.79, 2), (0.9, 3), (0.99, 4)):
        assert (probabilities(logits, top_p=top_p) > 0).sum() == kept


def test_min_p_drops_what_is_unlikely_beside_the_likeliest():
    logits = np.log([0.5, 0.3, 0.15, 0.05])
    assert (probabilities(logits, min_p=0.31) > 0).tolist() == [True, True, False, False]


def test_the_repetition_penalty_works_on_both_signs():
    """Dividing a negative logit would make the token likelier: a bug of many samplers."""
    assert adjusted(np.array([2.0, -2.0, 1.0]), {0, 1}, 2.0, []).tolist() == [1.0, -4.0, 1.0]


def test_no_ngram_is_written_twice():
    sampler = Sampler(SamplingConfig(temperature=1, no_repeat_ngram_size=3))
    tokens = [sampler.draw(np.linspace(2.0, 0.0, 12)) for _ in range(60)]
    ngrams = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
    assert len(set(ngrams)) == len(ngrams)


def test_ngrams_of_the_prompt_count_too():
    sampler = Sampler(SamplingConfig(temperature=0, no_repeat_ngram_size=2))
    sampler.note([0, 1, 0])
    assert sampler.draw(np.array([0.0, 9.0, 5.0])) == 2


def test_a_ban_on_everything_is_lifted():
    """With n = 1 each token may be written once; then there is none left, and writing must go on."""
    sampler = Sampler(SamplingConfig(temperature=0, no_repeat_ngram_size=1))
    assert [sampler.draw(np.array([1.0, 2.0])) for _ in range(3)] == [1, 0, 1]


def test_tokens_that_are_never_written_are_never_written():
    sampler = Sampler(SamplingConfig(temperature=5), never=[2])
    assert 2 not in {sampler.draw(np.array([0.0, 0.0, 9.0, 0.0])) for _ in range(500)}


@given(LOGITS, st.floats(0.05, 5), st.integers(0, 50), st.floats(0.01, 1), st.floats(0, 0.99))
def test_whatever_the_options_the_likeliest_token_stays_and_nothing_is_negative(logits, temperature, k, p, min_p):
    result = weights(logits, SamplingConfig(temperature=temperature, top_k=k, top_p=p, min_p=min_p))
    assert np.isfinite(result).all() and (result >= 0).all()
    assert result[logits.argmax()] == result.max() > 0
    assert k == 0 or (result > 0).sum() <= k


@given(LOGITS, st.integers(0, 2**32 - 1))
def test_options_that_are_off_change_nothing(logits, seed):
    plain = SamplingConfig(temperature=1, seed=seed)
    off = SamplingConfig(temperature=1, seed=seed, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0)
    assert Sampler(plain).draw(logits) == Sampler(off).draw(logits)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_numbers_are_an_error(bad):
    with pytest.raises(JaneLMError, match="damaged"):
        Sampler(SamplingConfig()).draw(np.array([0.0, bad]))


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -1},
        {"temperature": float("nan")},
        {"top_p": 0},
        {"top_p": 1.5},
        {"top_k": -1},
        {"min_p": 1},
        {"repetition_penalty": 0},
        {"repetition_penalty": 1e300},
        {"no_repeat_ngram_size": -1},
    ],
)
def test_settings_that_make_no_sense_are_named(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        check(SamplingConfig(**options))


def changed(rule, size: int = 6) -> list[float]:
    logits = np.zeros(size)
    rule.apply(logits)
    return logits.tolist()


def written(tokens: list[int], **options) -> Sampler:
    sampler = Sampler(SamplingConfig(temperature=0, **options))
    sampler.note(tokens)
    return sampler


def test_presence_counts_once_and_frequency_each_time():
    logits = np.array([1.0, 1.2, 0.0])
    assert written([1, 1], presence_penalty=0.1).draw(logits) == 1
    assert written([1, 1], frequency_penalty=0.15).draw(logits) == 0


def test_a_window_forgets_what_stands_further_up():
    logits = np.array([1.0, 1.2, 0.0])
    assert written([1, 2, 2], repetition_penalty=2.0).draw(logits) == 0
    assert written([1, 2, 2], repetition_penalty=2.0, penalty_window=2).draw(logits) == 1


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(1, 12), st.floats(0, 1))
def test_penalties_weaken_with_the_distance_over_the_window(tokens, window, slope):
    """Worked from each place of each token, one by one."""
    config = SamplingConfig(
        temperature=0,
        repetition_penalty=1.5,
        presence_penalty=0.3,
        frequency_penalty=0.2,
        penalty_window=window,
        penalty_slope=slope,
    )
    rule = Written(config)
    for token in tokens:
        rule.note(token)
    logits = np.array([2.0, -2.0, 1.0, 0.5, -0.1])
    found = adjusted(logits, rule.counts.keys(), rule.penalties(), [])
    rule.apply(found)
    expected = logits.copy()
    for token in set(tokens[-window:]):
        weights = [1 - slope * age / window for age, one in enumerate(reversed(tokens[-window:])) if one == token]
        penalty = 1 + 0.5 * weights[0]
        expected[token] = logits[token] / penalty if logits[token] > 0 else logits[token] * penalty
        expected[token] -= 0.3 * weights[0] + 0.2 * sum(weights)
    assert found == pytest.approx(expected)


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(1, 4))
def test_dry_takes_by_the_longest_run_that_would_go_on(tokens, allowed):
    """Worked by comparing every place with the end, one by one."""
    config = SamplingConfig(dry_multiplier=0.5, dry_base=2.0, dry_allowed_length=allowed)
    rule = Loops(config)
    for token in tokens:
        rule.note(token)
    longest = [0, 0, 0]
    for end in range(1, len(tokens)):
        length = 0
        while length < end and tokens[end - 1 - length] == tokens[-1 - length]:
            length += 1
        longest[tokens[end]] = max(longest[tokens[end]], length)
    expected = [-0.5 * 2.0 ** (length - allowed) if length >= allowed else 0.0 for length in longest]
    assert changed(rule, 3) == pytest.approx(expected)


def spelt(rule: Wording, vocabulary: list[str], text: list[str]) -> Wording:
    for piece in text:
        rule.note(vocabulary.index(piece))
    return rule


PIECES = ["h", "e", "r", "o", "n", " ", "he", " he", "hero", " heron", "n.", "s", "the"]


@pytest.mark.parametrize(
    ("text", "banned"),
    [
        ([], []),  # "hero" may go on to "heron"
        (["he", "r", "o"], ["n", "n."]),
        ([" he", "r", "o"], ["n", "n."]),
        (["s", "he", "r", "o"], []),  # "shero" is another word
        (["hero"], ["n", "n."]),
        (["h", "e", "r"], []),
    ],
)
def test_a_banned_word_is_never_completed_by_any_of_its_tokens(text, banned):
    rule = spelt(Wording((), ("heron",), 0, [piece.encode() for piece in PIECES]), PIECES, text)
    assert [PIECES[token] for token in rule.banned()] == sorted([*banned, " heron"], key=PIECES.index)


def test_a_word_in_small_letters_is_banned_with_a_capital_too_and_one_with_a_capital_alone():
    vocabulary = [b" heron", b" Heron", b" HERON", b" herons", b"\xe2\x80\x9cheron"]
    assert Wording((), ("heron",), 0, vocabulary).banned() == [0, 1, 2, 4]
    assert Wording((), ("Heron",), 0, vocabulary).banned() == [1]


@given(st.lists(st.sampled_from(range(len(PIECES))), max_size=60), st.integers(0, 99))
def test_what_is_drawn_never_has_a_banned_word(prompt, seed):
    spelling = Spelling([piece.encode() for piece in PIECES])
    sampler = Sampler(SamplingConfig(ban=("hero", "he"), temperature=2, seed=seed), [], spelling)
    drawn = [sampler.draw(np.zeros(len(PIECES))) for _ in range(40)]
    words = re.findall("[a-z]+", "".join(PIECES[token] for token in drawn))
    assert "hero" not in words[:-1] and "he" not in words[:-1]


def test_a_favoured_word_gains_the_same_in_one_token_or_in_many():
    vocabulary = [piece.encode() for piece in PIECES]
    rule = Wording(("heron",), (), 5.0, vocabulary)
    whole = changed(rule, len(PIECES))[PIECES.index(" heron")]
    gained = 0.0
    for piece in (" he", "r", "o", "n"):
        gained += changed(rule, len(PIECES))[PIECES.index(piece)]
        rule.note(PIECES.index(piece))
    assert whole == pytest.approx(5.0) and gained == pytest.approx(5.0)
    assert changed(rule, len(PIECES))[PIECES.index("s")] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"presence_penalty": 101.0},
        {"penalty_window": -1},
        {"penalty_window": 9, "penalty_slope": 1.1},
        {"penalty_slope": 0.5},
        {"dry_multiplier": -0.1},
        {"dry_base": 0.5},
        {"dry_allowed_length": 0},
        {"favour": (" ",)},
        {"ban": ("",)},
    ],
)
def test_settings_against_repetition_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError):
        check(SamplingConfig(**wrong))


def test_penalties_may_leave_the_prompt_out():
    logits = np.array([1.0, 1.2, 0.0])
    for name in ("repetition_penalty", "presence_penalty", "frequency_penalty"):
        sampler = Sampler(SamplingConfig(temperature=0, penalty_written_only=True, **{name: 1.5}))
        sampler.note([1, 1], prompt=True)
        assert sampler.draw(logits) == 1, "the prompt's tokens must not count"
        assert sampler.draw(logits) == 0, "the one that was written must"


def test_a_healed_prompt_goes_on_with_a_token_that_begins_with_a_blank_once():
    vocabulary = [b"a", b" ", b" b", b"", b"c"]
    sampler = Sampler(SamplingConfig(temperature=0), [], Spelling(vocabulary))
    sampler.begin_with_blank()
    logits = np.array([3.0, 1.0, 2.0, 4.0, 0.0])
    assert [sampler.draw(logits) for _ in range(2)] == [2, 3]


@pytest.mark.parametrize(
    ("prompt", "vocabulary", "expected"),
    [
        ("Once ", [b"Once", b" ", b" upon"], ("Once", True)),
        ("Once  ", [b"Once", b" ", b" upon"], ("Once ", True)),
        ("Once ", [b"O", b" "], ("Once ", False)),  # characters: nothing begins with one
        ("Once", [b" upon"], ("Once", False)),
        ("Once\n", [b" upon"], ("Once\n", False)),
        (" ", [b" upon"], (" ", False)),
        ("", [b" upon"], ("", False)),
    ],
)
def test_only_a_blank_at_the_end_is_healed_and_only_where_tokens_begin_with_one(prompt, vocabulary, expected):
    assert healed(prompt, vocabulary) == expected
