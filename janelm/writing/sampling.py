"""From logits to a token: specified here once, for Python and for the browser.

Its twins are web/engine/sampler.js and web/engine/random.js; tests/golden/sampling.json holds them together.

One draw takes the logits of V tokens (float32), the tokens written so far, and one random word, and works in float64:

1. **Never written.** The logits of tokens that must not be chosen become minus infinity: the one for unknown
   characters, the one that fills up documents, and those that may not stand after the text so far
   (`text/spelling.py`). At the first draw after a prompt that was **healed** (below) also those that do not begin with
   a blank.
2. **Penalties** on tokens that already stand in the text, among its last ones, or in what was written after the
   prompt (`repetition.py`). Repetition r
   (Keskar et al. 2019): a logit is divided by r if it is positive and multiplied by r if it is negative. Presence is
   taken from it, and frequency once for each time that the token stands there. With a slope, all three weaken with
   the distance. DRY takes from what would go on with a run that repeats. **Favoured words** gain (`wording.py`). Each
   is skipped where it is off.
3. **No repeated n-grams**: a token that would complete n tokens in a row which already stand in the text is ruled out
   like those of step 1; if that leaves none, this step is passed over. Skipped when n = 0. **Banned words**: then
   the same with tokens that would complete one.
4. **Greedy.** If the temperature is 0, or under 1e-100, by which float64 could not divide, the token with the largest
   logit is taken, the lowest id among equals. Done.
5. **Temperature** t: the largest logit is subtracted, the rest divided by t, and p = exp(logit) is not yet normalised.
6. **Top-k**: all but the k largest are set to 0; among equals, lower ids stay.
7. **Min-p**: p below min_p times the largest p becomes 0.
8. **Top-p**: in order of falling p (lower ids first among equals), the tokens are kept whose predecessors together
   have less than top_p of the sum that is left after steps 6 and 7. The likeliest token always stays.
9. **Draw**: a race. The random word seeds splitmix32, and its output number i + 1 is z of token i. Token i arrives at
   the time -log((z + 1/2) / 2**32) / p, which is exponential with rate p; the first to arrive is taken, the lowest id
   among equals. Each wins with probability p / sum of p.

**A blank at the end of a prompt** belongs to the word that follows, as most vocabularies have it (" word" is a token):
left where it stands, the model would be asked for what it hardly ever saw. Where any longer token begins with a blank,
the prompt is therefore read without its last one, and the first token must begin with it; what is given out does not
have it again. (Token healing, as in Guidance by Lundberg 2023, for one blank.)

The random words are those of xoshiro128** (Blackman and Vigna 2018), its own four words filled by the first four
outputs of splitmix32 from the seed. All of it fits into 32-bit integers, so it runs in any language.

**When engines part.** PyTorch, ONNX Runtime and C++ add the same numbers up in orders of their own, so their logits
differ by about 1e-6, and now and then a draw falls between them; from there on two texts have nothing in common. No
rule of drawing can prevent that: two distributions that differ by d in total variation must give different tokens
with probability d. Rounding logits or weights to a grid only gathers it at the borders of the grid, a step of which
weighs as much as it is rare. But a rule can be far worse than d: comparing one random number with running sums is,
since a small change early in the vocabulary moves every later border. In a race no border depends on another token's
place, and two engines part with a probability of at most 2 d. Measured with both shipped samples along 40 texts of
500 tokens (temperature 0.8; pairs of native, onnx and torch, and of native and onnx with int8-weights; python
tests/benchmarks/partings.py): of 20,000 draws 0.01 to 0.02 part on average, 0.01 to 0.02 being the least that any
rule can do, where running sums parted at 0.86 to 1.62. Counted over all eight pairs, 160,000 draws: none, 8 with
running sums, 9 with running sums of logits rounded to multiples of 2**-10.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable
from functools import lru_cache

import numpy as np

from ..config import SamplingConfig
from ..errors import JaneLMError
from ..text.spelling import Spelling
from .repetition import Loops, Written
from .wording import Wording

MASK = 0xFFFFFFFF
COLD = 1e-100  # lower temperatures are 0: a logit divided by them may be beyond float64


class Random:
    """xoshiro128**, seeded by splitmix32.

    >>> Random(1).word() == Random(1).word()
    True
    """

    def __init__(self, seed: int) -> None:
        self._words = splitmix32(seed, 4).tolist()

    def word(self) -> int:
        """The next number, of 32 bits."""
        a, b, c, d = self._words
        result = (_rotate_left(b * 5 & MASK, 7) * 9) & MASK
        shifted = (b << 9) & MASK
        c ^= a
        d ^= b
        self._words = [a ^ d, b ^ c, c ^ shifted, _rotate_left(d, 11)]
        return result


def splitmix32(seed: int, count: int) -> np.ndarray:
    """The first `count` outputs (uint32) after an integer, of which the lowest 32 bits count."""
    z: np.ndarray = _weyl(count) + np.uint32(seed & MASK)
    z = (z ^ z >> 16) * np.uint32(0x85EBCA6B)
    z = (z ^ z >> 13) * np.uint32(0xC2B2AE35)
    return z ^ z >> 16


@lru_cache(8)
def _weyl(count: int) -> np.ndarray:
    return np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x9E3779B9)


def _rotate_left(value: int, count: int) -> int:
    return (value << count | value >> (32 - count)) & MASK


def healed(prompt: str, vocabulary: list[bytes]) -> tuple[str, bool]:
    """A prompt without the blank at its end, and whether one was taken away: where longer tokens begin with one.

    >>> healed("Once ", [b"Once", b" ", b" upon"]), healed("Once ", [b"O", b"n", b" "])
    (('Once', True), ('Once ', False))
    """
    heals = len(prompt) > 1 and prompt.endswith(" ") and any(len(one) > 1 and one[:1] == b" " for one in vocabulary)
    return (prompt[:-1], True) if heals else (prompt, False)


class Sampler:
    """Draws tokens one after the other for one text."""

    def __init__(self, config: SamplingConfig, never: Iterable[int] = (), spelling: Spelling | None = None) -> None:
        """`never` are tokens that must not be chosen anywhere, and `spelling` rules out others by the text so far."""
        self.config = config
        self._never = list(never)
        self._spelling, self._begun = spelling, b""
        self._not_now: list[int] = []  # at the next draw
        self._random = Random(config.seed)
        self._written = Written(config)
        self._loops = Loops(config) if config.dry_multiplier else None
        self._wording: Wording | None = None
        if config.favour or config.ban:
            assert spelling is not None  # which knows the tokens' bytes
            self._wording = Wording(config.favour, config.ban, config.favour_strength, spelling.vocabulary)
        self._ngrams = NGrams(config.no_repeat_ngram_size) if config.no_repeat_ngram_size else None

    def begin_with_blank(self) -> None:
        """The next token must begin with the blank that was taken from the prompt; see `healed`."""
        assert self._spelling is not None  # which knows the tokens' bytes
        vocabulary = enumerate(self._spelling.vocabulary)
        self._not_now = [token for token, content in vocabulary if content[:1] != b" "]

    def note(self, tokens: Iterable[int], prompt: bool = False) -> None:
        """Count `tokens` as written, or as the prompt's."""
        counted = None if prompt and self.config.penalty_written_only else self._written
        for token in tokens:
            for rule in (counted, self._loops, self._wording):
                if rule:
                    rule.note(token)
            if self._spelling:
                self._begun = self._spelling.after(self._begun, token)
            if self._ngrams:
                self._ngrams.note(token)

    def draw(self, logits: np.ndarray) -> int:
        """The next token after logits (V,). Raises JaneLMError where they are not numbers."""
        config = self.config
        logits = adjusted(logits, self._written.counts.keys(), self._written.penalties(), self._never)
        for rule in (self._written, self._loops, self._wording):
            if rule:
                rule.apply(logits)
        if self._spelling:
            rule_out(logits, self._spelling.barred(self._begun))
        if self._not_now:
            rule_out(logits, self._not_now)
            self._not_now = []
        if self._ngrams:
            rule_out(logits, self._ngrams.repeats())
        if self._wording:
            rule_out(logits, self._wording.banned())
        greedy = config.temperature < COLD
        token = int(logits.argmax()) if greedy else race(weights(logits, config), self._random.word())
        self.note((token,))
        return token


