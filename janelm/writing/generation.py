"""Writing text: one token after the other, each in one step of the model, without end.

Its twin is web/engine/generation.js: tests/browser/test_exactness.py compares what both write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..config import ModelConfig, SamplingConfig, check
from ..errors import UsageError
from ..runs.loaded import LoadedRun
from ..text.tidying import as_trained
from ..text.tokenizers import StreamDecoder, Tokenizer
from .sampling import Sampler, healed

if TYPE_CHECKING:
    from ..engines import Engine

# Texts side by side: more are hardly faster together, and what is carried of each takes the most memory.
MOST_AT_ONCE, CARRIED = 64, 1 << 28  # texts, and bytes of keys and values in float32


@dataclass(frozen=True)
class Limits:
    """When writing ends."""

    num_tokens: int = 500
    """Tokens to write."""
    stop: tuple[str, ...] = ()
    """Texts at which writing ends; they are not part of what is written."""

    def problems(self) -> list[str]:
        found = [] if self.num_tokens >= 1 else [f"num_tokens is {self.num_tokens}, but must be at least 1"]
        return found + (["a stop text is empty"] if "" in self.stop else [])


class Piece(NamedTuple):
    """One token drawn, and the text that is certain with it: often a word, sometimes nothing yet."""

    sample: int
    token: int
    text: str


class StopScanner:
    """Passes text on up to a stop text, and holds back what may yet become one.

    >>> scanner = StopScanner(("END",))
    >>> scanner.feed("one E"), scanner.feed("NE"), scanner.feed("ND"), scanner.stopped
    ('one ', 'EN', '', True)
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        if not self._stops:
            return text
        text, self._held = self._held + text, ""
        places = [place for place in (text.find(stop) for stop in self._stops) if place >= 0]
        if places:
            self.stopped = True
            return text[: min(places)]
        longest = max(map(len, self._stops)) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stops):
                text, self._held = text[:-size], text[-size:]
                break
        return text

    def finish(self) -> str:
        """What was held back when the text ends otherwise."""
        held, self._held = self._held, ""
        return held


class Stream:
    """One text in the making: draws its tokens and gives out its characters."""

    def __init__(
        self, tokenizer: Tokenizer, sampling: SamplingConfig, prompt: list[int], limits: Limits, blank: bool = False
    ) -> None:
        """`blank`: one was taken from the end of the prompt, with which the first token is to begin."""
        self._end_token = tokenizer.end_token
        self._sampler = Sampler(sampling, tokenizer.never_written, tokenizer.spelling)
        self._sampler.note(prompt, prompt=True)
        self._blank = blank
        if blank:
            self._sampler.begin_with_blank()
        self._decoder = StreamDecoder(tokenizer)
        self._scanner = StopScanner(limits.stop)
        self._left = limits.num_tokens
        self.done = self.cut_off = False  # the latter where there was more to say

    def advance(self, logits: np.ndarray) -> tuple[int, str]:
        """The next token after logits (V,), and the text that is certain with it."""
        token = self._sampler.draw(logits)
        self._left -= 1
        ended = token == self._end_token
        text = "" if ended else self._decoder.feed(token)
        if self._blank:
            text, self._blank = text.removeprefix(" "), False
        piece = "" if ended else self._scanner.feed(text)
        self.done = ended or self._left == 0 or self._scanner.stopped
        self.cut_off = self.done and not ended and not self._scanner.stopped
        if self.done and not self._scanner.stopped:
            piece += self._scanner.feed(self._decoder.finish()) + self._scanner.finish()
        return token, piece


