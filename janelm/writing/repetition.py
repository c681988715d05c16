"""Against repetition: what is taken from the logits of tokens that have been written; step 2 of sampling.py.

Its twin is web/engine/repetition.js.
"""

from __future__ import annotations

from collections import Counter, deque

import numpy as np

from ..config import SamplingConfig

DRY_TOKENS = 1024  # of the text's end that are searched for runs which repeat
LONGEST = 50  # tokens, beyond which a run takes no more


class Written:
    """How often each token stands in the text, or among its last ones; the penalties on them.

    With a slope, a token that stands `age` tokens before the last one weighs 1 - slope * age / window: the last place
    of a token says how much of the repetition and presence penalties it gets, the sum over all its places how much of
    frequency. (A repetition penalty r of weight w is 1 + (r - 1) w, as in KoboldAI.)
    """

    def __init__(self, config: SamplingConfig) -> None:
        self._config = config
        self.counts: Counter[int] = Counter()
        self._last: deque[int] = deque()

    def note(self, token: int) -> None:
        self.counts[token] += 1
        if window := self._config.penalty_window:
            self._last.append(token)
            if len(self._last) > window:
                gone = self._last.popleft()
                self.counts[gone] -= 1
                if not self.counts[gone]:
                    del self.counts[gone]

    def _weights(self) -> tuple[float | np.ndarray, np.ndarray]:
        """Of each token in `counts`, in that order: the weight of its last place, and of all together, float64."""
        counts = np.fromiter(self.counts.values(), np.float64, len(self.counts))
        slope, window = self._config.penalty_slope, self._config.penalty_window
        if not slope:
            return 1.0, counts
        last, total = dict[int, int](), Counter[int]()
        for age, token in enumerate(reversed(self._last)):
            last.setdefault(token, age)
            total[token] += age
        ages = np.array([(last[token], total[token]) for token in self.counts], np.float64).reshape(-1, 2).T
        return 1 - slope * ages[0] / window, counts - slope * ages[1] / window

    def penalties(self) -> float | np.ndarray:
        """The repetition penalty, or of each token in `counts` its own."""
        r = self._config.repetition_penalty
        return 1 + (r - 1) * self._weights()[0] if self._config.penalty_slope and r != 1 else r

    def apply(self, logits: np.ndarray) -> None:
        """Take presence and frequency from the logits (V,) float64."""
        presence, frequency = self._config.presence_penalty, self._config.frequency_penalty
        if self.counts and (presence or frequency):
            seen = np.fromiter(self.counts, np.int64, len(self.counts))
            last, total = self._weights()
            logits[seen] = logits[seen] - presence * last - frequency * total


class Loops:
    """DRY (p-e-w 2024, "Don't Repeat Yourself"): a token that would make a run at the text's end longer, which stands
    further up already, loses multiplier * base ** (n - allowed length), n being the length of the run so far."""

    def __init__(self, config: SamplingConfig) -> None:
        self._config = config
        self._tokens = np.zeros(0, np.int64)
        # How many tokens up to each place are the same as those up to the end; of the last place, 0.
        self._lengths = np.zeros(0, np.int64)

    def note(self, token: int) -> None:
        before = np.append(0, self._lengths[:-1]) if len(self._lengths) else self._lengths
        lengths = np.where(self._tokens == token, before + 1, 0)
        self._tokens = np.append(self._tokens, token)[-DRY_TOKENS:]
        self._lengths = np.append(lengths, 0)[-DRY_TOKENS:]

    def apply(self, logits: np.ndarray) -> None:
        """Change the logits (V,) float64."""
        config, longest = self._config, dict[int, int]()
        for place in np.flatnonzero(self._lengths[:-1] >= config.dry_allowed_length).tolist():
            token = int(self._tokens[place + 1])
            longest[token] = max(longest.get(token, 0), min(int(self._lengths[place]), LONGEST))
        for token, length in longest.items():
            taken = config.dry_multiplier
            for _ in range(length - config.dry_allowed_length):  # as every language multiplies
                taken *= config.dry_base
            logits[token] -= taken