class NGrams:
    """Which token would repeat n tokens in a row."""

    def __init__(self, size: int) -> None:
        self._last: deque[int] = deque(maxlen=size - 1)
        self._size = size
        self._followers: dict[tuple[int, ...], set[int]] = defaultdict(set)

    def note(self, token: int) -> None:
        if len(self._last) == self._size - 1:
            self._followers[tuple(self._last)].add(token)
        self._last.append(token)

    def repeats(self) -> list[int]:
        return list(self._followers.get(tuple(self._last), ())) if len(self._last) == self._size - 1 else []


def rule_out(logits: np.ndarray, banned: list[int] | np.ndarray) -> None:
    """Set the logits (V,) of these tokens to minus infinity, unless that would leave none."""
    kept = logits[banned]
    logits[banned] = -np.inf
    if np.isneginf(logits).all():
        logits[banned] = kept


def adjusted(logits: np.ndarray, written: Collection[int], penalty: float | np.ndarray, never: list[int]) -> np.ndarray:
    """Steps 1 and 2, repetition alone: logits as float64 (V,), minus infinity at `never`. `penalty` is that of all that
    is written, or of each."""
    logits = np.array(logits, np.float64)
    if not np.isfinite(logits).all():
        raise JaneLMError("the model's logits are not all numbers: its weights are damaged, so train or fetch it anew")
    if written and np.any(penalty != 1):
        seen = list(written)
        logits[seen] = np.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
    logits[never] = -np.inf
    return logits


def weights(logits: np.ndarray, config: SamplingConfig) -> np.ndarray:
    """Steps 5 to 8: each token's probability (V,) float64, not normalised; 0 where it is ruled out."""
    with np.errstate(over="ignore"):  # at a temperature of nearly 0 only the largest is left
        p = np.exp((logits - logits.max()) / config.temperature)
    if not (config.top_k or config.min_p or config.top_p < 1):
        return p
    if 0 < config.top_k < len(p):
        _keep_largest(p, config.top_k, np.partition(p, -config.top_k)[-config.top_k])
    if config.min_p:
        p[p < config.min_p * p.max()] = 0
    if config.top_p < 1:
        falling = np.sort(p)[::-1]
        running = np.cumsum(falling)
        count = np.count_nonzero(running - falling < config.top_p * running[-1])
        _keep_largest(p, int(count), falling[count - 1])
    return p


def race(p: np.ndarray, word: int) -> int:
    """Step 9: the token that is drawn with weights p (V,) by a random word."""
    with np.errstate(divide="ignore", over="ignore"):  # never arrives: what is ruled out, or as good as
        return int((-np.log((splitmix32(word, len(p)) + 0.5) / 2**32) / p).argmin())


def _keep_largest(p: np.ndarray, count: int, smallest: float) -> None:
    """Set all but the `count` largest of p (V,), of which the last is `smallest`, to 0; among equals, lower ids stay.

    Putting ids in order, where values will do, would take five times as long with a thousand tokens.
    """
    p[p < smallest] = 0
    equals = np.flatnonzero(p == smallest)
    p[equals[count - np.count_nonzero(p > smallest) :]] = 0
