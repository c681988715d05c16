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
    """How often each token stands in the text, or among its last ones; the presence and frequency penalties on them."""

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

    def apply(self, logits: np.ndarray) -> None:
        """Change the logits (V,) float64."""
        presence, frequency = self._config.presence_penalty, self._config.frequency_penalty
        if self.counts and (presence or frequency):
            seen = np.fromiter(self.counts, np.int64, len(self.counts))
            counts = np.fromiter(self.counts.values(), np.float64, len(self.counts))
            logits[seen] = logits[seen] - presence - frequency * counts


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