def generate(
    run: LoadedRun,
    prompt: str = "",
    num_tokens: int = 500,
    sampling: SamplingConfig | None = None,
    *,
    stop: tuple[str, ...] = (),
    memory: int | None = None,
    engine: Engine | None = None,
) -> Iterator[str]:
    """Write up to `num_tokens` tokens after `prompt`, and yield the text piece by piece as it is written.

    A piece is whole characters, never part of one. The prompt itself is not yielded. A model of documents starts a
    new document with the prompt and stops where it ends it. Writing also ends before the first of the texts `stop`.
    `memory` limits how many past tokens the model sees; `engine` is what steps it, the fastest there is by default.
    Raises UsageError on settings that make no sense.
    """
    limits = Limits(num_tokens, stop)
    for piece in generate_samples(run, prompt, limits, sampling, memory=memory, engine=engine):
        if piece.text:
            yield piece.text


def generate_samples(
    run: LoadedRun,
    prompt: str,
    limits: Limits,
    sampling: SamplingConfig | None = None,
    *,
    num_samples: int = 1,
    memory: int | None = None,
    engine: Engine | None = None,
) -> Iterator[Piece]:
    """Write several texts side by side after the same prompt, and yield each token as it is drawn.

    Text i is drawn with the seed plus i, so that text 0 is what `generate` writes (but for int8, which rounds what
    stands side by side together). Of many texts some are written at a time, in order: as many as fit into memory.
    """
    sampling = sampling or SamplingConfig()
    check(sampling, limits, also=_problems(num_samples, memory))
    if engine is None:
        from ..engines import TorchEngine

        engine = TorchEngine(run.model)
    text, blank = healed(as_trained(prompt, run.config.data), run.tokenizer.spelling.vocabulary)
    written = prompt_tokens(run.tokenizer, text)  # all that the rules against repetition count
    context = run.tokenizer.started(written)
    at_once = side_by_side(run.config.model)
    for first in range(0, num_samples, at_once):
        streams = {
            number: Stream(run.tokenizer, replace(sampling, seed=sampling.seed + number), written, limits, blank)
            for number in range(first, min(first + at_once, num_samples))
        }
        yield from _write(engine, streams, context, memory)


def side_by_side(config: ModelConfig) -> int:
    """How many texts are written at once, so that what is carried for each of them fits into memory."""
    rows = config.context_length if config.bounded_memory else 1
    return max(1, min(MOST_AT_ONCE, CARRIED // (2 * 4 * config.layers * rows * config.width)))


def _write(engine: Engine, streams: dict[int, Stream], context: list[int], memory: int | None) -> Iterator[Piece]:
    """The tokens of some texts after the same context, by their numbers."""
    state = engine.initial_state(len(streams), memory)
    logits, state = engine.step(np.array([context] * len(streams), np.int64), state)
    while True:
        tokens = np.zeros((len(streams), 1), np.int64)
        for row, (number, stream) in enumerate(streams.items()):
            if not stream.done:
                token, text = stream.advance(logits[row])
                tokens[row] = token
                yield Piece(number, token, text)
        if all(stream.done for stream in streams.values()):
            return
        logits, state = engine.step(tokens, state)


def _problems(num_samples: int, memory: int | None) -> list[str]:
    found = [] if num_samples >= 1 else [f"num_samples is {num_samples}, but must be at least 1"]
    if memory is not None and memory < 1:
        found.append(f"memory is {memory}, but must be at least 1 token")
    return found


def line_breaks(typed: str) -> str:
    r"""What a person means who cannot type a line break: `\n` is one, and `\\` a backslash. All else stays.

    >>> line_breaks(r"CHAPTER I\n\nIt was")
    'CHAPTER I\n\nIt was'
    """
    return re.sub(r"\\n|\\\\", lambda found: "\n" if found[0] == r"\n" else "\\", typed)


def prompt_tokens(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """The tokens of the prompt. Raises UsageError where the vocabulary knows nothing of it."""
    unknown = tokenizer.unknown_characters(prompt)
    if unknown and all(character in unknown for character in prompt):
        raise UsageError(
            f"the model knows none of the characters of the prompt {prompt!r}: it was trained on other ones, so start "
            "with a word of its own text"
        )
    return tokenizer.encode(prompt).tolist()
