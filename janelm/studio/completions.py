"""From a question to orders for a batch, and from what it says to an answer, whole or as it comes."""

from __future__ import annotations

import asyncio
import math
import random
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..config import SamplingConfig, check
from ..errors import UsageError
from ..text.tidying import as_trained
from ..text.tokenizers import UNKNOWN_CHARACTER_BITS
from ..writing.generation import Limits, prompt_tokens
from .batching import Order
from .questions import (
    Choice,
    Completion,
    CompletionQuestion,
    LogProbabilities,
    Score,
    ScoredToken,
    ScoreQuestion,
    Usage,
    listed,
)
from .shelf import Desk
from .talks import Manner, Said, Talk

Client = tuple[str, str]
# Settings that OpenAI's API has not, or has otherwise: its presence and frequency count what is drawn alone (Manner).
OWN = {one.name for one in fields(SamplingConfig)} - {
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
}


@dataclass(eq=False)
class _Text:
    """One of the texts of an answer, as far as it has come."""

    order: Order
    number: int
    index: int
    shown: str
    """The prompt."""
    first: list[int]
    """The tokens that are given back without a probability."""
    recited: int
    """Tokens of the prompt that are still to be told."""
    offset: int = 0
    """Of the next token in the whole text."""


class Hearing:
    """Orders in a desk's batch, heard by one coroutine. Within `with`; they are given up at its end."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._loop = desk, asyncio.get_running_loop()
        self._heard: asyncio.Queue[tuple[Order, Any]] = asyncio.Queue()
        self.orders: list[Order] = []
        self._unfinished = 0

    def order(self, talks: list[Talk], context: list[int], client: Client, memory: int | None = None) -> Order:
        """Prepare an order, which `submit` sends."""

        def put(what: Any) -> None:
            try:
                self._loop.call_soon_threadsafe(self._heard.put_nowait, (order, what))
            except RuntimeError:  # the server has ended meanwhile
                order.gone = True

        order = Order(talks, context, put, put, client, memory)
        self.orders.append(order)
        return order

    def submit(self) -> None:
        """Raises Busy where too many wait already."""
        orders = [order for order in self.orders if not order.talks[0].done]  # some have nothing to say at all
        self._unfinished = sum(len(order.talks) for order in orders)
        self._desk.batch.submit(*orders)

    def __enter__(self) -> Hearing:
        return self

    def __exit__(self, *_: object) -> None:
        for order in self.orders:
            self._desk.batch.cancel(order)

    async def said(self) -> AsyncIterator[tuple[Order, list[tuple[int, Said]]]]:
        """What is said until all talks are done. Raises what went wrong in the batch."""
        while self._unfinished:
            order, what = await self._heard.get()
            if isinstance(what, Exception):
                raise what
            self._unfinished -= sum(bool(said.finish) for _, said in what)
            yield order, what


@dataclass
class Answering:
    """A completion that is under way."""

    desk: Desk
    question: CompletionQuestion
    client: Client
    id: str = field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    prompt_tokens: int = 0
    completion_tokens: int = 0

    async def pieces(self) -> AsyncIterator[list[Choice]]:
        """The answer as it comes: for each of its texts, in turn, what is new.

        Raises UsageError where the question makes no sense to this model, and Busy.
        """
        with Hearing(self.desk) as hearing:
            texts = await asyncio.to_thread(self._texts, hearing)
            if self.question.echo:
                yield [self._echoed(text) for text in texts.values()]
            hearing.submit()
            async for order, some in hearing.said():
                choices: dict[int, list[Said]] = {}
                for number, said in some:
                    choices.setdefault(number, []).append(said)
                yield [self._told(texts[order, number], saids) for number, saids in choices.items()]

    def answer(self, choices: list[Choice], usage: bool = False) -> Completion:
        total = self.prompt_tokens + self.completion_tokens
        counted = Usage(prompt_tokens=self.prompt_tokens, completion_tokens=self.completion_tokens, total_tokens=total)
        name = self.question.model
        return Completion(
            id=self.id, created=self.created, model=name, choices=choices, usage=counted if usage else None
        )

    def _texts(self, hearing: Hearing) -> dict[tuple[Order, int], _Text]:
        question = self.question
        found: dict[tuple[Order, int], _Text] = {}
        n = question.n or 1
        if question.best_of not in (None, n):
            raise UsageError(f"best_of is {question.best_of}, but can only be n, which is {n}")
        seed = random.getrandbits(31) if question.seed is None else question.seed
        for prompt in listed(question.prompt):
            written, shown = self._prompt(prompt)
            order, first, recited = self._order(hearing, written, seed)
            self.prompt_tokens += len(written)
            for number in range(n):
                text = _Text(order, number, len(found), shown, first, recited)
                text.offset = len(shown) if question.echo and not recited else 0
                found[order, number] = text
        return found

    def _prompt(self, prompt: str | list[int]) -> tuple[list[int], str]:
        """The tokens of a prompt, and the prompt as it is given back."""
        tokenizer = self.desk.run.tokenizer
        if isinstance(prompt, str):
            return prompt_tokens(tokenizer, as_trained(prompt, self.desk.run.config.data)), prompt
        return self.desk.known(prompt), tokenizer.decode(prompt)

    def _order(self, hearing: Hearing, written: list[int], seed: int) -> tuple[Order, list[int], int]:
        """An order of n texts; the tokens of the prompt that are given back without a probability, because nothing
        stands before them; and how many with one."""
        question, tokenizer = self.question, self.desk.run.tokenizer
        tokens = 16 if question.max_tokens is None else question.max_tokens
        limits = Limits(tokens, (question.stop,) if isinstance(question.stop, str) else tuple(question.stop or ()))
        asked = question.model_dump(include=OWN).items()
        own: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in asked}
        sampling = SamplingConfig(
            temperature=1.0 if question.temperature is None else question.temperature,
            top_p=1.0 if question.top_p is None else question.top_p,
            **own,
        )
        check(sampling)
        context, recited, first = tokenizer.started(written), [], []
        if question.echo and (question.logprobs is not None or not tokens):
            first = context[:1] if written and tokenizer.end_token is None else []
            context, recited = context[:1], context[1:]
        if not (tokens or question.echo):
            raise UsageError("max_tokens is 0: there is nothing to write, and without echo nothing to give back")
        manner = self._manner()
        talks = [
            Talk(tokenizer, replace(sampling, seed=seed + number), written, limits, manner, recited)
            for number in range(question.n or 1)
        ]
        return hearing.order(talks, context, self.client), first, len(recited)

    def _manner(self) -> Manner:
        question = self.question
        try:
            bias = {int(token): value for token, value in (question.logit_bias or {}).items()}
        except ValueError:
            raise UsageError("logit_bias has a name that is no number of a token") from None
        if min(bias, default=0) < 0:
            raise UsageError("logit_bias has a token under 0")
        self.desk.known(list(bias))
        return Manner(question.presence_penalty or 0.0, question.frequency_penalty or 0.0, bias, question.logprobs)

    def _told(self, text: _Text, saids: list[Said]) -> Choice:
        """What one text says next."""
        drawn = max(0, len(saids) - text.recited)
        text.recited -= len(saids) - drawn
        self.completion_tokens += drawn
        logprobs = None if self.question.logprobs is None else self._likely(text, saids)
        told, finish = "".join(said.text for said in saids), saids[-1].finish or None
        return Choice(index=text.index, text=told, logprobs=logprobs, finish_reason=finish)  # type: ignore[arg-type]

    def _echoed(self, text: _Text) -> Choice:
        """The prompt, given back."""
        logprobs = None if self.question.logprobs is None else self._likely(text, [Said(t, "") for t in text.first])
        finish: Any = "length" if text.order.talks[text.number].done and not text.recited else None
        return Choice(index=text.index, text=text.shown, logprobs=logprobs, finish_reason=finish)

    def _likely(self, text: _Text, saids: list[Said]) -> LogProbabilities:
        tokenizer = self.desk.run.tokenizer
        names = [tokenizer.decode([said.token]) for said in saids]
        offsets = []
        for name in names:
            offsets.append(text.offset)
            text.offset += len(name)
        tops: list[dict[str, float] | None] = []
        for said in saids:
            likeliest: dict[str, float] = {}
            for token, value in said.top:
                likeliest.setdefault(tokenizer.decode([token]), value)
            tops.append(None if said.log_probability is None else likeliest)
        return LogProbabilities(
            tokens=names,
            token_logprobs=[said.log_probability for said in saids],
            top_logprobs=tops,
            text_offset=offsets,
        )


def joined(pieces: list[list[Choice]]) -> list[Choice]:
    """Whole texts of what came piece by piece, in order."""
    whole: dict[int, Choice] = {}
    for piece in pieces:
        for choice in piece:
            one = whole.setdefault(choice.index, Choice(index=choice.index, text=""))
            one.text += choice.text
            one.finish_reason = choice.finish_reason
            if choice.logprobs is not None:
                one.logprobs = one.logprobs or LogProbabilities(
                    tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[]
                )
                for name in LogProbabilities.model_fields:
                    getattr(one.logprobs, name).extend(getattr(choice.logprobs, name))
    return [whole[index] for index in sorted(whole)]


async def score(desk: Desk, question: ScoreQuestion, client: Client) -> Score:
    """How well the model expects a text from its start. Raises Busy, and UsageError where it knows none of it."""
    tokenizer, name = desk.run.tokenizer, desk.source.name
    text = as_trained(question.input, desk.run.config.data)
    tokens = await asyncio.to_thread(prompt_tokens, tokenizer, text)
    unknown = sum(text.count(character) for character in tokenizer.unknown_characters(text))
    scored: list[ScoredToken] = []
    with Hearing(desk) as hearing:
        talk = Talk(tokenizer, SamplingConfig(), tokens, Limits(0), Manner(top=0), tokens)
        hearing.order([talk], tokenizer.started([]), client)
        hearing.submit()
        async for _, some in hearing.said():
            for _, said in some:
                bits = -(said.log_probability or 0.0) / math.log(2)
                scored.append(ScoredToken(token=said.token, text=tokenizer.decode([said.token]), bits=bits))
    bits = sum(one.bits for one in scored) + unknown * UNKNOWN_CHARACTER_BITS
    size = len(text.encode("utf-8", "replace"))
    usage = Usage(prompt_tokens=len(tokens), total_tokens=len(tokens))
    told = scored if question.tokens else None
    return Score(model=name, bits_per_byte=bits / size, bits=bits, bytes=size, usage=usage, tokens=told)
