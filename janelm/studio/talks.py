"""One text that a program asked for: what it recites of its prompt, and what it draws after it.

To recite is to be given tokens instead of drawing them, so that the probability of each is known: a text is scored, and
a prompt given back with its probabilities, by the same steps that write.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..config import SamplingConfig
from ..text.tokenizers import Tokenizer
from ..writing.generation import Limits, Stream


class Said(NamedTuple):
    """One token, the text that is certain with it, why the text ends with it if it does ("stop", or "length" where more
    tokens would go on), and, where they were asked for, natural log-probabilities at temperature 1: its own, and those
    of the likeliest tokens."""

    token: int
    text: str
    finish: str = ""
    log_probability: float | None = None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Manner:
    """How a text is drawn, beside what JaneLM's own sampler knows, as OpenAI's API has it."""

    presence_penalty: float = 0.0
    """Taken from the logit of each token that was drawn."""
    frequency_penalty: float = 0.0
    """The same for each time that it was."""
    logit_bias: dict[int, float] = field(default_factory=dict)
    """Added to the logits of these tokens."""
    top: int | None = None
    """How many of the likeliest tokens are told at each; None tells no probabilities."""


class Talk:
    """One text in the making, until it is `done`."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        sampling: SamplingConfig,
        prompt: list[int],
        limits: Limits,
        manner: Manner,
        recited: list[int] | None = None,
    ) -> None:
        """`prompt` are all tokens before what is drawn, and `recited` the last of them that are told."""
        self._stream, self._manner = Stream(tokenizer, sampling, prompt, limits), manner
        self._recited, self._draws = deque(recited or ()), limits.num_tokens
        self._drawn: Counter[int] = Counter()
        self._special = {tokenizer.pad_token, tokenizer.end_token}
        self.done = not (self._recited or self._draws)

    def advance(self, logits: np.ndarray) -> Said:
        """The next token after logits (V,). Raises JaneLMError where they are not numbers."""
        if self._recited:
            token, text = self._recited.popleft(), ""
            self.done = not (self._recited or self._draws)
        else:
            token, text = self._stream.advance(self._biased(logits))
            self._drawn[token] += 1
            self.done = self._stream.done
        cut_off = self._stream.cut_off or not self._draws
        finish = "" if not self.done else "length" if cut_off else "stop"
        return Said(token, text, finish, *self._likely(logits, token))

    def _biased(self, logits: np.ndarray) -> np.ndarray:
        manner = self._manner
        penalised = bool(self._drawn) and bool(manner.presence_penalty or manner.frequency_penalty)
        if not (penalised or manner.logit_bias):
            return logits
        logits = logits.astype(np.float64)
        for token, bias in manner.logit_bias.items():
            logits[token] += bias
        if penalised:
            tokens, counts = np.array(list(self._drawn)), np.array(list(self._drawn.values()))
            logits[tokens] -= manner.presence_penalty + manner.frequency_penalty * counts
        return logits

    def _likely(self, logits: np.ndarray, token: int) -> tuple[float | None, tuple[tuple[int, float], ...]]:
        count = self._manner.top
        if count is None:
            return None, ()
        logits = logits.astype(np.float64)
        logs = logits - logits.max()
        logs -= np.log(np.exp(logs).sum())
        count = min(count, len(logs))
        some = np.argpartition(-logs, count - 1)[:count] if count else np.zeros(0, np.int64)
        some = some[np.argsort(-logs[some], kind="stable")]
        return float(logs[token]), tuple((int(each), float(logs[each])) for each in some)
